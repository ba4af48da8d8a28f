"""`doctor` as a user calls it: a table or JSON, and the exit code of the first failed check."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from altai_build.cli.app import App
from altai_build.cli.doctor import fix_machine
from altai_build.pipeline import doctor_fix
from altai_build.pipeline.doctor_fix import Installation, MissingPackage
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
    assert rows["target t"]["documentation"] == "docs/troubleshooting.md#check-target"
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


MISSING = (MissingPackage("zstd", "zstd writes source archives"),)


@pytest.mark.parametrize(
    ("plan", "uid", "terminal", "yes", "answer", "last", "installs"),
    [
        (Installation((), ()), 0, False, False, False, "no package is missing", False),
        (Installation(MISSING, ()), 0, False, True, False, "unsupported distribution", False),
        (
            Installation(MISSING, (("apt-get", "x"),)),
            1000,
            True,
            True,
            True,
            "is not root, so nothing was",
            False,
        ),
        (Installation(MISSING, (("apt-get", "x"),)), 0, False, False, True, "with --yes", False),
        (Installation(MISSING, (("apt-get", "x"),)), 0, True, False, False, "nothing was installed", False),
        (
            Installation(MISSING, (("apt-get", "x"),)),
            0,
            True,
            False,
            True,
            "to install them: apt-get x",
            True,
        ),
        (
            Installation(MISSING, (("apt-get", "x"),)),
            0,
            False,
            True,
            False,
            "to install them: apt-get x",
            True,
        ),
    ],
)
def test_packages_are_installed_only_by_root_who_agrees(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    plan: Installation,
    uid: int,
    terminal: bool,
    yes: bool,
    answer: bool,
    last: str,
    installs: bool,
) -> None:
    installed: list[Installation] = []
    monkeypatch.setattr(doctor_fix, "plan_installation", lambda: plan)
    monkeypatch.setattr(doctor_fix, "install", installed.append)
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: terminal))
    monkeypatch.setattr("click.confirm", lambda *words, **options: answer)
    app = App("/", "/", None, None, 1, "auto", "1G", False, [])
    fix_machine(app, yes)
    assert last in capsys.readouterr().err.splitlines()[-1]
    assert installed == ([plan] if installs else [])
