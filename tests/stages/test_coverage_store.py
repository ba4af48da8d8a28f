"""Coverage by component and commit: kept, found again, taken from an earlier job's file; damage is not absence."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.coverage import Coverage, FileCoverage, UnknownCoverage
from altai_build.model.coverage_table import MeasuredComponent, make_coverage_table
from altai_build.stages import coverage_store
from altai_build.stages.coverage_report import table_to_json
from altai_build.stages.coverage_store import find_coverage, load_baseline, store_coverage
from altai_build.workspace import Workspace

COMMIT, OTHER = "a" * 40, "b" * 40
COVERAGE = Coverage({"nova/api.py": FileCoverage(frozenset({1, 2}), frozenset({3}), {})})
EMPTY = Coverage({})


def test_what_is_stored_is_found_by_its_commit(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    store_coverage(workspace, "nova", COMMIT, EMPTY)
    store_coverage(workspace, "nova", COMMIT, COVERAGE)
    assert find_coverage(workspace, "nova", COMMIT) == COVERAGE
    for component, commit in (("nova", OTHER), ("glance", COMMIT)):
        assert find_coverage(workspace, component, commit) == UnknownCoverage(
            f"the coverage of {component} at {commit[:12]} was never measured here"
        )


def test_names_of_components_are_no_paths(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "ws")
    for name in ("..", "../../x", "a/b", ".hidden"):
        store_coverage(workspace, name, COMMIT, COVERAGE)
        assert find_coverage(workspace, name, COMMIT) == COVERAGE
    assert [path.name for path in tmp_path.iterdir()] == ["ws"]
    assert len(list((tmp_path / "ws/coverage").iterdir())) == 4


@pytest.mark.parametrize("change", [b"1-3", b"7-8"])
def test_damage_is_said_and_is_not_absence(tmp_path: Path, change: bytes) -> None:
    workspace = Workspace(tmp_path)
    store_coverage(workspace, "nova", COMMIT, COVERAGE)
    (path,) = workspace.coverage_of("nova").iterdir()
    path.write_bytes(path.read_bytes().replace(b"1-2", change))
    assert find_coverage(workspace, "nova", COMMIT) == UnknownCoverage(
        f"the coverage of nova at {COMMIT[:12]} that was kept is damaged"
    )


def test_the_commits_that_were_used_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage_store, "_KEPT", 2)
    workspace = Workspace(tmp_path)
    for number, commit in enumerate("ab"):
        store_coverage(workspace, "nova", commit, COVERAGE)
        os.utime(workspace.coverage_of("nova") / f"{commit}.json", (number, number))
    assert find_coverage(workspace, "nova", "a") == COVERAGE
    store_coverage(workspace, "nova", "c", COVERAGE)
    assert sorted(path.name for path in workspace.coverage_of("nova").iterdir()) == ["a.json", "c.json"]


def test_the_file_of_an_earlier_job_is_a_baseline(tmp_path: Path) -> None:
    components = [
        MeasuredComponent(name, COMMIT, coverage, (), None, None, UnknownCoverage("-"))
        for name, coverage in (("nova", COVERAGE), ("glance", UnknownCoverage("it has no tests")))
    ]
    path = tmp_path / "coverage.json"
    path.write_text(json.dumps(table_to_json(make_coverage_table(components, None), with_files=True)))
    baseline = load_baseline(path)
    assert baseline == {("nova", COMMIT): COVERAGE}
    workspace = Workspace(tmp_path / "ws")
    store_coverage(workspace, "nova", COMMIT, EMPTY)
    assert find_coverage(workspace, "nova", COMMIT, baseline) == COVERAGE
    assert isinstance(find_coverage(workspace, "glance", COMMIT, baseline), UnknownCoverage)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "it has no list of components"),
        ('{"components": [1]}', "it has no list of components"),
        ('{"components": [{"component": "nova", "files": {}}]}', "a component is without its name or commit"),
        ('{"components": [{"component": "nova", "commit": "a", "files": []}]}', "the files are no object"),
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ],
)
def test_another_file_is_no_baseline(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "coverage.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_baseline(path)
    assert (caught.value.what, caught.value.why) == (f"cannot use {path} as a baseline of coverage", why)


def test_a_baseline_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_baseline(tmp_path / "none.json")
    assert caught.value.why == "No such file or directory"
