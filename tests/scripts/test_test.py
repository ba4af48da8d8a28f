"""scripts/test runs the checks and the tests that it is asked for, and checks the coverage where that is asked for."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A program that writes its name and arguments into $LOG; some answer what scripts/test asks them.
STUB = """#!/bin/sh
printf '%s\\n' "${0##*/} $*" >>"$LOG"
case "${0##*/} $*" in
    nproc*) echo "$CORES" ;;
    "coverage report --format=total --fail-under=0") echo "$TOTAL" ;;
    *$FAILING*) echo "found by ${0##*/}"; exit 1 ;;
esac
"""
# mypy runs beside these.
STATIC = ["ruff", "ruff", "mkdocs", "vulture", "shellcheck", "shfmt"]
ON_TWO_CORES = "--numprocesses=3 --dist=loadfile --no-loadscope-reorder"


class Checkout:
    """A checkout with the real scripts/test, where every program that it runs is STUB."""

    def __init__(self, place: Path) -> None:
        self.place = place / "checkout"
        self._log = place / "log"
        (self.place / "scripts").mkdir(parents=True)
        for name in ("test", "lib.sh"):
            shutil.copy2(ROOT / "scripts" / name, self.place / "scripts")
        (self.place / "pyproject.toml").write_text("[tool.coverage.report]\nfail_under = 80 # percent\n")
        (self.place / ".gitignore").write_text(".venv/\n")
        subprocess.run(["git", "init", "--quiet", self.place], check=True)
        self._path = self.place / ".venv" / "bin"
        self._path.mkdir(parents=True)
        programs = ("ruff", "mypy", "mkdocs", "vulture", "coverage", "python", "shellcheck", "shfmt", "nproc")
        for stub in [self.place / "scripts" / "setup", *(self._path / name for name in programs)]:
            stub.write_text(STUB)
            stub.chmod(0o755)

    def test(
        self, *arguments: str, cores: int = 2, total: str = "80", failing: str = "nothing"
    ) -> subprocess.CompletedProcess[str]:
        self._log.write_text("")
        return subprocess.run(
            [self.place / "scripts" / "test", *arguments],
            env={
                "PATH": f"{self._path}:{os.environ['PATH']}",
                "LOG": str(self._log),
                "CORES": str(cores),
                "TOTAL": total,
                "FAILING": failing,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        """Command lines of the last run, without the questions for cores and without mypy, which runs beside them."""
        return [line for line in self._lines if not line.startswith(("nproc", "mypy"))]

    @property
    def type_checks(self) -> list[str]:
        """The command lines of mypy in the last run."""
        return [line for line in self._lines if line.startswith("mypy")]

    @property
    def _lines(self) -> list[str]:
        return [line.rstrip() for line in self._log.read_text().splitlines()]

    @property
    def programs(self) -> list[str]:
        return [line.split()[0] for line in self.calls]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_without_arguments_everything_runs(checkout: Checkout) -> None:
    done = checkout.test()
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.programs == ["setup", *STATIC, "python"]
    assert checkout.calls[-1] == f"python -m pytest {ON_TWO_CORES}"
    assert len(checkout.type_checks) == 1


def test_types_are_checked_beside_the_tests_and_reported_behind_them(checkout: Checkout) -> None:
    done = checkout.test("tests/a.py", failing="mypy")
    assert done.returncode == 1
    assert checkout.calls[-1] == "python -m pytest tests/a.py"
    assert done.stdout.splitlines()[-2] == "found by mypy"
    assert done.stdout.splitlines()[-1].startswith("mypy, waited for       FAILED ")
    assert done.stderr == "test: failed checks: mypy, waited for\n"


def test_the_check_of_types_ends_with_the_script(checkout: Checkout) -> None:
    """A signal that ends the tests ends mypy too, which ignores the one of a terminal."""
    never = checkout.place / ".venv" / "bin" / "mypy"
    never.write_text('#!/bin/sh\necho $$ >"$LOG.mypy"\nexec sleep 600\n')
    tests = checkout.place / ".venv" / "bin" / "python"
    tests.write_text('#!/bin/sh\nuntil [ -s "$LOG.mypy" ]; do sleep 0.01; done\nkill -TERM $PPID\n')
    assert checkout.test("tests/a.py").returncode == -signal.SIGTERM
    pid = int((checkout.place.parent / "log.mypy").read_text())
    for _ in range(1000):
        if not Path(f"/proc/{pid}").exists():
            break
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()


def test_coverage_is_measured_and_checked_where_it_is_asked_for(checkout: Checkout) -> None:
    done = checkout.test("--coverage")
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.programs[: len(STATIC) + 1] == ["setup", *STATIC]
    assert checkout.calls[len(STATIC) + 1 :] == [
        "coverage erase",
        f"coverage run -m pytest {ON_TWO_CORES}",
        "coverage combine --quiet",
        "coverage report --format=total --fail-under=0",
    ]
    assert "coverage is 80 %, the minimum is 80 %\n" in done.stdout


def test_coverage_below_the_floor_fails_and_shows_the_lines(checkout: Checkout) -> None:
    done = checkout.test("--coverage", total="79")
    assert done.returncode == 1
    assert checkout.calls[-1] == "coverage report --fail-under=0 --show-missing --skip-covered --sort=cover"
    assert done.stderr.splitlines()[-1] == "test: failed checks: coverage"


def test_coverage_far_above_the_floor_asks_for_a_higher_floor(checkout: Checkout) -> None:
    assert checkout.test("--coverage", total="81").stderr == ""
    done = checkout.test("--coverage", total="82")
    assert (done.returncode, done.stderr) == (0, "test: raise fail_under in pyproject.toml to 82\n")


@pytest.mark.parametrize(("total", "settings"), [("", "fail_under = 80\n"), ("80", "")])
def test_coverage_that_is_unknown_does_not_pass(checkout: Checkout, total: str, settings: str) -> None:
    (checkout.place / "pyproject.toml").write_text(settings)
    assert checkout.test("--coverage", total=total).returncode != 0


def test_failed_tests_fail_and_coverage_is_not_checked(checkout: Checkout) -> None:
    done = checkout.test("--coverage", failing="coverage run")
    assert done.returncode == 1
    assert checkout.programs[-1] == "coverage"
    assert not any(call.startswith("coverage report") for call in checkout.calls)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--fast"], f"python -m pytest {ON_TWO_CORES} --fast"),
        (["tests/model"], f"python -m pytest {ON_TWO_CORES} tests/model"),
        (["tests/a.py", "tests/b.py"], f"python -m pytest {ON_TWO_CORES} tests/a.py tests/b.py"),
        (["-k", "waiver", "tests/a.py::test_b"], "python -m pytest -k waiver tests/a.py::test_b"),
    ],
)
def test_arguments_choose_tests(checkout: Checkout, arguments: list[str], expected: str) -> None:
    assert checkout.test(*arguments).returncode == 0
    assert checkout.programs == ["setup", *STATIC, "python"]
    assert checkout.calls[-1] == expected


def test_tests_only_skips_the_static_checks(checkout: Checkout) -> None:
    assert checkout.test("--tests-only", "tests/a.py").returncode == 0
    assert checkout.calls == ["setup", "python -m pytest tests/a.py"]
    assert checkout.type_checks == []
    assert checkout.test("--tests-only", "--coverage").returncode == 0
    assert checkout.programs == ["setup", *["coverage"] * 4]


def test_one_core_runs_one_process(checkout: Checkout) -> None:
    assert checkout.test("tests/model", cores=1).returncode == 0
    assert checkout.calls[-1] == "python -m pytest tests/model"


def test_tests_run_after_a_failed_check(checkout: Checkout) -> None:
    done = checkout.test("tests/a.py", failing="vulture")
    assert done.returncode == 1
    assert checkout.calls[-1] == "python -m pytest tests/a.py"
    assert done.stderr == "test: failed checks: vulture\n"


def test_nothing_runs_where_setup_fails(checkout: Checkout) -> None:
    assert checkout.test(failing="setup").returncode == 4
    assert checkout.calls == ["setup"]


def test_help_names_every_option(checkout: Checkout) -> None:
    done = checkout.test("--help")
    assert (done.returncode, done.stderr, checkout.calls) == (0, "", [])
    assert done.stdout.startswith("usage: test [--tests-only] [--coverage] [--fast] [ARGUMENT of pytest…]\n")
