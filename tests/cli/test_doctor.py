"""`doctor` as a user calls it: a table or JSON, and the exit code of the first failed check."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.cli import altai_build
from tests.kit.superprojects import DEFINITION


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A definition whose mock configuration the chroot builder refuses, and whose key does not exist."""
    (tmp_path / "mock-configs").mkdir()
    (tmp_path / "mock-configs" / "m.cfg").write_text(
        "config_opts['root'] = 'm'\nconfig_opts['target_arch'] = 'x86_64'\n"
        "config_opts['dnf.conf'] = '[main]'\nconfig_opts['module_enable'] = ['x:1']\n"
    )
    (tmp_path / "repos.yaml").write_text(DEFINITION)
    return tmp_path


def test_each_check_is_a_row_and_the_first_failed_one_is_the_exit_code(place: Path) -> None:
    answer = altai_build("--builder", "chroot", "doctor", "--json", cwd=place)
    rows = {row["check"]: row for row in answer.json}
    assert all(set(row) == {"schema_version", "check", "status", "found", "todo"} for row in answer.json)
    assert rows["git"]["status"] == rows["python"]["status"] == "ok"
    assert rows["target t"]["status"] == "missing" and "module_enable" in rows["target t"]["found"]
    assert rows["key k"]["status"] == "missing"
    failed = [row["check"] for row in answer.json if row["status"] == "missing"]
    assert answer.code == (3 if failed[0] == "superproject" else 4)


def test_the_table_says_what_to_do(place: Path) -> None:
    answer = altai_build("--builder", "chroot", "doctor", cwd=place)
    (line,) = [line for line in answer.out.splitlines() if line.startswith("target t")]
    assert "remove these options, or build with --builder mock" in line


def test_a_definition_that_cannot_be_read_is_one_failed_check(place: Path) -> None:
    (place / "repos.yaml").write_text("project: [")
    answer = altai_build("doctor", "--json", cwd=place)
    rows = {row["check"]: row for row in answer.json}
    assert rows["configuration"]["status"] == "missing"
    assert "target t" not in rows and rows["git"]["status"] == "ok"
