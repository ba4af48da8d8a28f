"""What a component would be built in and from, and whether an earlier build had the same inputs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from altai_build import __version__
from altai_build.ledger import Record
from altai_build.model.build import BuildResult, ComponentStatus
from altai_build.model.build_inputs import BUILDROOT_PREFIX, SOURCE_PACKAGE, compute_build_key
from altai_build.model.package import LocalRpm, RpmHeader
from altai_build.model.package_fingerprint import RebuildPolicy, compute_fingerprint
from altai_build.stages.build.cache import BuildCache
from altai_build.stages.build.environment import BuildEnvironment, ComponentBuild
from altai_build.stages.build.jobs import Steps
from altai_build.stages.build.make import ResolvedBuild, run_builder
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.solver.resolve import Unsatisfiable

# Source packages whose spec has %generate_buildrequires require it.
DYNAMIC_BUILDREQUIRES = "rpmlib(DynamicBuildRequires)"
# Rounds of %generate_buildrequires, each in a chroot that has what the one before asked for; mock has this limit too.
MAX_DYNAMIC_ROUNDS = 10


@dataclass(frozen=True)
class BuildLookup:
    """What a component would be built from, and what an earlier build made from the same."""

    resolved: ResolvedBuild
    cached_record: (
        Record | None
    )  # of a build with the same inputs, as far as the rebuild policy compares them
    rpms: tuple[LocalRpm, ...]  # of that build; empty where there is none, or its packages are gone


class UnknownBuildRequires(Unsatisfiable):
    """It is not known what %generate_buildrequires asks for; `failed` is the result of a run that did not tell."""

    def __init__(self, problem: str, failed: BuildResult | None = None) -> None:
        super().__init__([problem])
        self.failed = failed


def look_up_build(build: ComponentBuild, environment: BuildEnvironment, cache: BuildCache) -> BuildLookup:
    """Resolve a component's buildroot, and look for a build of the same inputs; nothing is run.

    Raises Unsatisfiable, and UnknownBuildRequires where %generate_buildrequires would have to be run first.
    """
    steps = look_up_or_generate(build, environment, cache, generate=False)
    try:
        next(steps)
    except StopIteration as stop:
        lookup: BuildLookup = stop.value
        return lookup
    raise AssertionError("a look-up asked for a builder")


def look_up_or_generate(
    build: ComponentBuild,
    environment: BuildEnvironment,
    cache: BuildCache,
    *,
    generate: bool = True,
) -> Steps[BuildLookup]:
    """The same, with `generate` after running %generate_buildrequires where what it asks for is not known."""
    resolved = yield from _resolve_buildroot(build, environment, cache, generate)
    candidates = [cache.ledger.find("build", resolved.key)]
    if environment.policy is not RebuildPolicy.REBUILD:
        wanted = compute_build_key(resolved.inputs, environment.policy)
        past = cache.ledger.history("build", build.component)
        candidates += [
            record for record in past if compute_build_key(record.inputs, environment.policy) == wanted
        ]
    for record in candidates:
        rpms = cache.read_packages(record)
        if rpms:
            return BuildLookup(resolved=resolved, cached_record=record, rpms=rpms)
    return BuildLookup(resolved=resolved, cached_record=None, rpms=())


def _resolve_buildroot(
    build: ComponentBuild,
    environment: BuildEnvironment,
    cache: BuildCache,
    generate: bool,
) -> Steps[ResolvedBuild]:
    """The buildroot with everything that %generate_buildrequires asks for in it, until that asks for nothing more.

    A builder that resolves dependencies itself does that too: see `describe_unexpected_packages`.
    """
    build_conflicts = [f"!{conflict}" for conflict in build.header.conflicts]
    more = environment.definition.config.find_more_buildreqs(build.header.nevra)
    static = [*_build_requires(build.header), *more, *build_conflicts]
    buildroot = environment.resolver.resolve_build_requires(static, build.local)
    resolved = _collect_inputs(build, environment, buildroot)
    dynamic = any(dependency.name == DYNAMIC_BUILDREQUIRES for dependency in build.header.requires)
    if not dynamic or environment.builder.resolves_dependencies:
        return resolved
    for _ in range(MAX_DYNAMIC_ROUNDS):
        asked = yield from _generate_build_requires(build, resolved, environment, cache, generate)
        buildroot = environment.resolver.resolve_build_requires([*static, *asked], build.local)
        if buildroot.lines == resolved.buildroot.lines:
            return resolved
        resolved = _collect_inputs(build, environment, buildroot)
    raise UnknownBuildRequires(
        f"%generate_buildrequires asks for other packages each time, {MAX_DYNAMIC_ROUNDS} times in a row"
    )


def _generate_build_requires(
    build: ComponentBuild,
    resolved: ResolvedBuild,
    environment: BuildEnvironment,
    cache: BuildCache,
    generate: bool,
) -> Steps[list[str]]:
    """What %generate_buildrequires asks for in a buildroot; cached as builds are."""
    step = ResolvedBuild(resolved.buildroot, (*resolved.inputs, ("step", "%generate_buildrequires")))
    packages = cache.read_packages(cache.ledger.find("requires", step.key))
    if packages:
        cache.mark_used(step.key)
    elif not generate:
        raise UnknownBuildRequires("what %generate_buildrequires asks for is not known before it has run")
    else:
        result = yield from run_builder("requires", build, step, environment, cache)
        if result.status is ComponentStatus.FAILED:
            raise UnknownBuildRequires(result.reason, result)
        packages = result.rpms
    return _build_requires(packages[0].header)


def _build_requires(header: RpmHeader) -> list[str]:
    return [str(dependency) for dependency in header.requires if not dependency.name.startswith("rpmlib(")]


def _collect_inputs(
    build: ComponentBuild, environment: BuildEnvironment, buildroot: Buildroot
) -> ResolvedBuild:
    """Everything that determines the result, by name.

    A package of this superproject stands under its name with the fingerprint of what builds can see of it, so that a
    rebuild that changes none of that rebuilds no others; every other package under its NEVRA with its digest.
    """
    return ResolvedBuild(
        buildroot,
        (
            ("tool", __version__),
            ("builder", f"{environment.builder.name} {environment.builder.version()}"),
            ("target", environment.definition.config.digest),
            ("macros", json.dumps(sorted(environment.target.build_macros))),
            *((f"bootstrap {name}", value) for name, value in build.macros),
            (SOURCE_PACKAGE, build.srpm_sha256),
            *sorted(_buildroot_inputs(build, buildroot)),
        ),
    )


def _buildroot_inputs(build: ComponentBuild, buildroot: Buildroot) -> Iterable[tuple[str, str]]:
    headers = {str(rpm.path): rpm.header for rpm in build.local}
    for package in (*buildroot.base, *buildroot.extra):
        name, _, digest = package.line.partition(" ")
        if package.metadata is None:
            fingerprint = compute_fingerprint(headers[package.location])
            nevra = package.nevra
            yield f"{BUILDROOT_PREFIX}{nevra.name}.{nevra.arch}", fingerprint.to_input_value(package.line)
        else:
            yield f"{BUILDROOT_PREFIX}{name}", digest
