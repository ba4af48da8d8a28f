"""Orders from specs and from source packages, and the bootstrap builds that break cycles."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.pipeline.build.ordering import BuildOrder, order_srpms, static_order
from altai_build.pipeline.build.srpms import make_discovered_srpms
from tests.kit.builders import HostSite, noarch_component

BOOTSTRAP = "components: {hen: {bootstrap: {with: [first]}}}\n"
# Needs egg, unless it is built with its bootstrap.
HEN = noarch_component(
    "hen", tags=["%bcond_with first", "%if %{without first}", "BuildRequires: egg", "%endif"]
)


def create(folder: Path, monkeypatch: pytest.MonkeyPatch, more: str = "") -> HostSite:
    """`hen` and `egg` need one another, `omelette` needs `egg`, and `stone` needs nothing."""
    site = HostSite.create(folder, monkeypatch, more=more)
    site.world.component("repos/hen", HEN)
    site.world.component("repos/egg", noarch_component("egg", "hen"))
    site.world.component("repos/omelette", noarch_component("omelette", "egg"))
    site.world.component("repos/stone", noarch_component("stone"))
    site.world.pin()
    return site


def order(site: HostSite) -> BuildOrder:
    return order_srpms(site.run, make_discovered_srpms(site.run, site.plan().discovery))


def test_a_cycle_without_a_declared_bootstrap_stays_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = create(tmp_path, monkeypatch)
    for found in (static_order(site.run, site.plan().discovery.sourced), order(site).order):
        assert (found.waves, found.cycles) == ((("stone",),), (("egg", "hen", "egg"),))
        assert found.blocked_by_cycle == ("egg", "hen", "omelette")
    assert set(order(site).srpms) == {"egg", "hen", "omelette", "stone"}


def test_a_declared_bootstrap_is_built_before_the_cycle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = create(tmp_path, monkeypatch, BOOTSTRAP)
    waves = (("hen (bootstrap)", "stone"), ("egg",), ("hen", "omelette"))
    assert static_order(site.run, site.plan().discovery.sourced).waves == waves
    found = order(site)
    assert found.order.waves == waves and found.order.bootstrap_builds == {"hen (bootstrap)": "hen"}
    assert found.macros == {"hen (bootstrap)": (("_with_first", "--with-first"),)}
    first, second = (found.headers[name] for name in ("hen (bootstrap)", "hen"))
    assert first.nevra.release.startswith("0.bootstrap.") and not second.nevra.release.startswith("0.")
    assert not [need for need in first.requires if need.name == "egg"]
    # Whatever can have the second build is not built with the bootstrap build.
    needs = {name: found.needs(name) for name in ("egg", "hen", "omelette")}
    assert needs == {
        "egg": ["hen (bootstrap)"],
        "hen": ["egg", "hen (bootstrap)"],
        "omelette": ["egg", "hen (bootstrap)"],
    }


def test_a_bootstrap_that_is_not_needed_has_no_source_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = create(tmp_path, monkeypatch, BOOTSTRAP)
    site.world.component("repos/egg", noarch_component("egg"))
    site.world.pin()
    found = order(site)
    assert (set(found.srpms), found.macros) == ({"egg", "hen", "omelette", "stone"}, {})


def test_a_component_without_a_source_package_keeps_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = HostSite.create(tmp_path, monkeypatch)
    site.world.component("repos/lib", noarch_component("lib", tags=["Source1: nowhere.tar.gz"]))
    site.world.component("repos/app", noarch_component("app", "lib", "python3-six", "python3-own"))
    site.world.component("repos/unreadable", {"unreadable.spec": "Name: unreadable\n"})
    # The buildroot may know the macro. What is known to be of another component is not taken for this one's.
    macro = (
        "%package -n python%{nobody_knows}-six\nSummary: x\n%description -n python%{nobody_knows}-six\nx\n"
    )
    six = noarch_component("six")
    six["six.spec"] = str(six["six.spec"]).replace("%description\n", f"{macro}%description\n", 1)
    site.world.component("repos/six", six)
    site.world.component("repos/own", noarch_component("own", "six", tags=["Provides: python3-own"]))
    site.world.component("repos/none", {"README": "no spec"})
    site.world.pin()
    found = order(site)
    assert found.unavailable == {"lib", "unreadable"}
    assert set(found.srpms) == {"app", "six", "own"} and found.needs("app") == ["lib", "own", "six"]
    assert found.order.waves == (("lib", "six", "unreadable"), ("own",), ("app",))
    assert static_order(site.run, site.plan().discovery.sourced).needs["app"] == ("lib", "own", "six")


def test_times_come_from_the_last_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = create(tmp_path, monkeypatch)
    site.build("stone")
    seconds = static_order(site.run, site.plan().discovery.sourced).seconds
    record = site.run.ledger.latest("build", "stone")
    assert record is not None and seconds["stone"] == record.seconds and seconds["hen"] == 30.0
