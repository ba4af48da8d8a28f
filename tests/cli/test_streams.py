"""A closed pipe, a closed stream or a full disk changes neither the work nor the exit code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.cli import ROOT
from tests.kit.git import Pin
from tests.kit.superprojects import DEFINITION, World

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A superproject whose results are longer than any pipe's buffer."""
    world = World(tmp_path_factory.mktemp("many"))
    world.super.commit({"README": "x"})
    world.super.commit({f"repos/{number:04}": Pin(f"{number:040x}") for number in range(1, 2001)})
    return world.super.path


@pytest.fixture
def run(many: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("ALTAI", f"{sys.executable} -m altai_build -C {many}")

    def call(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)

    return call


@pytest.mark.parametrize("form", ["", " --json"])
def test_a_reader_that_closes_the_pipe_early_changes_nothing(run: Run, form: str) -> None:
    result = run(f"$ALTAI changed{form} | head -c 1; echo ${{PIPESTATUS[0]}}")
    assert (result.stdout[1:], result.stderr) == ("0\n", "")


def test_the_exit_code_is_right_when_nobody_reads(run: Run) -> None:
    assert run("$ALTAI changed nowhere 2>&1 | true; echo ${PIPESTATUS[0]}").stdout == "3\n"


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&- <&-"])
def test_closed_streams_are_dev_null(run: Run, closed: str) -> None:
    result = run(f"$ALTAI changed --json {closed}; echo $?")
    assert (result.stdout, result.stderr) == ("0\n", "")


def test_a_closed_stdin_is_no_terminal_to_ask_at(tmp_path: Path, run: Run) -> None:
    (tmp_path / "repos.yaml").write_text(DEFINITION)
    result = run(f"$ALTAI -C {tmp_path} keys init <&-; echo $?")
    assert result.stdout == "6\n" and "there is no terminal to ask for it" in result.stderr


def test_a_result_that_cannot_be_written_is_an_error_and_no_bug(run: Run) -> None:
    result = run("$ALTAI changed > /dev/full; echo $?")
    assert result.stdout == "3\n"
    assert result.stderr.splitlines()[0] == "altai-build: No space left on device: standard output"
    assert len(result.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("changed nowhere", "3"),
        ("changed nowhere --json", "3"),
        ("nosuchverb", "2"),
        ("changed --nosuch --json", "2"),
    ],
)
def test_the_exit_code_is_right_where_nothing_can_be_printed(run: Run, words: str, code: str) -> None:
    assert run(f"$ALTAI {words} >/dev/full 2>/dev/full; echo $?").stdout.splitlines() == [code]
    assert run(f"$ALTAI {words} 2>/dev/full; echo $?").stdout.splitlines()[-1] == code


def test_characters_that_the_terminals_encoding_lacks_are_escaped(tmp_path: Path, run: Run) -> None:
    world = World(tmp_path)
    world.super.commit({"README": "x"})
    world.super.commit({"repos/nür": Pin("1" * 40)})
    script = f"PYTHONIOENCODING=ascii {sys.executable} -m altai_build -C {world.super.path} changed"
    assert run(script).stdout.split("\t")[1] == "repos/n\\xfcr"


def test_a_full_disk_is_an_error_of_the_machine(tmp_path: Path, run: Run) -> None:
    result = run(
        f"unset COVERAGE_PROCESS_CONFIG; ulimit -f 0; $ALTAI --workspace {tmp_path}/ws srpm; echo $?"
    )
    assert result.stdout == "3\n"
    what, todo = result.stderr.splitlines()
    assert what == "altai-build: the operating system refused an operation: File too large"
    assert "ulimit -f" in todo
