"""What each test of a component ran, by commit: kept in the workspace, for the tests of later commits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from altai_build.model.build_inputs import SOURCE_PACKAGE, BuildInputs
from altai_build.model.test_record import ContextRecord, parse_test_record
from altai_build.model.untrusted_json import parse_json
from altai_build.regular_files import read_regular_file
from altai_build.tools.files import keep_latest, write_atomically
from altai_build.tools.sealed_json import dump_sealed, load_sealed
from altai_build.workspace import Workspace

# Of each component. One has some megabytes.
_KEPT = 10
# Bytes of a record in a package of results, and of the file that it is kept in.
LARGEST_RECORD = 64 << 20
_LARGEST_FILE = LARGEST_RECORD + (16 << 20)


@dataclass(frozen=True)
class StoredRecord:
    """A record with the commit that was tested, and all that the run depended on besides the source package.

    `document` is the record as the suite left it.
    """

    commit: str
    inputs: BuildInputs
    settings: Sequence[tuple[str, str]]
    record: ContextRecord
    document: Any


def load_record(data: bytes) -> tuple[ContextRecord, Any]:
    """A record that a suite left, and its document. Raises ValueError."""
    if len(data) > LARGEST_RECORD:
        raise ValueError(f"it is larger than {LARGEST_RECORD} bytes")
    document = parse_json(data.decode("utf-8"))
    return parse_test_record(document), document


def store_record(workspace: Workspace, component: str, stored: StoredRecord) -> None:
    """Keep the record of a component's commit, in place of what was kept of it before."""
    folder = workspace.test_records_of(component)
    inputs = [[name, value] for name, value in stored.inputs if name != SOURCE_PACKAGE]
    fields = {
        "component": component,
        "commit": stored.commit,
        "inputs": inputs,
        "settings": stored.settings,
        "record": stored.document,
    }
    write_atomically(folder / f"{stored.commit}.json", dump_sealed(fields), durable=False)
    keep_latest(folder.glob("*.json"), _KEPT)


def find_record(workspace: Workspace, component: str, commits: Sequence[str]) -> StoredRecord | None:
    """The record of the first of some commits that has one, and can be read."""
    folder = workspace.test_records_of(component)
    there = {path.stem for path in folder.glob("*.json")}
    for commit in commits:
        stored = _read(folder / f"{commit}.json", commit) if commit in there else None
        if stored is not None:
            return stored
    return None


def _read(path: Path, commit: str) -> StoredRecord | None:
    try:
        fields = load_sealed(read_regular_file(path, limit=_LARGEST_FILE))
        if fields is None:
            return None
        stored = StoredRecord(
            commit=commit,
            inputs=[(name, value) for name, value in fields["inputs"]],
            settings=[(name, value) for name, value in fields["settings"]],
            record=parse_test_record(fields["record"]),
            document=fields["record"],
        )
        os.utime(path)
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return stored
