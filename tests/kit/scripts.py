"""Scripts of the checkout, run as a user runs them, and programs that stand in for altai-build in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Variables by which CI services are recognised, which this test run may have itself.
_SERVICES = ("GITHUB_", "GITLAB_", "CI_", "JENKINS_", "CHANGE_", "GIT_")


def run_script(
    script: str, *words: str | Path, cwd: Path, input: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run scripts/NAME in a folder, outside of CI unless `environment` says otherwise."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_SERVICES)}
    inherited.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")
    return subprocess.run(
        [str(ROOT / "scripts" / script), *map(str, words)],
        cwd=cwd,
        env={**inherited, **environment},
        input=input,
        capture_output=True,
        text=True,
        check=False,
    )


def make_recorder(folder: Path) -> Path:
    """A program that writes its arguments to FOLDER/calls, a line for each call."""
    program = folder / "recorder"
    program.write_text(f'#!/bin/bash\nprintf "%s|" "$@" >>{folder}/calls\necho >>{folder}/calls\n')
    program.chmod(0o755)
    return program


def read_calls(folder: Path) -> list[list[str]]:
    """The arguments of each call of the recorder; none before the first."""
    calls = folder / "calls"
    return [line.split("|")[:-1] for line in calls.read_text().splitlines()] if calls.exists() else []


def make_python_program(path: Path, code: str) -> Path:
    """A program that runs Python code with this interpreter and the modules of this checkout."""
    path.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}")
    path.chmod(0o755)
    return path
