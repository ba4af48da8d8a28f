"""What %generate_buildrequires asks for is installed before the build, and is an input like any other requirement."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kit.builds import Site, small_component
from tests.kit.git import Entry
from tests.kit.superprojects import World, make_spec


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all sites of this file."""
    return tmp_path_factory.mktemp("generated")


@pytest.fixture
def site(testbed: Path, folder: Path, request: pytest.FixtureRequest) -> Site:
    place = folder / request.node.name
    return Site(world=World(place), testbed=testbed, workspace=place / "ws")


def asking(name: str, script: str, **settings: Any) -> dict[str, Entry]:
    """A component whose spec has a script that prints its build requirements."""
    spec = make_spec(name, **settings).replace("%build\n", f"%generate_buildrequires\n{script}\n%build\n")
    return {f"{name}.spec": spec, "README": f"{name}\n"}


def rows(site: Site, *words: str) -> dict[str, tuple[str, str]]:
    return {row["component"]: (row["status"], row["reason"]) for row in site.call(*words, "--json").json}


# An installed package makes it ask for another one, as packages with macros do.
TWO_ROUNDS = "echo python3-six\nif test -d /usr/share/doc/python3-six; then echo 'floor = 1.0'; fi"
USES_BOTH = "python3 -c 'import six'\ncat /usr/share/small/floor"


def test_rounds_continue_until_nothing_more_is_asked_for(site: Site) -> None:
    site.world.component("repos/floor", small_component("floor"))
    site.world.component("repos/roof", asking("roof", TWO_ROUNDS, build=USES_BOTH))
    site.world.pin()
    explanation = site.call("explain", "roof", "--json").json
    assert explanation["would"] == "build"
    assert {status for status, _ in rows(site, "build").values()} == {"built"}
    assert {status for status, _ in rows(site, "build").values()} == {"reused"}
    explanation = site.call("explain", "roof", "--json").json
    assert explanation["would"] == "reuse"
    roots = {row["name"] for row in explanation["inputs"] if row["name"].startswith("buildroot ")}
    assert "buildroot floor.noarch" in roots and any("python3-six" in root for root in roots)
    site.world.component("repos/floor", {"README": "other words\n"})
    site.world.pin()
    assert rows(site, "build")["roof"] == ("built", "packages in its buildroot changed: floor.noarch")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'nobody-has-this >= 3'", "nothing provides nobody-has-this >= 3"),
        (
            "echo 'cannot tell: No such file or directory' >&2; exit 1",
            "cannot tell: No such file or directory",
        ),
        (
            "if test -d /usr/share/doc/wget; then echo python3-six; else echo wget; fi",
            "%generate_buildrequires asks for other packages each time, 10 times in a row",
        ),
    ],
)
def test_a_failing_script_fails_only_its_own_build(site: Site, script: str, reason: str) -> None:
    site.world.component("repos/asking", asking("asking", script))
    site.world.component("repos/alone", small_component("alone"))
    site.world.pin()
    found = rows(site, "build")
    assert found["asking"] == ("failed", reason) and found["alone"][0] == "built"


def test_a_removed_list_of_requirements_is_generated_again(site: Site) -> None:
    site.world.component(
        "repos/asking", asking("asking", "echo python3-six", build="python3 -c 'import six'")
    )
    site.world.pin()
    first = site.build()["asking"]["rpms"]
    records = [json.loads(line) for line in (site.workspace / "ledger.jsonl").read_text().splitlines()]
    for record in records:
        if record["kind"] == "requires":
            for file in (site.workspace / "builds" / record["key"]).iterdir():
                file.unlink()
    explanation = site.call("explain", "asking", "--json").json
    assert explanation["would"] == "unknown" and "%generate_buildrequires" in explanation["reason"]
    row = site.build()["asking"]
    assert (row["status"], row["rpms"]) == ("reused", first)
