"""What a component would be built in and from, and whether an earlier build had the same inputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from altai_build import __version__
from altai_build.ledger import Record
from altai_build.model.build import BuildResult, BuildStep
from altai_build.model.build_inputs import BUILDROOT_PREFIX, SOURCE_PACKAGE, compute_build_key
from altai_build.model.component_status import ComponentStatus
from altai_build.model.package import LocalRpm
from altai_build.model.package_fingerprint import RebuildPolicy, compute_fingerprint
from altai_build.stages.build.cache import BuildCache, ReleasedBuild
from altai_build.stages.build.environment import BuildEnvironment, ComponentBuild
from altai_build.stages.build.jobs import Steps, list_build_requires
from altai_build.stages.build.make import ResolvedBuild, run_builder
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.remembered import digest_code
from altai_build.tools.solver.resolve import Unsatisfiable

# Source packages whose spec has %generate_buildrequires require it.
DYNAMIC_BUILDREQUIRES = "rpmlib(DynamicBuildRequires)"
# Rounds, each in a chroot that has what the one before asked for; mock has this limit too.
MAX_ROUNDS = 10
# Of the digest of a question; part of it.
_QUESTION_FORMAT = 1
# The folders, from that of this package, whose code finds builds.
_CODE = (".", "../../model")
_NAMES = {
    BuildStep.SPEC_REQUIRES: "the spec in the buildroot",
    BuildStep.GENERATED_REQUIRES: "%generate_buildrequires",
}


@dataclass(frozen=True)
class BuildLookup:
    """What a component would be built from, and what an earlier build made from the same."""

    resolved: ResolvedBuild
    cached_record: (
        Record | None
    )  # of a build with the same inputs, as far as the rebuild policy compares them
    rpms: tuple[LocalRpm, ...]  # of that build; empty where there is none, or its packages are gone
    released: ReleasedBuild | None = None  # of the same inputs, where the workspace has none
    is_estimate: bool = False  # a build asks first what it requires in its buildroot
    asked: tuple[str, ...] = ()  # the keys of what was asked in buildroots


class UnknownBuildRequires(Unsatisfiable):
    """It is not known what the build requires in its buildroot.

    `failed` is the result of a run that did not tell; `estimate` the buildroot by what the source package says.
    """

    def __init__(self, problem: str, failed: BuildResult | None = None) -> None:
        super().__init__([problem])
        self.failed = failed
        self.estimate: ResolvedBuild | None = None


def look_up_build(build: ComponentBuild, environment: BuildEnvironment, cache: BuildCache) -> BuildLookup:
    """Resolve a component's buildroot, and look for a build of the same inputs; nothing is run.

    Raises Unsatisfiable, and UnknownBuildRequires where it would have to be asked first what the build requires.
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
    """The same; with `generate` a builder is asked what the build requires, where that is not known."""
    search = _BuildrootSearch(build, environment, cache, generate)
    try:
        resolved = yield from search.run()
    except UnknownBuildRequires as error:
        if error.estimate is None:
            raise
        # No build of these inputs was ever made here, or its list of requirements would be known.
        released = cache.find_released(error.estimate.key) if cache.find_released is not None else None
        return BuildLookup(
            resolved=error.estimate, cached_record=None, rpms=(), released=released, is_estimate=True
        )
    asked = tuple(search.asked)
    for record in _list_records(BuildStep.PACKAGES, build, resolved, environment, cache):
        rpms = cache.read_packages(record)
        if rpms:
            return BuildLookup(resolved=resolved, cached_record=record, rpms=rpms, asked=asked)
    released = cache.find_released(resolved.key) if cache.find_released is not None else None
    return BuildLookup(resolved=resolved, cached_record=None, rpms=(), released=released, asked=asked)


def ask_early(build: ComponentBuild, environment: BuildEnvironment, cache: BuildCache) -> Steps[None]:
    """Ask what a build requires in the base buildroot, before what it needs is there; the answer is kept.

    Nothing else depends on it: a look-up asks for what is not known then.
    """
    search = _BuildrootSearch(build, environment, cache, generate=True)
    if not environment.builder.resolves_dependencies:
        with suppress(Unsatisfiable):
            yield from search.ask_first()


def _list_records(
    step: BuildStep,
    build: ComponentBuild,
    resolved: ResolvedBuild,
    environment: BuildEnvironment,
    cache: BuildCache,
) -> list[Record]:
    """Earlier runs of a step with the same inputs, as far as the rebuild policy compares them."""
    same = cache.ledger.find(step.value, resolved.key)
    records = [] if same is None else [same]
    if environment.policy is not RebuildPolicy.REBUILD:
        wanted = compute_build_key(resolved.inputs, environment.policy)
        past = cache.ledger.history(step.value, build.component)
        records += [
            record for record in past if compute_build_key(record.inputs, environment.policy) == wanted
        ]
    return records


@dataclass(frozen=True)
class _BuildrootSearch:
    """Finds the buildroot of a build, for a builder that installs exactly what it is told."""

    build: ComponentBuild
    environment: BuildEnvironment
    cache: BuildCache
    # Whether the builder may be asked.
    generate: bool
    # The keys of the answers.
    asked: list[str] = field(default_factory=list)

    def run(self) -> Steps[ResolvedBuild]:
        """The buildroot with everything that the build requires there.

        As mock does, rpm reads the spec in the buildroot, which has macros of its own, and what it requires there is
        installed, until it requires nothing more; then the same with %generate_buildrequires. A builder that resolves
        dependencies itself does all that: see `describe_unexpected_packages`.
        """
        written = list_build_requires(self.build.header)
        if self.environment.builder.resolves_dependencies:
            return self._resolve(written)
        try:
            resolved, requires = yield from self._settle(BuildStep.SPEC_REQUIRES, self._resolve(()))
        except UnknownBuildRequires as error:
            if not self.generate and not _are_generated(written):
                error.estimate = self._resolve(written)
            raise
        if _are_generated(requires):
            resolved, _ = yield from self._settle(BuildStep.GENERATED_REQUIRES, resolved)
        return resolved

    def ask_first(self) -> Steps[None]:
        """The first question of a search."""
        yield from self._ask(BuildStep.SPEC_REQUIRES, self._resolve(()))

    def _settle(
        self, step: BuildStep, resolved: ResolvedBuild
    ) -> Steps[tuple[ResolvedBuild, tuple[str, ...]]]:
        """The buildroot in which a step asks for nothing that is not in it, and what it asks for."""
        answered: tuple[str, ...] | None = None
        for _ in range(MAX_ROUNDS):
            requires = yield from self._ask(step, resolved)
            if requires == answered:
                # This is the buildroot of these requirements.
                return resolved, requires
            before, resolved, answered = resolved, self._resolve(requires), requires
            if resolved.buildroot.lines == before.buildroot.lines:
                return before, requires
        raise UnknownBuildRequires(
            f"{_NAMES[step]} asks for other packages each time, {MAX_ROUNDS} times in a row"
        )

    def _resolve(self, requires: Sequence[str]) -> ResolvedBuild:
        more = self.environment.definition.config.find_more_buildreqs(self.build.header.nevra)
        names = [*(name for name in requires if not name.startswith("rpmlib(")), *more]
        root = self.environment.resolver.resolve_build_requires(names, self.build.local)
        return _collect_inputs(self.build, self.environment, root)

    def _ask(self, step: BuildStep, resolved: ResolvedBuild) -> Steps[tuple[str, ...]]:
        """What the build requires by a step in a buildroot; cached as builds are."""
        asked = ResolvedBuild(resolved.buildroot, (*resolved.inputs, ("step", step.value)))
        for record in _list_records(step, self.build, asked, self.environment, self.cache):
            requires = self.cache.read_requires(record)
            if requires is not None:
                self.cache.mark_used(record.key)
                self.asked.append(record.key)
                return requires
        if not self.generate:
            raise UnknownBuildRequires(f"what {_NAMES[step]} asks for is not known yet")
        made = yield from run_builder(step, self.build, asked, self.environment, self.cache)
        if made.result.status is ComponentStatus.FAILED:
            raise UnknownBuildRequires(made.result.reason, made.result)
        self.asked.append(made.result.key)
        return made.requires


def _are_generated(requires: Sequence[str]) -> bool:
    """Whether there is a %generate_buildrequires, by the requirements of a source package."""
    return any(name.startswith(DYNAMIC_BUILDREQUIRES) for name in requires)


def _collect_inputs(
    build: ComponentBuild, environment: BuildEnvironment, buildroot: Buildroot
) -> ResolvedBuild:
    """Everything that determines the result, by name.

    A package of this superproject stands under its name with the fingerprint of what builds can see of it, so that a
    rebuild that changes none of that rebuilds no others; every other package under its NEVRA with its digest.
    """
    return ResolvedBuild(
        buildroot, (*list_settings(build, environment), *sorted(_buildroot_inputs(build, buildroot)))
    )


def list_settings(build: ComponentBuild, environment: BuildEnvironment) -> tuple[tuple[str, str], ...]:
    """Everything that determines the result but the buildroot, by name."""
    return (
        ("tool", __version__),
        ("builder", f"{environment.builder.name} {environment.builder.version()}"),
        ("target", environment.definition.config.digest),
        ("macros", json.dumps(sorted(environment.target.build_macros))),
        *((f"macro {name}", value) for name, value in build.macros),
        (SOURCE_PACKAGE, build.srpm_sha256),
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


def compute_question(build: ComponentBuild, environment: BuildEnvironment) -> str:
    """A digest of all that decides which build is found.

    "" where more does: by a rebuild policy that compares less, any earlier build may do; and metadata without checksums
    may change unnoticed.
    """
    resolver = environment.resolver.fingerprint
    if environment.policy is not RebuildPolicy.REBUILD or resolver is None:
        return ""
    parts = [
        _QUESTION_FORMAT,
        digest_code(Path(__file__), _CODE),
        resolver,
        list_settings(build, environment),
        environment.builder.resolves_dependencies,
        environment.definition.config.find_more_buildreqs(build.header.nevra),
        # In this order they are offered to the resolver.
        [(rpm.path.name, rpm.sha256) for rpm in build.local],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
