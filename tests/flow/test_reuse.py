"""What is built again and what is not, and that `explain` knows why: real builds of small components."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.builds import Site, small_component
from tests.kit.git import Entry, Repo
from tests.kit.superprojects import World, make_spec

ROOF, FLOOR = "repos/roof", "repos/floor"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all sites of this file."""
    return tmp_path_factory.mktemp("reuse")


@pytest.fixture
def site(testbed: Path, folder: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    place = folder / request.node.name
    yield Site(
        world=World(place), testbed=testbed, workspace=place / "ws", more=getattr(request, "param", "")
    )


def pair(site: Site, **floor: Any) -> None:
    """`roof` is built with `floor`."""
    site.world.component(FLOOR, small_component("floor", **floor))
    if ROOF not in site.world.components:
        site.world.component(ROOF, small_component("roof", needs=("floor",)))
    site.world.pin()


def statuses(rows: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name: row["status"] for name, row in rows.items()}


def test_dependants_are_built_again_only_for_what_their_build_could_see(site: Site) -> None:
    pair(site)
    assert statuses(site.build()) == {"floor": "built", "roof": "built"}
    assert statuses(site.build()) == {"floor": "reused", "roof": "reused"}
    pair(site, notes="nothing of this is in the package")
    rows = site.build()
    assert statuses(rows) == {"floor": "built", "roof": "reused"}
    assert rows["roof"]["reason"].endswith(
        "; floor.noarch was rebuilt with the same version, dependencies, scripts and files"
    )
    pair(site, text="other words")
    rows = site.build()
    assert statuses(rows) == {"floor": "built", "roof": "built"}
    assert rows["roof"]["reason"].endswith("packages in its buildroot changed: floor.noarch")


def test_laxer_policies_let_less_of_a_rebuilt_package_count(site: Site) -> None:
    pair(site)
    site.build()
    pair(site, text="other words")
    assert statuses(site.build("--dependants", "headers")) == {"floor": "built", "roof": "reused"}
    pair(site, tags="Provides: floor-api = 2")
    assert statuses(site.build("--dependants", "headers")) == {"floor": "built", "roof": "built"}
    pair(site, version="2.0", tags="Provides: floor-api = 3")
    assert statuses(site.build("--dependants", "never")) == {"floor": "built", "roof": "reused"}
    assert statuses(site.build()) == {"floor": "reused", "roof": "built"}


@pytest.mark.parametrize("site", ["build: {dependants: never}"], indirect=True)
def test_the_policy_can_stand_in_the_definition(site: Site) -> None:
    pair(site)
    site.build()
    pair(site, text="other words")
    assert statuses(site.build()) == {"floor": "built", "roof": "reused"}
    assert statuses(site.build("--dependants", "rebuild")) == {"floor": "reused", "roof": "built"}


def test_what_is_moved_or_comes_back_is_not_built_again(site: Site) -> None:
    pair(site)
    first = site.build()
    moved = site.world.components.pop(FLOOR)
    site.world.components["repos/deeper/floor"] = moved
    site.world.urls["repos/deeper/floor"] = site.world.urls.pop(FLOOR)
    site.world.super.commit({FLOOR: None})
    site.world.pin()
    rows = site.build()
    assert statuses(rows) == {"floor": "reused", "roof": "reused"}
    assert {name: row["rpms"] for name, row in rows.items()} == {n: r["rpms"] for n, r in first.items()}


def test_a_component_that_gets_another_name_keeps_its_packages(site: Site) -> None:
    pair(site)
    site.build()
    lodger = Repo(site.world.folder / "lodger")
    lodger.commit(dict(small_component("lodger")))
    site.world.components["repos/deeper/floor"] = lodger
    site.world.urls["repos/deeper/floor"] = "../lodger"
    site.world.pin()
    explanation = site.call("explain", FLOOR, "--json").json
    assert (explanation["component"], explanation["would"]) == (FLOOR, "reuse")
    assert statuses(site.build()) == {FLOOR: "reused", "repos/deeper/floor": "built", "roof": "reused"}


def test_explain_tells_key_by_key(site: Site) -> None:
    pair(site)
    explanation = site.call("explain", "roof", "--json").json
    assert (explanation["would"], explanation["reason"]) == ("build", "never built in this workspace")
    site.build()
    explanation = site.call("explain", "roof", "--json").json
    assert (explanation["would"], explanation["last_run"]["status"]) == ("reuse", "built")
    assert {row["status"] for row in explanation["inputs"]} == {"same"}
    assert explanation["key"] == explanation["last_build"]["key"]
    pair(site, text="other words")
    explanation = site.call("explain", "floor", "--json").json
    changed = {row["name"] for row in explanation["inputs"] if row["status"] == "changed"}
    assert (explanation["would"], changed) == ("build", {"source package", "source package: commit"})
    explanation = site.call("explain", "roof", "--json").json
    assert (explanation["would"], explanation["key"]) == ("unknown", None)
    assert explanation["reason"].startswith("floor would be built first")
    site.build("floor")
    explanation = site.call("explain", "floor", "--json").json
    assert (explanation["last_run"]["status"], explanation["last_run"]["reason"]) == (
        "built",
        "source package changed",
    )
    changes = {row["name"]: (row["then"], row["now"]) for row in explanation["last_changes"]}
    assert set(changes) == changed and changes["source package: commit"][1] == explanation["commit"]
    explanation = site.call("explain", "roof", "--json").json
    assert (explanation["would"], explanation["reason"]) == (
        "build",
        "packages in its buildroot changed: floor.noarch",
    )
    assert any(
        line.startswith("a rebuild of floor.noarch that changes its version")
        for line in explanation["rebuilt_by"]
    )


def test_a_reason_is_what_differs_from_the_last_run_not_from_the_last_build(site: Site) -> None:
    config = site.definition.parent / "mock-configs/testbed-x86_64.cfg"
    text = config.read_text()
    pair(site)
    site.build()
    config.write_text(text + "config_opts['macros']['%more'] = 'x'\n")
    assert site.build()["roof"]["reason"] == "target changed"
    config.write_text(text)
    assert statuses(site.build()) == {"floor": "reused", "roof": "reused"}
    explanation = site.call("explain", "roof", "--json").json
    assert [row["name"] for row in explanation["last_changes"]] == ["target"]
    pair(site, text="other words")
    site.world.component(ROOF, {"roof.spec": make_spec("roof", build="false")})
    site.world.pin()
    assert {row["status"] for row in site.call("build", "--json").json} == {"built", "failed"}
    explanation = site.call("explain", "floor", "--json").json
    assert explanation["last_run"]["reason"] == "source package changed"
    assert [row["name"] for row in explanation["last_changes"]] == [
        "source package",
        "source package: commit",
    ]
    explanation = site.call("explain", "roof", "--json").json
    assert (explanation["last_run"]["status"], explanation["last_changes"]) == ("failed", [])
    assert "source package" in {row["name"] for row in explanation["inputs"] if row["status"] == "changed"}


def test_explain_knows_needs_that_specs_do_not_tell(site: Site) -> None:
    tags = "BuildArch: noarch\nBuildRequires: /usr/share/small/floor"
    site.world.component(FLOOR, small_component("floor"))
    site.world.component(ROOF, {"roof.spec": make_spec("roof", tags=tags), "README": "x\n"})
    site.world.pin()
    site.build()
    explanation = site.call("explain", "roof", "--json").json
    assert (explanation["would"], explanation["last_run"]["status"]) == ("reuse", "built")
    assert {row["status"] for row in explanation["inputs"]} == {"same"}


def cycle(site: Site) -> None:
    """`egg` needs `hen`, and `hen` needs `egg` unless it is told to do without."""
    spec = make_spec(
        "hen",
        tags="%bcond_with first\n%if %{without first}\nBuildRequires: egg\n%endif\nBuildArch: noarch",
        install="mkdir -p %{buildroot}/usr/share/small\n"
        "%if %{with first}\necho made of nothing > %{buildroot}/usr/share/small/hen\n"
        "%else\ncat /usr/share/small/egg > %{buildroot}/usr/share/small/hen\n%endif",
        files="/usr/share/small/hen",
    )
    hen: dict[str, Entry] = {"hen.spec": spec, "README": "hen\n"}
    site.world.component("repos/hen", hen)
    site.world.component("repos/egg", small_component("egg", needs=("hen",)))
    site.world.component("repos/omelette", small_component("omelette", needs=("hen", "egg")))
    site.world.pin()


def test_a_cycle_is_shown_whole_and_blocks_only_itself(site: Site) -> None:
    cycle(site)
    site.world.component("repos/stone", small_component("stone"))
    site.world.pin()
    answer = site.call("build", "--json")
    assert answer.code == 5
    rows = {row["component"]: row for row in answer.json}
    assert statuses(rows) == {"egg": "failed", "hen": "failed", "omelette": "blocked", "stone": "built"}
    assert "egg → hen → egg" in rows["hen"]["reason"]
    build_plan = site.call("plan", "--json").json
    assert {one["component"]: one["reason"] for one in build_plan["blocked"]} == {
        "egg": "build dependency cycle: egg → hen → egg",
        "hen": "build dependency cycle: egg → hen → egg",
        "omelette": "needs egg, which is in a build dependency cycle",
    }
    lines = [line.split("\t") for line in site.call("plan").out.splitlines()]
    assert [(line[0], line[1]) for line in lines] == [
        ("1", "stone"),
        ("-", "egg"),
        ("-", "hen"),
        ("-", "omelette"),
    ]


@pytest.mark.parametrize("site", ["components: {hen: {bootstrap: {with: [first]}}}"], indirect=True)
def test_a_declared_bootstrap_breaks_the_cycle(site: Site) -> None:
    cycle(site)
    waves = [[one["component"] for one in wave] for wave in site.call("plan", "--json").json["waves"]]
    assert waves == [["hen (bootstrap)"], ["egg"], ["hen"], ["omelette"]]
    rows = site.build()
    assert statuses(rows) == {"egg": "built", "hen": "built", "omelette": "built"}
    # The second build of hen used the egg that was built with its bootstrap build.
    (rpm,) = rows["omelette"]["rpms"]
    text = site.read(rpm, "usr/share/small/omelette")
    assert text == "omelette: hello\negg: hello\nmade of nothing\negg: hello\nmade of nothing\n"
    assert not [one for row in rows.values() for one in row["rpms"] if "0.bootstrap." in Path(one).name]
    assert statuses(site.build()) == {"egg": "reused", "hen": "reused", "omelette": "reused"}
