"""Finished builds, kept in the workspace under their keys and recorded in the ledger."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.ledger import Artefact, Ledger, Record
from altai_build.model.build import FAILURE_KIND, BuildStep
from altai_build.model.build_inputs import BuildInputs
from altai_build.model.package import LocalRpm
from altai_build.model.rebuild_reason import describe_differences
from altai_build.stages.build.environment import ComponentBuild
from altai_build.stages.build.jobs import JobResult
from altai_build.tools.buildlog.reading import read_for_keeping
from altai_build.tools.files import (
    make_directory,
    remove_tree,
    scratch_directory,
    sha256_file,
    write_atomically,
)
from altai_build.tools.rpm.header import read_header
from altai_build.tools.sealed_json import dump_sealed, read_sealed
from altai_build.workspace import Workspace

if TYPE_CHECKING:
    from altai_build.stages.build.known_builds import KnownBuilds

# The list of what a build requires, in the folder of a step that asked for it.
_REQUIRES_FILE = "requires.json"
# Of a failed build. The log has another name than that of one that succeeded, because what a failed build printed
# explains no other failure.
_FAILURE_FILE = "failure.json"
_FAILURE_LOG = "failed.log"


@dataclass(frozen=True)
class ReleasedBuild:
    """The verified packages of a build in a release."""

    release: str
    rpms: tuple[LocalRpm, ...]


@dataclass(frozen=True)
class KnownFailure:
    """Why a build failed, its log, and the lines of it that say why."""

    reason: str
    log: Path
    causes: tuple[str, ...]


@dataclass(frozen=True)
class BuildCache:
    """The builds of one workspace, and those that a release has."""

    workspace: Workspace
    ledger: Ledger
    # Build key → the build in a release; None: no release is looked at.
    find_released: Callable[[str], ReleasedBuild | None] | None = None
    # Whether what has failed is not built again. Usually it is: whoever builds again hopes for another result.
    trusts_failures: bool = False
    # Which builds were found before; None: nothing is remembered.
    known: KnownBuilds | None = None
    # Which packages of an earlier build may be used again.
    is_reusable: Callable[[LocalRpm], bool] = lambda rpm: True

    def read_packages(self, record: Record | None) -> tuple[LocalRpm, ...]:
        """The packages of a build; () unless each is still there with the bytes that were recorded."""
        if record is None:
            return ()
        packages = []
        for artefact in record.artefacts:
            path = self._folder(record.key) / artefact.file
            if not path.is_file() or path.stat().st_size != artefact.size:
                return ()
            if sha256_file(path) != artefact.sha256:
                return ()
            packages.append(LocalRpm(path=path, header=read_header(path), sha256=artefact.sha256))
        return tuple(packages) if all(map(self.is_reusable, packages)) else ()

    def read_requires(self, record: Record | None) -> tuple[str, ...] | None:
        """What a build requires by an earlier answer; None unless that is still there as it was recorded."""
        if record is None or not record.artefacts:
            return None
        stored = read_sealed(self._folder(record.key) / record.artefacts[0].file)
        return tuple(stored["requires"]) if stored is not None and "requires" in stored else None

    def mark_used(self, key: str) -> None:
        """Note that a build was used now: `clean` removes those that were not used for long."""
        os.utime(self._folder(key))

    def find_log(self, key: str) -> Path | None:
        """The log of a build, where it has one."""
        log = self._folder(key) / "build.log"
        return log if log.exists() else None

    def find_good_log(self, build: ComponentBuild) -> Path | None:
        """The log of the component's last build that succeeded: one in the workspace, else that in a release."""
        last = self.last_build(build.component, build.last_key)
        found = self.find_log(last.key) if last is not None else None
        return found if found is not None else build.released_log

    def last_build(self, component: str, key: str) -> Record | None:
        """The build that a component's packages came from last, by its `key`; the newest where that is not known."""
        return (self.ledger.find("build", key) if key else None) or self.ledger.latest("build", component)

    def store(
        self, step: BuildStep, build: ComponentBuild, key: str, inputs: BuildInputs, result: JobResult
    ) -> tuple[LocalRpm, ...]:
        """Move the files of a successful job to their place, then record them; returns the packages there."""
        folder = self._folder(key)
        artefacts = tuple(
            Artefact(file=rpm.path.name, sha256=rpm.sha256, size=rpm.path.stat().st_size)
            for rpm in result.rpms
        )
        if step is not BuildStep.PACKAGES:
            text = dump_sealed({"requires": result.requires})
            write_atomically(result.folder / _REQUIRES_FILE, text)
            digest = hashlib.sha256(text).hexdigest()
            artefacts = (Artefact(file=_REQUIRES_FILE, sha256=digest, size=len(text)),)
        remove_tree(folder)
        os.rename(result.folder, folder)
        packages = tuple(replace(rpm, path=folder / rpm.path.name) for rpm in result.rpms)
        self.ledger.append(
            Record(
                kind=step.value,
                key=key,
                component=build.component,
                commit=build.commit,
                inputs=tuple(inputs),
                artefacts=artefacts,
                seconds=round(result.outcome.seconds, 3),
                nevra=str(build.header.nevra),
            )
        )
        return packages

    def store_failure(self, build: ComponentBuild, key: str, inputs: BuildInputs, result: JobResult) -> None:
        """Record that a build of these inputs has failed, with its log; the caller knows that it fails each time."""
        assert result.outcome.log is not None
        folder = self._folder(key)
        with scratch_directory(self.workspace.builds, ".new") as scratch:
            made = make_directory(scratch / "failure")
            log = read_for_keeping(result.outcome.log)
            text = dump_sealed({"reason": result.outcome.reason, "causes": result.outcome.causes})
            artefacts = []
            for name, data in ((_FAILURE_FILE, text), (_FAILURE_LOG, log)):
                write_atomically(made / name, data)
                artefacts.append(Artefact(file=name, sha256=hashlib.sha256(data).hexdigest(), size=len(data)))
            remove_tree(folder)
            os.rename(made, folder)
        self.ledger.append(
            Record(
                kind=FAILURE_KIND,
                key=key,
                component=build.component,
                commit=build.commit,
                inputs=tuple(inputs),
                artefacts=tuple(artefacts),
                seconds=round(result.outcome.seconds, 3),
                nevra=str(build.header.nevra),
            )
        )

    def find_failure(self, key: str) -> KnownFailure | None:
        """The failed build of the same inputs; None unless it may stand for another one and is there as recorded."""
        record = self.ledger.find(FAILURE_KIND, key) if self.trusts_failures else None
        if record is None:
            return None
        folder = self._folder(key)
        stored = read_sealed(folder / _FAILURE_FILE)
        if stored is None or not (folder / _FAILURE_LOG).is_file():
            return None
        self.mark_used(key)
        return KnownFailure(
            reason=str(stored["reason"]),
            log=folder / _FAILURE_LOG,
            causes=tuple(map(str, stored["causes"])),
        )

    def keep_failure_logs(self, component: str, result: JobResult) -> Path | None:
        """Move the logs of a failed job to where people look for them; returns the log to read first."""
        folder = self.workspace.failed_build_logs(component)
        remove_tree(folder)
        make_directory(folder.parent)
        os.rename(result.folder, folder)
        log = folder / result.outcome.log.name if result.outcome.log is not None else None
        return log if log is not None and log.exists() else None

    def _folder(self, key: str) -> Path:
        return self.workspace.builds / key


def describe_rebuild_reason(inputs: BuildInputs, last: Record | None) -> str:
    """What differs from the component's last build."""
    if last is None:
        return "never built in this workspace"
    return describe_differences(last.inputs, inputs) or "its packages in the workspace are missing or damaged"
