"""Suites of Python that are run with coverage.py and the recorder of tests, as run-suite.sh does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altai_test_record

_SCRIPTS = Path(altai_test_record.__file__).parent
_RUNS = {
    "pytest": ("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
    "unittest": ("altai_test_unittest", "discover", "-s", "tests"),
}


@dataclass(frozen=True)
class RecordedRun:
    """What a run printed, its record, whether it left tests out, and its coverage as lcov."""

    status: int
    output: str
    record: dict[str, Any]
    selection: dict[str, Any] | None
    lcov: str

    def list_lines(self, context: str, path: str) -> set[int]:
        """The lines of a file that a context ran."""
        number = self.record["contexts"].index(context)
        sets = [altai_test_record.read_ranges(text) for text in self.record["sets"]]
        rows = self.record["files"].get(path, [])
        return {line for a, b, one in rows if number in sets[one] for line in (a, b) if line > 0}


def record_suite(
    source: Path, state: Path, kind: str, *, inputs: Mapping[str, object] | None = None
) -> RecordedRun:
    """Run the suite in a folder; `inputs` are selection.json and base.json."""
    folders = {name: state / name for name in ("record", "inputs", "results")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    for name, document in (inputs or {"selection.json": {"hash": "sha1"}}).items():
        (folders["inputs"] / name).write_text(json.dumps(document))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))},
        "PYTHONPATH": f"{source}:{source}/src:{_SCRIPTS}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ALTAI_SOURCE": str(source),
        "ALTAI_CONTEXTS": str(folders["record"]),
        "COVERAGE_FILE": str(state / ".coverage"),
        **({"PYTEST_PLUGINS": "altai_test_pytest"} if kind == "pytest" else {}),
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], cwd=source, env=environment, text=True, capture_output=True, check=False
        )

    script, places = str(_SCRIPTS / "altai_test_record.py"), [str(folder) for folder in folders.values()]
    assert run(script, "start", str(source), *places[:2]).returncode == 0
    done = run("-m", "coverage", "run", "--parallel-mode", "--branch", "--source=.", "-m", *_RUNS[kind])
    run("-m", "coverage", "combine")
    finished = run(script, "finish", str(source), *places)
    assert finished.returncode == 0, finished.stderr
    if (state / ".coverage.carried").exists():
        run("-m", "coverage", "combine", "--append", str(state / ".coverage.carried"))
    run("-m", "coverage", "lcov", "-o", str(state / "lcov.info"))
    selection = folders["results"] / "selection.json"
    return RecordedRun(
        status=done.returncode,
        output=done.stdout + done.stderr,
        record=json.loads((folders["results"] / "record.json").read_text()),
        selection=json.loads(selection.read_text()) if selection.exists() else None,
        lcov=(state / "lcov.info").read_text(),
    )
