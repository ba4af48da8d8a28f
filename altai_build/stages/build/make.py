"""The builder's part of a component's build: a job for it, and its results stored or its logs kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.build import BuildRequest, BuildResult, BuildStep
from altai_build.model.build_inputs import compute_build_key
from altai_build.model.component_status import ComponentStatus
from altai_build.model.package_fingerprint import RebuildPolicy
from altai_build.stages.build.cache import BuildCache
from altai_build.stages.build.environment import BuildEnvironment, ComponentBuild
from altai_build.stages.build.jobs import BuildJob, Steps
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.disk import describe_full_disks
from altai_build.tools.files import make_directory, scratch_directory
from altai_build.tools.leftovers import find_temporary_parent

# An input of builds whose chroot had other packages than were chosen.
UNEXPECTED_PACKAGES = "unexpected packages"


@dataclass(frozen=True)
class ResolvedBuild:
    """What a component would be built in, and everything that determines the result."""

    buildroot: Buildroot
    inputs: tuple[tuple[str, str], ...]  # by name

    @cached_property
    def key(self) -> str:
        """What the build is stored under."""
        return compute_build_key(self.inputs, RebuildPolicy.REBUILD)


@dataclass(frozen=True)
class StepResult:
    """What became of one step of a build; `requires` is the list that it was asked for, of one that succeeded."""

    result: BuildResult
    requires: tuple[str, ...] = ()


def run_builder(
    step: BuildStep,
    build: ComponentBuild,
    resolved: ResolvedBuild,
    environment: BuildEnvironment,
    cache: BuildCache,
) -> Steps[StepResult]:
    """Have a builder make the packages, or a list of what the build requires; store what it made.

    A failed build is a result; its logs are kept in the workspace.
    """
    with scratch_directory(cache.workspace.builds, ".new") as scratch:
        scratch.chmod(0o755)  # builders work as other users
        result_dir = make_directory(scratch / "result")
        result = yield BuildJob(
            target=environment.target.name,
            request=BuildRequest(
                component=build.component,
                srpm=build.srpm,
                local_rpms=tuple(rpm.path for rpm in build.local),
                result_dir=result_dir,
                source_date_epoch=int(build.header.build_time.timestamp()),
                jobs=build.cpus,
                macros=build.macros,
                step=step,
                good_log=cache.find_good_log(build),
            ),
            buildroot=resolved.buildroot,
        )
        outcome = result.outcome
        # The job may have waited for a slot.
        started = time.monotonic() - outcome.seconds
        if outcome.failure is not None:
            unexpected = describe_unexpected_packages(resolved.buildroot, outcome.buildroot)
            if step is BuildStep.PACKAGES and outcome.is_conclusive and not unexpected:
                cache.store_failure(build, resolved.key, resolved.inputs, result)
            log = cache.keep_failure_logs(build.component, result)
            _refuse_full_disk(build.component, log, cache)
            failed = BuildResult(
                component=build.component,
                commit=build.commit,
                status=ComponentStatus.FAILED,
                reason=outcome.reason,
                srpm=build.srpm,
                log=log,
                seconds=round(outcome.seconds, 3),
                key=resolved.key,
                buildroot=outcome.buildroot,
                failure=outcome.failure,
                causes=outcome.causes,
                is_conclusive=outcome.is_conclusive,
            )
            return StepResult(failed)
        note = ""
        unexpected = describe_unexpected_packages(resolved.buildroot, outcome.buildroot)
        if unexpected:
            note = f"{environment.builder.name} installed other packages than were resolved ({unexpected}); "
            note += "this result is not cached"
            # A key that no look-up asks for: the packages were made from other inputs than those that were resolved.
            resolved = ResolvedBuild(
                resolved.buildroot, (*resolved.inputs, (UNEXPECTED_PACKAGES, unexpected))
            )
        packages = cache.store(step, build, resolved.key, resolved.inputs, result)
    built = BuildResult(
        component=build.component,
        commit=build.commit,
        status=ComponentStatus.BUILT,
        reason=note,
        srpm=build.srpm,
        rpms=packages,
        log=cache.find_log(resolved.key),
        seconds=round(outcome.seconds, 3),
        started=started,
        key=resolved.key,
        buildroot=outcome.buildroot or resolved.buildroot.lines,
    )
    return StepResult(built, result.requires)


def _refuse_full_disk(component: str, log: Path | None, cache: BuildCache) -> None:
    """Raise InputError when a disk is full even now that the failed build's own files are gone: it is not to blame."""
    full = describe_full_disks([cache.workspace.root, find_temporary_parent()])
    if full:
        raise InputError(
            f"{component} was not built: no space is left",
            why="\n".join((*full, *([f"log: {log}"] if log is not None else ()))),
            todo="free space there and rerun the command",
        )


def describe_unexpected_packages(chosen: Buildroot, installed: Sequence[str]) -> str:
    """How the packages that a builder installed (`NEVRA …` each) differ from the chosen ones; "" where they do not.

    A builder that resolves dependencies itself, as mock does, may choose otherwise, and installs what
    %generate_buildrequires asks for besides.
    """
    wanted, had = ({line.partition(" ")[0] for line in lines} for lines in (chosen.lines, installed))
    added, missing = sorted(had - wanted), sorted(wanted - had)
    return ", ".join([*(f"+{nevra}" for nevra in added), *(f"-{nevra}" for nevra in missing)])
