"""`build` at the command line: rows of the promised form, copies, exit codes, and what is printed about failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.builders import HostSite, noarch_component


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    site = HostSite.create(tmp_path / "site", monkeypatch)
    site.world.component("repos/fine", noarch_component("fine"))
    site.world.component("repos/none", {"README": "no spec"})
    site.world.pin()
    return site


def test_json_rows_have_the_promised_form(site: HostSite, tmp_path: Path) -> None:
    answer = site.call("build", "--json", "-o", str(tmp_path / "out"))
    assert answer.code == 0, answer.err
    rows = {row["component"]: row for row in answer.json}
    keys = ["component", "commit", "status", "srpm", "rpms", "log", "seconds", "reason", "causes"]
    assert all(list(row) == ["schema_version", *keys] for row in rows.values())
    fine = rows["fine"]
    assert (fine["status"], fine["reason"]) == ("built", "never built in this workspace")
    assert [Path(rpm) for rpm in fine["rpms"]] == list((tmp_path / "out").iterdir())
    assert Path(fine["srpm"]).is_file() and Path(fine["log"]).is_file()
    assert fine["seconds"] == round(fine["seconds"], 3) > 0
    assert [rows["none"][key] for key in keys[2:7]] == ["skipped", None, [], None, 0.0]


def test_a_table_line_per_component(site: HostSite) -> None:
    lines = [line.split("\t") for line in site.call("build").out.splitlines()]
    assert [(line[0], line[1]) for line in lines] == [("built", "fine"), ("skipped", "none")]
    assert lines[0][4].startswith("fine-1.0-1.") and lines[0][4].endswith(".noarch.rpm")
    assert lines[1][3:5] == ["0.0", "-"]


def test_a_failure_is_printed_with_its_log(site: HostSite) -> None:
    site.world.component("repos/broken", noarch_component("broken", build="exit 1"))
    site.world.component("repos/behind", noarch_component("behind", "broken"))
    site.world.pin()
    answer = site.call("build")
    assert answer.code == 5
    log = site.run.workspace.failed_build_logs("broken") / "build.log"
    assert (
        f"broken: rpmbuild failed\n  exit 1: failed without a message (%build)\n  log: {log}\n" in answer.err
    )
    assert "behind\t" in answer.out and "needs broken, which failed" in answer.out


def test_nothing_to_build_is_said(site: HostSite) -> None:
    site.call("build", "--json")
    answer = site.call("build", "--changed-since", "HEAD")
    assert (answer.code, answer.out) == (0, "")
    assert "no component has changed since HEAD" in answer.err


def test_where_packages_are_copied_to_is_tried_before_the_builds(site: HostSite) -> None:
    answer = site.call("build", "-o", "/proc/nowhere")
    assert answer.code == 3 and "cannot write to /proc/nowhere" in answer.err
    assert not site.run.workspace.builds.exists() and not site.run.workspace.srpms.exists()


def test_a_failure_is_explained_without_what_the_last_good_build_printed_too(site: HostSite) -> None:
    noise = "echo 'error: no network, using the cache'"
    files = noarch_component("fine", build=noise)
    site.world.component("repos/fine", files)
    site.world.pin()
    assert site.call("build", "fine").code == 0
    fault = "echo 'x.c:3:1: error: no such thing'\nfalse"
    files["fine.spec"] = str(files["fine.spec"]).replace(noise, f"if true; then\n{noise}\n{fault}\nfi")
    site.world.component("repos/fine", files)
    site.world.pin()
    answer = site.call("build", "fine", "--json")
    (row,) = answer.json
    assert (answer.code, row["status"]) == (5, "failed")
    assert "x.c:3:1: error: no such thing" in row["causes"]
    assert not any("no network" in cause for cause in row["causes"])
    assert "\n  x.c:3:1: error: no such thing\n" in answer.err
