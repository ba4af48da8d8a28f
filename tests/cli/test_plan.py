"""`plan`: waves, cycles and skipped components, as a table and as JSON; nothing is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.cli.plan import describe_unreadable
from altai_build.errors import InputError
from altai_build.model.component import ComponentWithoutSrpm
from altai_build.model.gitlink import CommitId
from tests.kit.builders import HostSite, noarch_component


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    """`app` needs `lib`; `a` and `b` need one another, and `c` needs `a`."""
    site = HostSite.create(tmp_path, monkeypatch)
    for name, *needs in (("lib",), ("app", "lib"), ("a", "b"), ("b", "a"), ("c", "a")):
        site.world.component(f"repos/{name}", noarch_component(name, *needs))
    site.world.component("repos/none", {"README": "no spec"})
    site.world.pin()
    return site


def test_a_table_of_waves_then_blocked_then_skipped_components(site: HostSite) -> None:
    answer = site.call("plan")
    lines = [line.split("\t") for line in answer.out.splitlines()]
    assert [[line[0], line[1], line[3]] for line in lines] == [
        ["1", "lib", "-"],
        ["2", "app", "lib"],
        ["-", "a", "b"],
        ["-", "b", "a"],
        ["-", "c", "a, b"],
        ["-", "none", "-"],
    ]
    assert lines[2][4] == "build dependency cycle: a → b → a"
    assert lines[4][4] == "needs a, which is in a build dependency cycle"
    assert lines[5][4].startswith("skipped: ")
    assert "warning: build dependency cycle: a → b → a\n" in answer.err
    assert "critical path: lib → app, about 60 s; everything with " in answer.err


def test_components_that_cannot_be_read_for_the_same_reason_share_one_warning() -> None:
    errors = {"a": "network", "b": "other", "c": "network"}
    components = [
        ComponentWithoutSrpm(
            name, f"repos/{name}", CommitId("a" * 40), "", InputError(f"no {name}", why=why, todo="do")
        )
        for name, why in errors.items()
    ]
    assert describe_unreadable(components) == [
        "a: no a\nc: no c\nnetwork\nWhat to do: do",
        "b: no b\nother\nWhat to do: do",
    ]
    refused = InputError("a: rpm refuses a.spec", todo="fix it")
    component = ComponentWithoutSrpm("a", "repos/a", CommitId("a" * 40), "", refused)
    assert describe_unreadable([component]) == ["a: rpm refuses a.spec\nWhat to do: fix it"]


def test_json(site: HostSite) -> None:
    plan = site.call("--jobs", "1", "plan", "--json").json
    head = site.world.super.git("rev-parse", "HEAD")
    assert plan["commit"] == head
    assert [[one["component"] for one in wave] for wave in plan["waves"]] == [["lib"], ["app"]]
    assert set(plan["waves"][0][0]) == {"component", "commit", "needs", "reason"}
    assert plan["waves"][1][0]["needs"] == ["lib"]
    assert plan["cycles"] == [["a", "b", "a"]]
    assert [one["component"] for one in plan["blocked"]] == ["a", "b", "c"]
    assert [one["component"] for one in plan["skipped"]] == ["none"]
    assert (plan["critical_path"], plan["critical_path_seconds"]) == (["lib", "app"], 60.0)
    assert plan["expected_seconds"] == 60.0
    assert not site.run.workspace.builds.exists()
