"""Finished builds, kept in the workspace under their keys and recorded in the ledger."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from altai_build.ledger import Artefact, Ledger, Record
from altai_build.model.build_inputs import BuildInputs
from altai_build.model.package import LocalRpm
from altai_build.model.rebuild_reason import describe_differences
from altai_build.stages.build.environment import ComponentBuild
from altai_build.stages.build.jobs import JobResult
from altai_build.tools.files import make_directory, remove_tree, sha256_file
from altai_build.tools.rpm.header import read_header
from altai_build.workspace import Workspace


@dataclass(frozen=True)
class BuildCache:
    """The builds of one workspace."""

    workspace: Workspace
    ledger: Ledger

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
        return tuple(packages)

    def mark_used(self, key: str) -> None:
        """Note that a build was used now: `clean` removes those that were not used for long."""
        os.utime(self._folder(key))

    def find_log(self, key: str) -> Path | None:
        """The log of a build, where it has one."""
        log = self._folder(key) / "build.log"
        return log if log.exists() else None

    def last_build(self, component: str, key: str) -> Record | None:
        """The build that a component's packages came from last, by its `key`; the newest where that is not known."""
        return (self.ledger.find("build", key) if key else None) or self.ledger.latest("build", component)

    def store(
        self, kind: str, build: ComponentBuild, key: str, inputs: BuildInputs, result: JobResult
    ) -> tuple[LocalRpm, ...]:
        """Move the files of a successful job to their place, then record them; returns the packages there.

        `kind` is that of the record: `build`, or `requires` for what %generate_buildrequires asks for.
        """
        folder = self._folder(key)
        remove_tree(folder)
        os.rename(result.folder, folder)
        packages = tuple(replace(rpm, path=folder / rpm.path.name) for rpm in result.rpms)
        self.ledger.append(
            Record(
                kind=kind,
                key=key,
                component=build.component,
                commit=build.commit,
                inputs=tuple(inputs),
                artefacts=tuple(
                    Artefact(file=rpm.path.name, sha256=rpm.sha256, size=rpm.path.stat().st_size)
                    for rpm in packages
                ),
                seconds=round(result.outcome.seconds, 3),
                nevra=str(build.header.nevra),
            )
        )
        return packages

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
    return describe_differences(last.inputs, inputs) or "its packages are no longer in the workspace"
