"""The coverage of components by commit: kept in the workspace, or in a file that an earlier job left."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from altai_build.errors import InputError, describe_cause
from altai_build.model.coverage import AnyCoverage, Coverage, UnknownCoverage
from altai_build.model.coverage_json import coverage_from_json, coverage_to_json
from altai_build.model.untrusted_json import parse_json
from altai_build.regular_files import read_regular_file
from altai_build.tools.files import keep_latest, write_atomically
from altai_build.tools.sealed_json import dump_sealed, read_sealed
from altai_build.workspace import Workspace

# Of each component. One has some hundred kilobytes at most.
_KEPT = 50
_MAX_SIZE = 256 << 20  # bytes of a file of an earlier job

# Component and commit → coverage.
Baseline = Mapping[tuple[str, str], Coverage]


def store_coverage(workspace: Workspace, component: str, commit: str, coverage: Coverage) -> None:
    """Keep the coverage of a component's commit, in place of what was kept of it before."""
    folder = workspace.coverage_of(component)
    document = {"component": component, "commit": commit, "files": coverage_to_json(coverage)}
    write_atomically(folder / f"{commit}.json", dump_sealed(document), durable=False)
    keep_latest(folder.glob("*.json"), _KEPT)


def find_coverage(
    workspace: Workspace, component: str, commit: str, baseline: Baseline | None = None
) -> AnyCoverage:
    """The coverage of a component's commit: from `baseline`, else from the workspace."""
    if baseline is not None and (component, commit) in baseline:
        return baseline[component, commit]
    path = workspace.coverage_of(component) / f"{commit}.json"
    document = read_sealed(path)
    if document is not None:
        try:
            coverage = coverage_from_json(document.get("files"))
        except ValueError:
            pass
        else:
            os.utime(path)
            return coverage
    elif not path.exists():
        return UnknownCoverage(f"the coverage of {component} at {commit[:12]} was never measured here")
    return UnknownCoverage(f"the coverage of {component} at {commit[:12]} that was kept is damaged")


def load_baseline(path: Path) -> Baseline:
    """The coverage in the file that an earlier job wrote (coverage.json). Raises InputError naming what is wrong."""
    try:
        document = parse_json(read_regular_file(path, limit=_MAX_SIZE).decode())
        return dict(_read_row(row) for row in _list_rows(document) if row.get("files") is not None)
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot use {path} as a baseline of coverage",
            why=describe_cause(error),
            todo="name the file coverage.json of an earlier `altai-build test -o DIR`",
        ) from error


def _list_rows(document: Any) -> list[dict[str, Any]]:
    rows = document.get("components") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("it has no list of components")
    return rows


def _read_row(row: Mapping[str, Any]) -> tuple[tuple[str, str], Coverage]:
    component, commit = row.get("component"), row.get("commit")
    if not isinstance(component, str) or not isinstance(commit, str):
        raise ValueError("a component is without its name or commit")
    return (component, commit), coverage_from_json(row["files"])
