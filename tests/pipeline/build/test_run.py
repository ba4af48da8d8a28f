"""Whole runs with real builds: order, bootstrap builds, exit codes, and what the next run finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.ledger import read_outcomes
from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.pipeline.build.run import BuildRun, build_all
from tests.kit.builders import HostSite, noarch_component

BUILT, FAILED, BLOCKED = ComponentStatus.BUILT, ComponentStatus.FAILED, ComponentStatus.BLOCKED


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    return HostSite.create(tmp_path, monkeypatch, more="components: {hen: {bootstrap: {with: [first]}}}\n")


def statuses(build_run: BuildRun) -> dict[str, ComponentStatus]:
    return {row.component: row.status for row in build_run.rows}


def test_every_component_has_a_row_and_the_exit_code_is_that_of_the_failures(site: HostSite) -> None:
    site.world.component("repos/fine", noarch_component("fine"))
    site.world.component("repos/none", {"README": "no spec"})
    site.world.pin()
    build_run = site.build()
    assert statuses(build_run) == {"fine": BUILT, "none": ComponentStatus.SKIPPED}
    assert build_run.exit_code == 0
    site.world.component("repos/unreadable", {"unreadable.spec": "Name: unreadable\n"})
    site.world.pin()
    build_run = site.build()
    assert (statuses(build_run)["unreadable"], build_run.exit_code) == (FAILED, 3)
    site.world.component("repos/broken", noarch_component("broken", build="exit 1"))
    site.world.pin()
    assert site.build().exit_code == 5


def hen_and_egg(site: HostSite, build: str = "") -> None:
    tags = ["%bcond_with first", "%if %{without first}", "BuildRequires: egg", "%endif"]
    site.world.component("repos/hen", noarch_component("hen", tags=tags, build=build))
    site.world.component("repos/egg", noarch_component("egg", "hen"))
    site.world.pin()


def test_a_bootstrap_build_is_part_of_the_run_and_no_row(site: HostSite) -> None:
    hen_and_egg(site)
    build_run = site.build()
    assert statuses(build_run) == {"egg": BUILT, "hen": BUILT}
    assert set(build_run.results) == {"egg", "hen", "hen (bootstrap)"}
    (bootstrap,), (second,) = (build_run.results[name].rpms for name in ("hen (bootstrap)", "hen"))
    assert bootstrap.path.name.startswith("hen-1.0-0.bootstrap.") and ".bootstrap." not in second.path.name
    assert set(read_outcomes(site.run.workspace.outcomes)) == {"egg", "hen"}


def test_a_failing_bootstrap_build_fails_its_component_and_keeps_the_log(site: HostSite) -> None:
    hen_and_egg(site, build="echo no feathers; exit 1")
    build_run = site.build()
    assert statuses(build_run) == {"egg": BLOCKED, "hen": FAILED}
    hen = build_run.results["hen"]
    assert hen.reason == "bootstrap build: rpmbuild failed"
    assert hen.log is not None and "no feathers" in hen.log.read_text()
    assert build_run.results["egg"].reason == "needs hen (bootstrap), which failed"


def test_the_next_run_knows_the_last_reason(site: HostSite) -> None:
    site.world.component("repos/a", noarch_component("a"))
    site.world.pin()
    first = site.build().results["a"]
    site.world.component("repos/a", {"README": "changed\n"})
    site.world.pin()
    second = site.build().results["a"]
    outcome = read_outcomes(site.run.workspace.outcomes)["a"]
    assert (outcome.before, outcome.key) == (first.key, second.key)
    assert (outcome.status, outcome.reason) == ("built", "source package changed")


def test_names_that_are_taken_make_it_the_next_rebuild(site: HostSite) -> None:
    site.world.component("repos/a", noarch_component("a"))
    site.world.pin()
    taken = site.build().results["a"].rpms[0].path.name

    def is_free(result: BuildResult) -> bool:
        return all(rpm.path.name != taken for rpm in result.rpms)

    rebuilt = build_all(site.run, site.plan(), has_no_name_conflict=is_free).results["a"]
    assert rebuilt.rpms[0].path.name == taken.replace(".noarch", "").replace(".x.rpm", "") + ".1.x.noarch.rpm"
