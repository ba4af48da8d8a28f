"""Which components are tested, by which suites, and which other components their tests need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from altai_build.config.unit_tests import TestSettings
from altai_build.model.python_packages import list_capabilities
from altai_build.model.unit_tests import NoSuite, Suite, SuiteStatus
from altai_build.pipeline.build.plan import BuildPlan, discover_all, plan_build
from altai_build.pipeline.build.selection import Dependents, is_only_needed
from altai_build.stages.unit_tests.detection import find_suite, open_files

if TYPE_CHECKING:
    from altai_build.config import Config
    from altai_build.model.component import Component
    from altai_build.pipeline.run import Run
    from altai_build.stages.discover.components import Discovery
    from altai_build.tools.git.component_source import ComponentSource

_NEEDED_REASON = "needed to test "


@dataclass(frozen=True)
class TestPlan:
    """What is built, and the suite of each component that is tested, in the superproject's order.

    `needs` are the components whose packages a component's tests may need, its own and their needs included.
    """

    __test__ = False  # for pytest

    build_plan: BuildPlan
    suites: Mapping[str, Suite | NoSuite]
    needs: Mapping[str, frozenset[str]]


def get_test_settings(config: Config, name: str, path: str) -> TestSettings:
    """What repos.yaml says of a component's tests, with what it says of all."""
    own = config.find_component(name, path)
    settings = own.test if own is not None and own.test is not None else TestSettings()
    return settings.with_defaults(config.test) if config.test is not None else settings


def find_component_suite(config: Config, source: ComponentSource) -> Suite | NoSuite:
    """The suite of one component."""
    component = source.component
    settings = get_test_settings(config, component.name, component.path)
    return find_suite(open_files(source.store, source.tree), settings, source.info.build_requires)


def plan_tests(
    run: Run,
    revision: str,
    names: Sequence[str],
    changed_since: str | None,
    dependents: Dependents = Dependents.ALL,
) -> TestPlan:
    """Plan the tests of the named components, or those changed since a revision with their dependents, or all.

    A component whose settings for tests have changed counts as changed.
    """
    whole = discover_all(run, revision)
    more = _list_changed_settings(run, whole, changed_since) if changed_since is not None else {}
    build_plan = plan_build(run, revision, [*names, *more], changed_since, dependents, whole=whole)
    build_plan.reasons.update({name: reason for name, reason in more.items() if name in build_plan.reasons})
    return complete_plan(run, build_plan, whole, (revision, [*names, *more], changed_since, dependents))


def complete_plan(
    run: Run,
    build_plan: BuildPlan,
    whole: Discovery,
    request: tuple[str, Sequence[str], str | None, Dependents],
) -> TestPlan:
    """The tests of a build plan, which gets the components that the tests need besides; `request` is what it is for."""
    suites = find_suites(run, list_tested(build_plan))
    runtime = _RuntimeNeeds(whole)
    needed = {
        source.component.name: runtime.find(source, suite, _list_tools(run.config, source.component))
        for source in list_tested(build_plan)
        if isinstance(suite := suites[source.component.name], Suite)
    }
    planned = {source.component.name for source in build_plan.discovery.sourced}
    missing = {
        other: f"{_NEEDED_REASON}{name}"
        for name, others in needed.items()
        for other in sorted(others)
        if other not in planned
    }
    if missing:
        revision, names, changed_since, dependents = request
        reasons = build_plan.reasons
        build_plan = plan_build(run, revision, [*names, *missing], changed_since, dependents, whole=whole)
        build_plan.reasons.update({**missing, **reasons})
    others = {
        component.name: NoSuite(component.reason, SuiteStatus.SKIPPED)
        if component.error is None
        else NoSuite(f"it cannot be read: {component.error.what}", SuiteStatus.NOT_RUN)
        for component in build_plan.discovery.without_srpm
        if not is_only_needed(build_plan.reasons.get(component.name, ""))
    }
    needs = build_plan.order.needs
    return TestPlan(
        build_plan=build_plan,
        suites={**suites, **others},
        needs={
            name: frozenset({name, *found}.union(*(needs.get(other, ()) for other in (name, *found))))
            for name, found in needed.items()
        },
    )


def list_tested(build_plan: BuildPlan) -> list[ComponentSource]:
    """The components of a plan that are in it for more than others' needs."""
    return [
        source
        for source in build_plan.discovery.sourced
        if not is_only_needed(build_plan.reasons.get(source.component.name, ""))
    ]


def find_suites(run: Run, sources: Sequence[ComponentSource]) -> dict[str, Suite | NoSuite]:
    """The suites of components; each takes some runs of git, so several are looked for at the same time."""
    with ThreadPoolExecutor(max(1, run.jobs)) as pool:
        found = pool.map(lambda source: find_component_suite(run.config, source), sources)
        return {source.component.name: suite for source, suite in zip(sources, found)}


def _list_tools(config: Config, component: Component) -> list[str]:
    """The packages that measure coverage: a component may make them."""
    settings = get_test_settings(config, component.name, component.path)
    return ["lcov"] if settings.coverage.tool == "lcov" else []


class _RuntimeNeeds:
    """Which components provide what packages require when they are installed, as far as specs tell."""

    def __init__(self, whole: Discovery) -> None:
        self._makers: dict[str, str] = {}
        self._requires: dict[str, tuple[str, ...]] = {}
        for source in whole.sourced:
            name = source.component.name
            self._requires[name] = source.info.requires
            for capability in (*source.info.provides, *source.info.packages):
                self._makers.setdefault(capability, name)

    def find(self, source: ComponentSource, suite: Suite, tools: Sequence[str]) -> set[str]:
        """The components that the tests of one, and these tools, need besides it, directly or through others."""
        wanted: list[str] = [*suite.requires, *tools]
        if suite.python:
            wanted += source.info.requires
            for project in (*suite.needs, *suite.wants):
                wanted += list_capabilities(project, suite.python)
        found: set[str] = set()
        pending = self._find_makers(wanted)
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending |= self._find_makers(self._requires[name])
        return found - {source.component.name}

    def _find_makers(self, capabilities: Iterable[str]) -> set[str]:
        return {self._makers[one] for one in capabilities if one in self._makers}


def _list_changed_settings(run: Run, whole: Discovery, since: str) -> dict[str, str]:
    """Components with other settings for tests than at a revision."""
    from altai_build.pipeline.build.changed_settings import read_earlier_definition

    before = read_earlier_definition(run, since)

    def has_changed(component: Component) -> bool:
        name, path = component.name, component.path
        return get_test_settings(before, name, path) != get_test_settings(run.config, name, path)

    return {
        source.component.name: f"its settings for tests changed since {since}"
        for source in whole.sourced
        if has_changed(source.component)
    }
