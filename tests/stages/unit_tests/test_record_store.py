"""Records of what tests ran are kept by commit, and damaged ones are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from altai_build.model.build_inputs import SOURCE_PACKAGE
from altai_build.model.test_record import parse_test_record
from altai_build.stages.unit_tests.record_store import StoredRecord, find_record, load_record, store_record
from altai_build.workspace import Workspace

DOCUMENT: dict[str, Any] = {
    "version": 1,
    "contexts": ["", "t"],
    "tests": [["t", "", "t", "passed", 0.5, "t.py", False, None]],
    "sets": ["0-1"],
    "files": {"lib.py": [[1, 2, 0]]},
    "tree": {},
    "outside": "",
    "unusable": "",
}


def make_record(commit: str) -> StoredRecord:
    inputs = [("builder", "chroot 1"), (SOURCE_PACKAGE, "x")]
    return StoredRecord(commit, inputs, [("command", "x")], parse_test_record(DOCUMENT), DOCUMENT)


def test_the_first_of_some_commits_that_has_one(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert find_record(workspace, "nova", ["1"]) is None
    for number in range(1, 13):
        store_record(workspace, "nova", make_record(str(number)))
    assert len(list(workspace.test_records_of("nova").iterdir())) == 10
    found = find_record(workspace, "nova", ["99", "12", "11"])
    assert found is not None
    assert (found.commit, found.record) == ("12", parse_test_record(DOCUMENT))
    # The source package differs with every commit.
    assert (found.inputs, found.settings) == ([("builder", "chroot 1")], [("command", "x")])
    path = workspace.test_records_of("nova") / "12.json"
    path.write_bytes(path.read_bytes().replace(b"lib.py", b"bil.py"))
    found = find_record(workspace, "nova", ["12", "11"])
    assert found is not None and found.commit == "11"
    assert find_record(workspace, "other", ["11"]) is None


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[1", b"\xff", b'{"version": 1, "unusable": 3}', b"[" * 100_000]
)
def test_what_is_no_record(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        load_record(data)


def test_a_record_as_a_suite_leaves_it() -> None:
    assert load_record(json.dumps(DOCUMENT).encode()) == (parse_test_record(DOCUMENT), DOCUMENT)
