"""Which components are tested, and which others their tests need."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.config.unit_tests import CoverageSettings, TestSettings
from altai_build.model.unit_tests import NoSuite, Suite, SuiteStatus
from altai_build.pipeline.unit_tests.plan import TestPlan, plan_tests
from tests.kit.builders import HostSite, noarch_component
from tests.kit.unit_tests import GOOD, make_site, make_tested


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    site = make_site(tmp_path / "site", monkeypatch, "components: {plain: {test: {skip: it has none}}}\n")
    world = site.world
    world.component("repos/plain", noarch_component("plain"))
    world.component("repos/library", noarch_component("library", tags=["Requires: plain"]))
    world.component("repos/tool", make_tested("tool", GOOD, requires="library"))
    world.component("repos/other", make_tested("other", GOOD))
    world.component("repos/none", {"README": "no spec"})
    world.pin()
    return site


def describe(plan: TestPlan) -> dict[str, str]:
    return {
        name: suite.command if isinstance(suite, Suite) else suite.reason
        for name, suite in plan.suites.items()
    }


def test_what_packages_require_is_built_for_tests_too(site: HostSite) -> None:
    plan = plan_tests(site.run, "HEAD", ["tool"], None)
    assert describe(plan) == {"tool": "$DISCOVER -v -s tests"}
    assert plan.needs == {"tool": {"tool", "library", "plain"}}
    assert plan.build_plan.reasons == {
        "tool": "named in the command",
        "library": "needed to test tool",
        "plain": "needed to test tool",
    }


def test_a_component_that_measures_coverage_is_built_for_tests(site: HostSite) -> None:
    site.world.component("repos/lcov", noarch_component("lcov"))
    site.world.pin()
    coverage = CoverageSettings(tool="lcov")
    settings = replace(site.run.config, test=replace(TestSettings(), coverage=coverage))
    plan = plan_tests(replace(site.run, config=settings), "HEAD", ["other"], None)
    assert plan.build_plan.reasons == {"other": "named in the command", "lcov": "needed to test other"}


def test_all_components_or_those_that_have_changed(site: HostSite) -> None:
    plan = plan_tests(site.run, "HEAD", [], None)
    assert describe(plan) == {
        "plain": "it has none",
        "library": "no file of a test suite that is known here",
        "tool": "$DISCOVER -v -s tests",
        "other": "$DISCOVER -v -s tests",
        "none": "no spec file in its root, rpm/, packaging/, redhat/, SPECS/",
    }
    assert plan.suites["plain"] == NoSuite("it has none", SuiteStatus.SKIPPED)
    before = site.world.super.git("rev-parse", "HEAD").strip()
    site.world.component("repos/other", {"README": "changed"})
    site.world.pin()
    assert describe(plan_tests(site.run, "HEAD", [], before)) == {"other": "$DISCOVER -v -s tests"}
