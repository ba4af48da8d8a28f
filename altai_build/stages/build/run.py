"""A component's build from look-up to record: packages of the same inputs are reused, others built and stored."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

from altai_build.ledger import Record
from altai_build.model.build import BuildResult, BuildStep, FailureKind
from altai_build.model.build_inputs import BUILDROOT_PREFIX, BuildInputs
from altai_build.model.component_status import ComponentStatus
from altai_build.model.package import LocalRpm
from altai_build.model.package_fingerprint import is_local_package
from altai_build.model.rebuild_reason import describe_reuse
from altai_build.stages.build.cache import BuildCache, describe_rebuild_reason
from altai_build.stages.build.environment import BuildEnvironment, ComponentBuild
from altai_build.stages.build.jobs import Steps
from altai_build.stages.build.known_builds import KnownBuild, digest_inputs
from altai_build.stages.build.lookup import UnknownBuildRequires, compute_question, look_up_or_generate
from altai_build.stages.build.make import run_builder
from altai_build.tools.solver.resolve import Unsatisfiable


def build_or_reuse(
    build: ComponentBuild, environment: BuildEnvironment, cache: BuildCache
) -> Steps[BuildResult]:
    """Build a component, or take the packages that the same inputs gave before.

    A failed build is a result, and its logs are kept in the workspace; errors of the machine or of the configuration
    are raised.
    """
    started = time.monotonic()
    question = compute_question(build, environment) if cache.known is not None else ""
    reused = _reuse_known(build, question, cache)
    if reused is not None:
        return reused
    try:
        lookup = yield from look_up_or_generate(build, environment, cache)
    except Unsatisfiable as error:
        if isinstance(error, UnknownBuildRequires) and error.failed is not None:
            return error.failed
        return BuildResult(
            component=build.component,
            commit=build.commit,
            status=ComponentStatus.FAILED,
            reason="; ".join(error.problems),
            srpm=build.srpm,
            seconds=round(time.monotonic() - started, 3),
            failure=FailureKind.DEPENDENCIES,
        )
    record = lookup.cached_record
    if record is not None:
        reason = describe_reuse(record.inputs, lookup.resolved.inputs, environment.policy)
        _remember(KnownBuild(record.key, digest_inputs(record.inputs), reason, lookup.asked), question, cache)
        return _reuse(build, record, reason, lookup.rpms, cache)
    if lookup.released is not None:
        return BuildResult(
            component=build.component,
            commit=build.commit,
            status=ComponentStatus.REUSED,
            reason=f"release {lookup.released.release} has the packages of the same inputs",
            srpm=build.srpm,
            rpms=lookup.released.rpms,
            key=lookup.resolved.key,
            buildroot=_buildroot_of(lookup.resolved.inputs),
        )
    known = cache.find_failure(lookup.resolved.key)
    if known is not None:
        return BuildResult(
            component=build.component,
            commit=build.commit,
            status=ComponentStatus.FAILED,
            reason=known.reason,
            srpm=build.srpm,
            log=known.log,
            key=lookup.resolved.key,
            failure=FailureKind.BUILD,
            causes=known.causes,
            is_known_failure=True,
            is_conclusive=True,
        )
    why = describe_rebuild_reason(lookup.resolved.inputs, cache.last_build(build.component, build.last_key))
    made = yield from run_builder(BuildStep.PACKAGES, build, lookup.resolved, environment, cache)
    result = made.result
    if result.status is ComponentStatus.FAILED:
        return result
    if result.key == lookup.resolved.key:
        inputs = lookup.resolved.inputs
        reason = describe_reuse(inputs, inputs, environment.policy)
        _remember(KnownBuild(result.key, digest_inputs(inputs), reason, lookup.asked), question, cache)
    return replace(result, reason="; ".join(filter(None, (why, result.reason))))


def _reuse(
    build: ComponentBuild, record: Record, reason: str, rpms: tuple[LocalRpm, ...], cache: BuildCache
) -> BuildResult:
    """The packages of an earlier build in place of a new one."""
    cache.mark_used(record.key)
    return BuildResult(
        component=build.component,
        commit=build.commit,
        status=ComponentStatus.REUSED,
        reason=reason,
        srpm=build.srpm,
        rpms=rpms,
        log=cache.find_log(record.key),
        key=record.key,
        buildroot=_buildroot_of(record.inputs),
    )


def _reuse_known(build: ComponentBuild, question: str, cache: BuildCache) -> BuildResult | None:
    """The packages of the build that was found by this question before; None unless each is there as recorded."""
    known = cache.known.find(question) if cache.known is not None else None
    record = cache.ledger.find(BuildStep.PACKAGES.value, known.key) if known is not None else None
    if known is None or record is None or digest_inputs(record.inputs) != known.inputs:
        return None
    rpms = cache.read_packages(record)
    if not rpms:
        return None
    for key in known.asked:
        with suppress(FileNotFoundError):
            cache.mark_used(key)
    return _reuse(build, record, known.reason, rpms, cache)


def _remember(found: KnownBuild, question: str, cache: BuildCache) -> None:
    if cache.known is not None:
        cache.known.add(question, found)


def _buildroot_of(inputs: BuildInputs) -> tuple[str, ...]:
    """The `NEVRA algorithm:digest` lines of the buildroot that is among a build's inputs."""
    lines = []
    for name, value in inputs:
        if name.startswith(BUILDROOT_PREFIX):
            whole = value if is_local_package(value) else f"{name[len(BUILDROOT_PREFIX) :]} {value}"
            lines.append(" ".join(whole.split(" ")[:2]))
    return tuple(sorted(lines))
