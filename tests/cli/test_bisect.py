"""`bisect` at the command line: from the superproject's commit to the component's, in few builds."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

import altai_build
from tests.kit.builders import HostSite, noarch_component

SCHEMA = Path(altai_build.__file__).parent / "schemas" / "bisect.json"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    """`app` needs `lib`. The third of five commits of `lib` breaks `app`; the superproject pins the first and last."""
    site = HostSite.create(tmp_path / "site", monkeypatch)
    uses = "test ! -e /nonexistent"
    site.world.component("repos/app", noarch_component("app", "lib", build=uses))
    site.world.component("repos/lib", noarch_component("lib"))
    site.world.component("repos/other", noarch_component("other"))
    site.world.pin()
    return site


def test_the_pin_and_then_the_commit_are_found(site: HostSite) -> None:
    good = site.world.super.git("rev-parse", "HEAD")
    site.world.component("repos/other", {"README": "other\n"})
    site.world.pin()
    broken = ""
    for number in range(5):
        build = "echo 'app.c:7:1: error: number 3'; exit 1" if number >= 3 else ""
        commit = site.world.component(
            "repos/app", noarch_component("app", "lib", build=f"{build} # {number}")
        )
        broken = broken or (commit if number == 3 else "")
    site.world.component("repos/other", {"README": "again\n"})
    breaking = site.world.pin()
    site.world.component("repos/other", {"README": "and again\n"})
    site.world.pin()
    answer = site.call("bisect", "app", "--good", good, "--json")
    assert answer.code == 0, answer.err
    jsonschema.validate(answer.json, json.loads(SCHEMA.read_text()))
    assert [row["commit"] for row in answer.json["superproject"]["first_bad"]] == [breaking]
    assert {pin["path"]: pin["needed"] for pin in answer.json["pins"]} == {
        "repos/app": True,
        "repos/other": False,
    }
    assert answer.json["inner"]["of"] == "repos/app"
    assert [row["commit"] for row in answer.json["inner"]["first_bad"]] == [broken]
    # ⌈log₂ 4⌉ + 1 for the superproject and ⌈log₂ 5⌉ for the component.
    assert answer.json["builds"] <= 3 + 3
    assert "app.c:7:1: error: number 3" in answer.err
    # What was built, and what failed, is known from now on.
    again = site.call("bisect", "app", "--good", good)
    assert again.code == 0 and "tested, with 0 builds:" in again.out, again.out
    assert f"  {broken}\tchange" in again.out
