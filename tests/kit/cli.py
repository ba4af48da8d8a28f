"""The command line as a user meets it: a process of its own, its exit code, both streams."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from altai_build.cli.app import App

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ("-m", "altai_build")


@dataclass(frozen=True)
class CliResult:
    """What one call of altai-build left; `err` without the time of day before each line of progress."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The result as a JSON document; without one, the failure shows exit code and stderr."""
        try:
            return json.loads(self.out)
        except ValueError as error:
            raise AssertionError(f"no JSON ({error}), exit {self.code}: {self.out}\n{self.err}") from error


def altai_build(
    *words: str | Path, cwd: Path, env: dict[str, str] | None = None, program: tuple[str, ...] = PROGRAM
) -> CliResult:
    """Run `altai-build` in `cwd` with this interpreter; what it prints with --json has the form of its schema."""
    result = subprocess.run(
        [sys.executable, *program, *map(str, words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    answer = CliResult(result.returncode, result.stdout.decode(), strip_times(result.stderr.decode()))
    assert answer.code != 70 and "Traceback" not in answer.err, f"a bug came to light: {answer.err}"
    check_form(words, answer)
    return answer


def strip_times(err: str) -> str:
    """Lines of progress without the time of day before each, which they have in a pipe."""
    return re.sub(r"^\d\d:\d\d:\d\d ", "", err, flags=re.MULTILINE)


def check_form(words: Sequence[str | Path], answer: CliResult) -> None:
    """Compare the JSON that a command printed with its schema."""
    arguments = [str(word) for word in words]
    if "--json" not in arguments or not answer.out:
        return
    from tests.kit.json_forms import find_command, list_form_errors

    errors = list_form_errors(find_command(arguments), answer.json)
    assert not errors, f"{' '.join(arguments)} printed JSON of another form:\n" + "\n".join(errors)


def make_app(directory: Path, *, config_file: str | None = None, workspace_dir: str | None = None) -> App:
    """The global options of a command that is typed in a folder."""
    return App(
        directory=str(directory),
        start=str(directory),
        config_file=config_file,
        workspace_dir=workspace_dir,
        jobs=3,
        builder="chroot",
        max_download="16G",
        quiet=True,
        logs=[],
    )
