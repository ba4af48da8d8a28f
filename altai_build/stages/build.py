"""One source package → binary packages: the buildroot resolved, the key compared, the build made or reused."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from altai_build import __version__
from altai_build.config import Target
from altai_build.errors import InputError
from altai_build.ledger import Artefact, Ledger, Record
from altai_build.model.build import BuildOutcome, BuildRequest, ComponentStatus, FailureKind
from altai_build.model.fingerprint import RebuildPolicy, compute_fingerprint, is_local_package
from altai_build.model.inputs import (
    BUILDROOT_PREFIX,
    SOURCE_PACKAGE,
    compute_build_key,
    describe_differences,
    describe_reuse,
)
from altai_build.model.package import LocalRpm, RpmHeader
from altai_build.tools.builder import Builder
from altai_build.tools.chroot.resolver import Buildroot, BuildrootResolver
from altai_build.tools.files import make_directory, remove_tree, scratch_directory, sha256_file, sync_tree
from altai_build.tools.mock.config import MockConfig
from altai_build.tools.rpm.header import read_built_headers, read_header
from altai_build.tools.solver.resolve import Unsatisfiable
from altai_build.workspace import Workspace

DYNAMIC_BUILDREQUIRES = (
    "rpmlib(DynamicBuildRequires)"  # required by source packages whose spec has %generate_buildrequires
)
UNEXPECTED_PACKAGES = (
    "unforeseen packages"  # an input of builds whose root had other packages than were chosen
)
MAX_DYNAMIC_ROUNDS = 10  # of that, each in a root that has what the one before asked for; mock's own limit


@dataclass(frozen=True)
class BuildEnvironment:
    """What a target is built with: its mock configuration, the resolver over its repositories, a builder."""

    target: Target
    config: MockConfig
    resolver: BuildrootResolver
    builder: Builder
    dependants: RebuildPolicy = RebuildPolicy.REBUILD

    def prepare(self) -> None:
        """Do what all builds share before they start side by side."""
        self.builder.prepare(self.resolver.base_buildroot)


@dataclass(frozen=True)
class BuildJob:
    """One component's build: its source package and the packages of this run that it may see."""

    component: str
    commit: str
    srpm: Path
    srpm_sha256: str
    header: RpmHeader
    local: tuple[LocalRpm, ...]
    cpus: int
    macros: tuple[tuple[str, str], ...] = ()  # of a declared bootstrap, over the target's
    before: str = ""  # the key of the build that gave the component's packages last


@dataclass(frozen=True)
class BuildResult:
    """What became of a job."""

    status: ComponentStatus
    reason: str
    rpms: tuple[LocalRpm, ...] = ()
    key: str = ""
    buildroot: tuple[str, ...] = ()
    log: Path | None = None
    seconds: float = 0.0
    failure: FailureKind | None = None
    srpm: Path | None = None  # the source package it was made from


class UnknownDynamicRequires(Unsatisfiable):
    """What a spec's %generate_buildrequires asks for is not known; `failed` tells of a run that did not find it out."""

    def __init__(self, problem: str, failed: BuildResult | None = None) -> None:
        super().__init__([problem])
        self.failed = failed


@dataclass(frozen=True)
class BuildLookup:
    """What a job's packages would be made from, and what an earlier build made from the same."""

    buildroot: Buildroot
    inputs: tuple[tuple[str, str], ...]  # all that determines the result, by name
    key: str
    cached_record: Record | None  # a build whose inputs are the same, as far as the policy lets them count
    rpms: tuple[LocalRpm, ...]  # what that build made; empty when there is none, or its packages are gone


def look_up_build(
    job: BuildJob,
    environment: BuildEnvironment,
    workspace: Workspace,
    ledger: Ledger,
    *,
    generate: bool = False,
) -> BuildLookup:
    """Resolve a job's buildroot and look for a build of the same inputs.

    Nothing is made, but with `generate` the list of what the spec's %generate_buildrequires asks for, where that is not
    known. Raises Unsatisfiable.
    """
    buildroot = _resolve_buildroot(job, environment, workspace, ledger, generate)
    inputs = _inputs(job, environment, buildroot)
    key = compute_build_key(inputs, RebuildPolicy.REBUILD)
    candidates = [ledger.find("build", key)]
    if environment.dependants is not RebuildPolicy.REBUILD:
        wanted = compute_build_key(inputs, environment.dependants)
        past = ledger.history("build", job.component)
        candidates += [one for one in past if compute_build_key(one.inputs, environment.dependants) == wanted]
    for record in candidates:
        rpms = read_cached_packages(record, workspace) if record is not None else ()
        if rpms:
            return BuildLookup(buildroot=buildroot, inputs=inputs, key=key, cached_record=record, rpms=rpms)
    return BuildLookup(buildroot=buildroot, inputs=inputs, key=key, cached_record=None, rpms=())


def _has_dynamic_requires(job: BuildJob) -> bool:
    return any(one.name == DYNAMIC_BUILDREQUIRES for one in job.header.requires)


def _requirements(header: RpmHeader) -> list[str]:
    return [str(one) for one in header.requires if not one.name.startswith("rpmlib(")]


def _resolve_buildroot(
    job: BuildJob, environment: BuildEnvironment, workspace: Workspace, ledger: Ledger, generate: bool
) -> Buildroot:
    """The buildroot of a job; with what its spec generates in there, until that asks for nothing more.

    mock does that by itself: see `describe_unexpected_packages`.
    """
    static = [*_requirements(job.header), *(f"!{one}" for one in job.header.conflicts)]  # BuildConflicts
    buildroot = environment.resolver.resolve_build_requires(static, job.local)
    if not _has_dynamic_requires(job) or environment.builder.resolves_dependencies:
        return buildroot
    for _ in range(MAX_DYNAMIC_ROUNDS):
        asked = _dynamic_requires(job, environment, workspace, ledger, buildroot, generate)
        fuller = environment.resolver.resolve_build_requires([*static, *asked], job.local)
        if fuller.lines == buildroot.lines:
            return buildroot
        buildroot = fuller
    raise UnknownDynamicRequires(
        f"its %generate_buildrequires asks for other packages each time, {MAX_DYNAMIC_ROUNDS} times in a row"
    )


def _dynamic_requires(
    job: BuildJob,
    environment: BuildEnvironment,
    workspace: Workspace,
    ledger: Ledger,
    buildroot: Buildroot,
    generate: bool,
) -> list[str]:
    """What %generate_buildrequires asks for in a buildroot, kept as builds are."""
    inputs = (*_inputs(job, environment, buildroot), ("step", "%generate_buildrequires"))
    key = compute_build_key(inputs, RebuildPolicy.REBUILD)
    record = ledger.find("requires", key)
    kept = read_cached_packages(record, workspace) if record is not None else ()
    if record is not None and kept:
        os.utime(workspace.builds / key)
    elif not generate:
        raise UnknownDynamicRequires("what its %generate_buildrequires asks for is known when that has run")
    else:
        made = _run_builder(
            "requires", job, environment, workspace, ledger, BuildLookup(buildroot, inputs, key, None, ())
        )
        if made.status is ComponentStatus.FAILED:
            raise UnknownDynamicRequires(made.reason, made)
        kept = made.rpms
    return _requirements(kept[0].header)


def build_or_reuse(
    job: BuildJob, environment: BuildEnvironment, workspace: Workspace, ledger: Ledger
) -> BuildResult:
    """Make the packages of a job, or take those that the same inputs made before.

    A failed build keeps its logs in the workspace's logs/ and is an answer; errors of the machine or configuration
    are raised.
    """
    started = time.monotonic()
    try:
        examined = look_up_build(job, environment, workspace, ledger, generate=True)
    except Unsatisfiable as error:
        if isinstance(error, UnknownDynamicRequires) and error.failed is not None:
            return error.failed
        return BuildResult(
            status=ComponentStatus.FAILED,
            reason="; ".join(error.problems),
            failure=FailureKind.DEPENDENCIES,
            seconds=time.monotonic() - started,
        )
    record = examined.cached_record
    if record is not None:
        os.utime(workspace.builds / record.key)  # `clean` removes what is not used
        return BuildResult(
            status=ComponentStatus.REUSED,
            reason=describe_reuse(record.inputs, examined.inputs, environment.dependants),
            rpms=examined.rpms,
            key=record.key,
            buildroot=_read_buildroot_packages(record),
            log=_find_log(workspace.builds / record.key),
            seconds=0.0,
        )
    why = describe_rebuild_reason(examined.inputs, last_build(ledger, job.component, job.before))
    made = _run_builder("build", job, environment, workspace, ledger, examined)
    return (
        made
        if made.status is ComponentStatus.FAILED
        else replace(made, reason="; ".join(filter(None, (why, made.reason))))
    )


def _inputs(
    job: BuildJob, environment: BuildEnvironment, buildroot: Buildroot
) -> tuple[tuple[str, str], ...]:
    """All that determines the result, by name.

    A package of this superproject stands under its name with what of it can matter (`model.matter`), so that a rebuild
    that changes nothing of that ends there; every other package under its NEVRA with its digest.
    """
    headers = {str(one.path): one.header for one in job.local}
    packages = []
    for one in (*buildroot.base, *buildroot.extra):
        name, _, digest = one.line.partition(" ")
        if one.metadata is None:
            packages.append(
                (
                    f"{one.nevra.name}.{one.nevra.arch}",
                    compute_fingerprint(headers[one.location]).to_input_value(one.line),
                )
            )
        else:
            packages.append((name, digest))
    return (
        ("tool", __version__),
        ("builder", f"{environment.builder.name} {environment.builder.version()}"),
        ("target", environment.config.digest),
        ("macros", json.dumps(sorted(environment.target.build_macros))),
        *((f"bootstrap {name}", value) for name, value in job.macros),
        (SOURCE_PACKAGE, job.srpm_sha256),
        *((f"{BUILDROOT_PREFIX}{name}", value) for name, value in sorted(packages)),
    )


def read_cached_packages(record: Record, workspace: Workspace) -> tuple[LocalRpm, ...]:
    """The packages of a finished build, if each is still there with the bytes that were written down."""
    found = []
    for artefact in record.artefacts:
        path = workspace.builds / record.key / artefact.file
        if not path.is_file() or path.stat().st_size != artefact.size or sha256_file(path) != artefact.sha256:
            return ()
        found.append(LocalRpm(path=path, header=read_header(path), sha256=artefact.sha256))
    return tuple(found)


def _read_buildroot_packages(record: Record) -> tuple[str, ...]:
    """The `NEVRA algorithm:digest` lines of the buildroot that a finished build had."""
    lines = []
    for name, value in record.inputs:
        if name.startswith(BUILDROOT_PREFIX):
            whole = value if is_local_package(value) else f"{name[len(BUILDROOT_PREFIX) :]} {value}"
            lines.append(" ".join(whole.split(" ")[:2]))
    return tuple(sorted(lines))


def last_build(ledger: Ledger, component: str, key: str) -> Record | None:
    """The build of a `key` that gave a component's packages last; where it is not known, the last that was made."""
    return (ledger.find("build", key) if key else None) or ledger.latest("build", component)


def describe_rebuild_reason(inputs: Sequence[tuple[str, str]], last: Record | None) -> str:
    """In words, what is new since the component's last build."""
    if last is None:
        return "it was never built in this workspace"
    return describe_differences(last.inputs, inputs) or "its packages are no longer in the workspace"


def _run_builder(
    kind: str,
    job: BuildJob,
    environment: BuildEnvironment,
    workspace: Workspace,
    ledger: Ledger,
    examined: BuildLookup,
) -> BuildResult:
    """Have the builder make packages, or (the kind `requires`) the list of what they need; keep and record them."""
    key, inputs, note = examined.key, examined.inputs, ""
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
            macros=job.macros,
            generate=kind == "requires",
        )
        outcome = environment.builder.build(request, examined.buildroot)
        headers: list[RpmHeader] = []
        if outcome.failure is None:
            try:
                headers = read_built_headers(outcome.rpms)
            except InputError as error:
                outcome = replace(outcome, failure=FailureKind.BUILD, reason=error.what)
        if outcome.failure is not None:
            return _keep_failure_logs(job, workspace, outcome, result, key)
        strange = describe_unexpected_packages(examined.buildroot, outcome.buildroot)
        if strange:
            # The packages stand under a key that nobody looks for: it is not the one they were to be made from.
            inputs = (*inputs, (UNEXPECTED_PACKAGES, strange))
            key = compute_build_key(inputs, RebuildPolicy.REBUILD)
            note = f"its root had other packages than were chosen ({strange}), so it is never reused"
        rpms = [
            LocalRpm(path=path, header=header, sha256=sha256_file(path))
            for path, header in zip(outcome.rpms, headers)
        ]
        sync_tree(result)
        place = workspace.builds / key
        remove_tree(place)
        os.rename(result, place)
    kept = tuple(LocalRpm(path=place / rpm.path.name, header=rpm.header, sha256=rpm.sha256) for rpm in rpms)
    ledger.append(
        Record(
            kind=kind,
            key=key,
            component=job.component,
            commit=job.commit,
            inputs=inputs,
            artefacts=tuple(
                Artefact(file=rpm.path.name, sha256=rpm.sha256, size=rpm.path.stat().st_size) for rpm in kept
            ),
            seconds=round(outcome.seconds, 3),
            nevra=str(job.header.nevra),
        )
    )
    return BuildResult(
        status=ComponentStatus.BUILT,
        reason=note,
        rpms=kept,
        key=key,
        buildroot=outcome.buildroot or examined.buildroot.lines,
        log=_find_log(place),
        seconds=outcome.seconds,
    )


def describe_unexpected_packages(chosen: Buildroot, found: Sequence[str]) -> str:
    """How the packages that a builder tells of (`NEVRA …` each) differ from those that were chosen; "" if in nothing.

    mock has a package manager of its own, which may choose otherwise, and has %generate_buildrequires ask for more.
    """
    wanted, had = ({line.partition(" ")[0] for line in lines} for lines in (chosen.lines, found))
    return ", ".join(
        [*(f"+{one}" for one in sorted(had - wanted)), *(f"-{one}" for one in sorted(wanted - had))]
    )


def _keep_failure_logs(
    job: BuildJob, workspace: Workspace, outcome: BuildOutcome, result: Path, key: str
) -> BuildResult:
    """Move the logs of a failed build to where a person finds them."""
    place = workspace.failed_build_logs(job.component)
    remove_tree(place)
    make_directory(place.parent)
    os.rename(result, place)
    log = place / outcome.log.name if outcome.log is not None else None
    return BuildResult(
        status=ComponentStatus.FAILED,
        reason=outcome.reason,
        key=key,
        buildroot=outcome.buildroot,
        log=log if log is not None and log.exists() else None,
        seconds=outcome.seconds,
        failure=outcome.failure,
    )


def _find_log(place: Path) -> Path | None:
    log = place / "build.log"
    return log if log.exists() else None
