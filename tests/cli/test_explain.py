"""`explain` at the command line: the last run, the next run, and every input that differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.builders import HostSite, noarch_component


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    site = HostSite.create(tmp_path, monkeypatch)
    site.world.component("repos/a", noarch_component("a"))
    site.world.pin()
    return site


def test_before_the_first_build(site: HostSite) -> None:
    lines = site.call("explain", "a").out.splitlines()
    assert lines[1:3] == [
        "last run:  none in this workspace",
        "next run:  build: never built in this workspace",
    ]


def test_what_differs_is_in_a_table_with_both_values(site: HostSite) -> None:
    site.build()
    commit = site.world.component("repos/a", {"README": "changed\n"})
    site.world.pin()
    lines = site.call("explain", "a").out.splitlines()
    assert lines[0] == f"a (repos/a) at {commit[:12]}"
    assert lines[1].startswith("last run:  built on ") and lines[1].endswith(
        ": never built in this workspace"
    )
    assert lines[2] == "next run:  build: source package changed"
    assert "  changed: 2" in lines
    row = next(line.split("\t") for line in lines if "source package: commit" in line)
    assert row[0] == "changed" and row[3] == commit[:40]
    causes = lines[lines.index("rebuilt by:") + 1 :]
    assert causes[0] == f"  another commit than {commit[:12]} at repos/a"


def test_without_a_difference_the_inputs_but_for_the_buildroot_are_shown(site: HostSite) -> None:
    site.build()
    out = site.call("explain", "a").out
    assert "\nnext run:  reuse: none of its inputs has changed since it was built\n" in out
    assert "\nsame\ttool\t" in out and "\nsame\tbuildroot " not in out


def test_json_has_the_last_build_without_its_inputs(site: HostSite) -> None:
    built = site.build().results["a"]
    explanation = site.call("explain", "a", "--json").json
    assert explanation["last_build"]["key"] == explanation["key"] == built.key
    assert "inputs" not in explanation["last_build"] and "inputs" in explanation
    assert explanation["last_run"]["component"] == "a"
