"""How a configuration is evaluated: once for the same texts, and with an error for each thing that is missing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from altai_build.errors import InputError, MissingToolError
from altai_build.tools import commands, process
from altai_build.tools.mock import evaluate as module
from altai_build.tools.mock.evaluate import EvaluatedOptions
from tests.kit.mock_configs import evaluate_text

Run = Callable[..., EvaluatedOptions]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Evaluates statements; other files may be included."""
    return lambda text, **named: evaluate_text(tmp_path, text, **named)


def test_a_flood_of_output_is_stopped(run: Run) -> None:
    with pytest.raises(InputError, match="cannot be evaluated") as caught:
        run("while True: print('x' * 4096)")
    assert "stopped: it printed more than 16777216 bytes" in caught.value.why


@pytest.mark.parametrize(
    "answer",
    ["[]", "{}", '{"error": 5}', '{"values": 1}', "[" * 100_000, '{"values": {}, "errors": {"a": 1}}'],
)
def test_a_forged_answer_is_refused(run: Run, answer: str) -> None:
    """Descriptor 3 is where the child writes; a configuration may write there first."""
    text = f"os.write(3, {answer!r}.encode())\nos._exit(0)"
    with pytest.raises(InputError):
        run(text)


def test_the_same_texts_are_run_once(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[Any] = []
    original = process.run

    def count(*arguments: Any, **named: Any) -> process.ProcessResult:
        runs.append(arguments)
        return original(*arguments, **named)

    monkeypatch.setattr(process, "run", count)
    cache = tmp_path / "cache"
    text = "config_opts['dist'] = 'el9'\ninclude('more.cfg')\n"
    first = run(text, cache=cache, more="config_opts['a'] = {1: ('x', None)}\n")
    assert (run(text, cache=cache), len(runs)) == (first, 1)
    changed = run(text, cache=cache, more="config_opts['a'] = 2\n")
    assert (changed.values["a"], len(runs)) == (2, 2)
    for kept in cache.iterdir():
        data = bytearray(kept.read_bytes())
        data[-10] ^= 1
        kept.write_bytes(data)
    assert (run(text, cache=cache), len(runs)) == (changed, 3)
    monkeypatch.setattr(module, "_FORMAT_VERSION", 0)
    assert (run(text, cache=cache), len(runs)) == (changed, 4)


def test_without_bubblewrap_the_error_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "find_program", lambda program: None)
    with pytest.raises(MissingToolError, match=r"bubblewrap \(bwrap\) is not installed") as caught:
        run("")
    assert "mock configurations are programs" in caught.value.why


def test_a_sandbox_that_does_not_start_is_no_fault_of_the_configuration(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "bin" / "bwrap"
    refusing.parent.mkdir()
    refusing.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{refusing.parent}:{os.environ['PATH']}")
    with pytest.raises(MissingToolError, match="the sandbox does not start") as caught:
        run("")
    assert "No permissions to create new namespace" in caught.value.why


def test_without_the_library_of_mock_the_error_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LIBRARIES", ("no_such_library",))
    with pytest.raises(MissingToolError, match="the Python library no_such_library is not installed"):
        run("")


@pytest.mark.parametrize("text", ["config_opts['x' = 1", "raise Exception('no')", "import nothing_here"])
def test_a_wrong_line_is_named_with_what_to_do(run: Run, text: str) -> None:
    with pytest.raises(InputError) as caught:
        run(text)
    assert caught.value.why == text and caught.value.todo
