"""One source package → binary packages: the buildroot resolved, the key compared, the build made or reused."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from altai_build import __version__
from altai_build.config import Target
from altai_build.ledger import Artefact, Ledger, Record
from altai_build.model.package import RpmHeader
from altai_build.model.plan import BuildOutcome, BuildRequest, Failure, Status
from altai_build.tools.buildroot import Buildroot, LocalRpm, Resolver, Roots
from altai_build.tools.chroot import ChrootBuilder
from altai_build.tools.depsolver import Unsatisfiable
from altai_build.tools.files import make_directory, remove_tree, scratch_directory, sha256_file, sync_tree
from altai_build.tools.mock import MockBuilder
from altai_build.tools.mockconfig import MockConfig
from altai_build.tools.rpmfile import read_header
from altai_build.workspace import Workspace

_BUILDROOT = "buildroot "  # before the NEVRA, in a record's inputs


@dataclass(frozen=True)
class Workshop:
    """What a target is built with: its mock configuration, the resolver over its repositories, a builder."""

    target: Target
    config: MockConfig
    resolver: Resolver
    builder: ChrootBuilder | MockBuilder

    @classmethod
    def open(cls, target: Target, config: MockConfig, builder: str, workspace: Workspace) -> Workshop:
        """A workshop with the builder `mock` or `chroot`. Raises ToolMissing when it cannot run here."""
        resolver = Resolver(config, cache=workspace.cache)
        if builder == "mock":
            mock = MockBuilder(config, workspace_dir=workspace.root, macros=target.macros)
            mock.check()
            return cls(target=target, config=config, resolver=resolver, builder=mock)
        roots = Roots(directory=workspace.roots, packages=workspace.cache / "packages", config=config)
        chroot = ChrootBuilder(config=config, roots=roots, scratch=workspace.scratch, macros=target.macros)
        chroot.check()
        return cls(target=target, config=config, resolver=resolver, builder=chroot)

    def prepare(self) -> None:
        """Do what all builds share before they start side by side."""
        base = Buildroot(base=self.resolver.base, extra=())
        if isinstance(self.builder, ChrootBuilder):
            self.builder.prepare(base)

    def make(self, request: BuildRequest, buildroot: Buildroot) -> BuildOutcome:
        """Have the builder make it."""
        if isinstance(self.builder, ChrootBuilder):
            return self.builder.build(request, buildroot)
        return self.builder.build(request)


@dataclass(frozen=True)
class Job:
    """One component's build: its source package and the packages of this run that it may see."""

    component: str
    commit: str
    srpm: Path
    srpm_sha256: str
    header: RpmHeader
    local: tuple[LocalRpm, ...]
    cpus: int


@dataclass(frozen=True)
class Built:
    """What became of a job."""

    status: Status
    reason: str
    rpms: tuple[LocalRpm, ...] = ()
    key: str = ""
    buildroot: tuple[str, ...] = ()
    log: Path | None = None
    seconds: float = 0.0
    failure: Failure | None = None
    srpm: Path | None = None  # the source package it was made from


def build(job: Job, workshop: Workshop, workspace: Workspace, ledger: Ledger) -> Built:
    """Make the packages of a job, or take those that the same inputs made before.

    A failed build keeps its logs in the workspace's logs/ and is an answer; errors of the machine or configuration
    are raised.
    """
    started = time.monotonic()
    requirements = [str(one) for one in job.header.requires if not one.name.startswith("rpmlib(")]
    try:
        buildroot = workshop.resolver.resolve(requirements, job.local)
    except Unsatisfiable as error:
        return Built(
            status=Status.FAILED,
            reason="; ".join(error.problems),
            failure=Failure.DEPENDENCIES,
            seconds=time.monotonic() - started,
        )
    inputs = _inputs(job, workshop, buildroot)
    key = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
    known = _known(key, workspace, ledger)
    if known is not None:
        return Built(
            status=Status.REUSED,
            reason="source package, target, builder and buildroot are the same as when it was built",
            rpms=known,
            key=key,
            buildroot=buildroot.lines,
            log=_log(workspace.builds / key),
            seconds=0.0,
        )
    why = _why(inputs, ledger.latest("build", job.component))
    return _make(job, workshop, workspace, ledger, buildroot, inputs, key, why)


def _inputs(job: Job, workshop: Workshop, buildroot: Buildroot) -> list[tuple[str, str]]:
    """All that determines the result, by name."""
    return [
        ("tool", __version__),
        ("builder", f"{workshop.builder.name} {workshop.builder.version()}"),
        ("target", workshop.config.digest),
        ("macros", json.dumps(sorted(workshop.target.macros))),
        ("source package", job.srpm_sha256),
        *((f"{_BUILDROOT}{line.partition(' ')[0]}", line.partition(" ")[2]) for line in buildroot.lines),
    ]


def _known(key: str, workspace: Workspace, ledger: Ledger) -> tuple[LocalRpm, ...] | None:
    """The packages made under this key, if each is still there with the bytes that were written down."""
    record = ledger.find("build", key)
    if record is None or not record.artefacts:
        return None
    found = []
    for artefact in record.artefacts:
        path = workspace.builds / key / artefact.file
        if not path.is_file() or path.stat().st_size != artefact.size or sha256_file(path) != artefact.sha256:
            return None
        found.append(LocalRpm(path=path, header=read_header(path), sha256=artefact.sha256))
    return tuple(found)


def _why(inputs: Sequence[tuple[str, str]], last: Record | None) -> str:
    """In words, what is new since the component's last build."""
    if last is None:
        return "it was never built in this workspace"
    before, now = dict(last.inputs), dict(inputs)
    changed = [name for name in now if name in before and before[name] != now[name]]
    came = [name for name in now if name not in before]
    gone = [name for name in before if name not in now]
    if not (changed or came or gone):
        return "its packages are no longer in the workspace"
    roots = [name for name in (*changed, *came, *gone) if name.startswith(_BUILDROOT)]
    words = [f"{name} changed" for name in changed if not name.startswith(_BUILDROOT)]
    if roots:
        names = sorted({name[len(_BUILDROOT) :].rsplit("-", 2)[0] for name in roots})
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        words.append(f"its buildroot has other versions of {', '.join(names[:3])}{more}")
    return ", ".join(words)


def _make(
    job: Job,
    workshop: Workshop,
    workspace: Workspace,
    ledger: Ledger,
    buildroot: Buildroot,
    inputs: Sequence[tuple[str, str]],
    key: str,
    why: str,
) -> Built:
    make_directory(workspace.builds)
    with scratch_directory(workspace.builds, ".new") as scratch:
        scratch.chmod(0o755)
        result = make_directory(scratch / "result")
        request = BuildRequest(
            component=job.component,
            srpm=job.srpm,
            local_rpms=tuple(rpm.path for rpm in job.local),
            result_dir=result,
            source_date_epoch=int(job.header.build_time.timestamp()),
            jobs=job.cpus,
        )
        outcome = workshop.make(request, buildroot)
        if outcome.failure is not None:
            return _keep_evidence(job, workspace, outcome, result, key)
        rpms = [
            LocalRpm(path=path, header=read_header(path), sha256=sha256_file(path)) for path in outcome.rpms
        ]
        sync_tree(result)
        place = workspace.builds / key
        remove_tree(place)
        os.rename(result, place)
    kept = tuple(LocalRpm(path=place / rpm.path.name, header=rpm.header, sha256=rpm.sha256) for rpm in rpms)
    ledger.append(
        Record(
            kind="build",
            key=key,
            component=job.component,
            commit=job.commit,
            inputs=tuple(inputs),
            artefacts=tuple(
                Artefact(file=rpm.path.name, sha256=rpm.sha256, size=rpm.path.stat().st_size) for rpm in kept
            ),
            seconds=round(outcome.seconds, 3),
            nevra=str(job.header.nevra),
        )
    )
    return Built(
        status=Status.BUILT,
        reason=why,
        rpms=kept,
        key=key,
        buildroot=outcome.buildroot or buildroot.lines,
        log=_log(place),
        seconds=outcome.seconds,
    )


def _keep_evidence(job: Job, workspace: Workspace, outcome: BuildOutcome, result: Path, key: str) -> Built:
    """Move the logs of a failed build to where a person finds them."""
    place = workspace.logs / job.component.replace("/", "_")
    remove_tree(place)
    make_directory(place.parent)
    os.rename(result, place)
    log = place / outcome.log.name if outcome.log is not None else None
    return Built(
        status=Status.FAILED,
        reason=outcome.reason,
        key=key,
        buildroot=outcome.buildroot,
        log=log if log is not None and log.exists() else None,
        seconds=outcome.seconds,
        failure=outcome.failure,
    )


def _log(place: Path) -> Path | None:
    log = place / "build.log"
    return log if log.exists() else None
