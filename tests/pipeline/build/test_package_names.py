"""One component makes the packages of a name, and every package shows its commit; what differs is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from altai_build.config import Config, load_config
from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.model.findings import Waiver
from altai_build.model.nevra import Nevra
from altai_build.pipeline.build.package_names import list_shared_names, require_commit_in_releases
from tests.kit.builders import HostSite, noarch_component
from tests.kit.superprojects import DEFINITION, make_spec

FUTURE, PAST = date(2999, 1, 1), date(2001, 1, 1)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "repos.yaml").write_text(DEFINITION)
    return load_config(tmp_path / "repos.yaml")


def test_a_name_is_shared_within_a_target_unless_a_waiver_accepts_it(config: Config) -> None:
    names = {"a": ["a", "common"], "b": ["b", "common", "common"], "c": ["common"]}
    targets = {"a": "el6", "b": "el6", "c": "el7"}
    assert list_shared_names(config, names, targets) == {"common": ["a", "b"]}

    def waived(rule: str, subject: str, expires: date) -> dict[str, list[str]]:
        waiver = Waiver(rule=rule, subject=subject, reason="moved", expires=expires)
        return list_shared_names(replace(config, waivers=(waiver,)), names, targets)

    assert waived("package-names", "com*", FUTURE) == {}
    for args in (
        ("package-names", "com*", PAST),
        ("package-names", "b", FUTURE),
        ("duplicates", "common", FUTURE),
    ):
        assert waived(*args) == {"common": ["a", "b"]}


def make_result(*releases: str) -> BuildResult:
    rpms: Any = tuple(
        SimpleNamespace(header=SimpleNamespace(nevra=Nevra(f"p{n}", 0, "1", release, "noarch")))
        for n, release in enumerate(releases)
    )
    commit = "0123456789" * 4
    return BuildResult("one", commit, ComponentStatus.BUILT, "why", rpms=rpms, log=Path("/log"))


def test_a_package_without_the_commit_in_its_release_fails_its_build() -> None:
    template = "{release}.{count}.g{commit}"
    good = make_result("1.5.g0123456.x", "7.5.g0123456")
    assert require_commit_in_releases(good, template) is good
    bad = require_commit_in_releases(make_result("1.5.g0123456.x", "7.x"), template)
    assert (bad.status, bad.rpms, bad.log) == (ComponentStatus.FAILED, (), Path("/log"))
    assert bad.reason == (
        "the release of p1-1-7.x.noarch does not name the commit 0123456: "
        "write Release: of each %package into the spec itself, not by a macro"
    )


SUBPACKAGE = "%package -n sub\nSummary: Sub\n{tags}\n%description -n sub\nSub.\n%files -n sub\n"


def make_nevras(site: HostSite, spec: str) -> set[str]:
    site.world.component("repos/one", {"one.spec": spec, "README": "one\n"})
    site.world.pin()
    (row,) = site.build().rows
    assert row.status is ComponentStatus.BUILT, row.reason
    return {str(rpm.header.nevra) for rpm in row.rpms}


def test_subpackages_with_a_version_or_release_of_their_own_show_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = HostSite.create(tmp_path, monkeypatch)
    names = ("Version: 2.0", "Release: 5%{?dist}", "Version: 3\nRelease: %{release}.7")
    packages = "".join(SUBPACKAGE.format(tags=tags).replace("sub", f"s{n}") for n, tags in enumerate(names))
    nevras = make_nevras(site, make_spec("one").replace("%prep", f"{packages}%prep"))
    commit = site.world.components["repos/one"].git("rev-parse", "HEAD")[:7]
    assert nevras == {
        f"one-1.0-1.1.g{commit}.x.noarch",
        f"s0-2.0-1.1.g{commit}.x.noarch",
        f"s1-1.0-5.1.g{commit}.x.noarch",
        f"s2-3-5.1.g{commit}.x.7.noarch",
    }


def test_a_release_that_a_macro_writes_without_the_commit_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = HostSite.create(tmp_path, monkeypatch)
    package = SUBPACKAGE.format(tags="%{expand:Release: 5}")
    site.world.component(
        "repos/one", {"one.spec": make_spec("one").replace("%prep", f"{package}%prep"), "README": ""}
    )
    site.world.pin()
    (row,) = site.build().rows
    assert row.status is ComponentStatus.FAILED
    assert row.reason.startswith("the release of sub-1.0-5.noarch does not name the commit ")


def test_a_component_cannot_make_packages_of_another_ones_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = HostSite.create(tmp_path, monkeypatch)
    site.world.component("repos/good", noarch_component("good"))
    evil = make_spec("good", version="99")
    site.world.component("repos/evil", {"evil.spec": evil, "README": "x"})
    site.world.component("repos/other", noarch_component("other"))
    site.world.pin()
    rows = {row.component: row for row in site.build().rows}
    assert {name: row.status for name, row in rows.items()} == {
        "good": ComponentStatus.FAILED,
        "evil": ComponentStatus.FAILED,
        "other": ComponentStatus.BUILT,
    }
    assert rows["good"].reason == rows["evil"].reason
    assert rows["good"].reason.startswith("2 components make packages of the name good\n")
    assert "repos/evil/evil.spec at " in rows["good"].reason
