"""Which components are in a plan, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.builders import HostSite, noarch_component


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    """`app` needs `lib`; `other` neither."""
    site = HostSite.create(tmp_path, monkeypatch)
    site.world.component("repos/lib", noarch_component("lib"))
    site.world.component("repos/app", noarch_component("app", "lib"))
    site.world.component("repos/other", noarch_component("other"))
    site.world.component("repos/none", {"README": "no spec"})
    site.world.pin()
    return site


def names(site: HostSite, *words: str, changed_since: str | None = None) -> list[str]:
    plan = site.plan(*words, changed_since=changed_since)
    assert set(plan.commits) == {name for wave in plan.order.waves for name in wave}
    return sorted(source.component.name for source in plan.discovery.sourced)


def test_all_components_are_planned_when_none_is_named(site: HostSite) -> None:
    assert names(site) == ["app", "lib", "other"]
    assert [out.name for out in site.plan().discovery.without_srpm] == ["none"]


def test_a_named_component_brings_what_it_needs(site: HostSite) -> None:
    assert names(site, "app") == ["app", "lib"]
    assert site.plan("app").reasons["lib"] == "needed to build app"
    assert site.plan("app").order.waves == (("lib",), ("app",))
    assert site.plan("app").discovery.without_srpm == ()


def test_a_named_component_without_a_spec_is_in_the_plan(site: HostSite) -> None:
    for name in ("none", "repos/none"):
        plan = site.plan(name)
        assert [out.name for out in plan.discovery.without_srpm] == ["none"]
        assert plan.discovery.sourced == ()


def test_a_change_brings_what_depends_on_it(site: HostSite) -> None:
    before = site.world.super.git("rev-parse", "HEAD")
    assert names(site, changed_since=before) == []
    site.world.component("repos/lib", {"README": "changed\n"})
    site.world.pin()
    assert names(site, changed_since=before) == ["app", "lib"]


def test_a_bootstrap_build_has_the_commit_of_its_component(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = HostSite.create(tmp_path, monkeypatch, more="components: {a: {bootstrap: {with: [first]}}}\n")
    tags = ["%bcond_with first", "%if %{without first}", "BuildRequires: b", "%endif"]
    commit = site.world.component("repos/a", noarch_component("a", tags=tags))
    site.world.component("repos/b", noarch_component("b", "a"))
    site.world.pin()
    plan = site.plan()
    assert plan.commits["a (bootstrap)"] == plan.commits["a"] == commit
    assert plan.reasons["a (bootstrap)"] == "a is in a build dependency cycle"


def test_settings_of_no_component_are_named_with_what_they_may_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = HostSite.create(
        tmp_path,
        monkeypatch,
        more="components: {dcopt: {skip: x}, repos/other: {skip: later}, zzz: {skip: x}}\n",
    )
    site.world.component("repos/docopt", noarch_component("docopt"))
    site.world.component("repos/other", noarch_component("other"))
    site.world.pin()
    assert names(site) == ["docopt"]
    assert [line for line in capsys.readouterr().err.splitlines() if "components." in line] == [
        "warning: components.dcopt in repos.yaml is ignored: no component has this name or path; did you mean docopt?",
        "warning: components.zzz in repos.yaml is ignored: no component has this name or path",
    ]


def test_each_name_that_is_shown_can_be_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = HostSite.create(tmp_path, monkeypatch, more="components: {two/x: {skip: not now}}\n")
    both = {**noarch_component("x"), **noarch_component("y")}
    site.world.component("repos/two", both)
    site.world.pin()
    assert names(site) == ["two/y"]
    assert [(out.name, out.reason) for out in site.plan().discovery.without_srpm] == [
        ("two/x", "skipped in repos.yaml: not now")
    ]
