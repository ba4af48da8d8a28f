"""Which tests of a component run: all, or with `--affected` those that changes since an earlier run affect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from altai_build.config.unit_tests import TestSettings
from altai_build.errors import AltaiError
from altai_build.model.affected_tests import (
    ChangedFile,
    EverythingRuns,
    FileAccess,
    TestSelection,
    find_word,
    select_tests,
)
from altai_build.model.build_inputs import SOURCE_PACKAGE, BuildInputs
from altai_build.model.gitlink import CommitId
from altai_build.model.rebuild_reason import describe_differences
from altai_build.model.unit_tests import Suite, SuiteKind, SuiteStart, SuiteStatus, TestResult
from altai_build.pipeline.unit_tests.plan import get_test_settings
from altai_build.stages.unit_tests.files import MAX_FILE_SIZE
from altai_build.stages.unit_tests.record_store import StoredRecord, find_record, load_record, store_record
from altai_build.tools.git.merge_base import list_ancestors

if TYPE_CHECKING:
    from altai_build.pipeline.run import Run
    from altai_build.tools.git.component_source import ComponentSource
    from altai_build.tools.git.trees import TreeEntry
    from altai_build.workspace import Workspace

# Commits before the tested one that are looked at for a record.
_MOST_COMMITS = 2000
_KINDS = (SuiteKind.PYTEST, SuiteKind.UNITTEST, SuiteKind.NOSE)
# Files that may name a Python module.
_NAMING = (".py", ".cfg", ".ini", ".toml", ".txt", ".sh", ".conf", ".yaml", ".yml", ".json", ".in")


@dataclass(frozen=True)
class Candidate:
    """What a change affects by the files of its commit, and the record that says so (None: there is none)."""

    selection: TestSelection
    stored: StoredRecord | None = None


def find_unrecordable(suite: Suite, settings: TestSettings) -> str:
    """Why it cannot be told for a suite what each test runs; "" where it can."""
    if suite.kind is SuiteKind.COMMAND:
        return "which tests a command of its own runs is unknown"
    if suite.kind not in _KINDS:
        return (
            f"what each test runs is known of Python projects only, and it is a suite of {suite.kind.value}"
        )
    if suite.start is not SuiteStart.PREP:
        return "its tests need the compiled tree, and what they run of it is not measured"
    if (settings.parallel or 1) > 1:
        return "its tests run in several processes (test.parallel)"
    return ""


def find_candidate(
    workspace: Workspace, source: ComponentSource, suite: Suite, settings: TestSettings
) -> Candidate:
    """What changes since the last commit with a record affect, by the files of both commits alone."""
    unrecordable = find_unrecordable(suite, settings)
    if unrecordable:
        return Candidate(EverythingRuns(unrecordable))
    component = source.component
    try:
        ancestors = list_ancestors(source.store, component.commit, _MOST_COMMITS)
        stored = find_record(workspace, component.name, ancestors)
        if stored is None:
            return Candidate(EverythingRuns("no commit before this one has a record of what its tests ran"))
        return Candidate(_compare(source, stored), stored)
    except AltaiError as error:
        return Candidate(EverythingRuns(f"the commits before it cannot be read: {error.what}"))


def select_affected(run: Run, source: ComponentSource, suite: Suite) -> TestSelection:
    """Which tests of a component a change affects, by the files of its commit alone."""
    settings = get_test_settings(run.config, source.component.name, source.component.path)
    return find_candidate(run.workspace, source, suite, settings).selection


def _compare(source: ComponentSource, stored: StoredRecord) -> TestSelection:
    store = source.store
    now = {entry.path: entry for entry in source.tree}
    if {entry.path for entry in store.read_tree(source.component.commit)} != set(now):
        return EverythingRuns("it is one folder of a repository")
    before = {entry.path: entry for entry in store.read_tree(CommitId(stored.commit))}
    changes = list_changes(before, now)

    def read(oids: Sequence[str]) -> Mapping[str, str]:
        sizes = dict(zip(oids, store.read_blob_sizes(oids)))
        short = [oid for oid in oids if sizes[oid] <= MAX_FILE_SIZE]
        return {oid: _decode(blob) for oid, blob in zip(short, store.read_blobs(short))}

    texts: dict[str, str] = {}

    def find(word: str, besides: str) -> str | None:
        if not texts:
            paths = [path for path, entry in now.items() if entry.is_file and path.endswith(_NAMING)]
            found = read([now[path].oid for path in paths])
            texts.update({path: found.get(now[path].oid, word) for path in paths})
        return find_word(word, texts, besides)

    return select_tests(stored.record, stored.commit, changes, FileAccess(read, find))


def list_changes(before: Mapping[str, TreeEntry], now: Mapping[str, TreeEntry]) -> list[ChangedFile]:
    """The files that differ between two trees, by path."""
    changes = []
    for path in sorted({*before, *now}):
        old, new = before.get(path), now.get(path)
        if old != new:
            entries = [entry for entry in (old, new) if entry is not None]
            changes.append(
                ChangedFile(
                    path=path,
                    before=old.oid if old is not None else None,
                    now=new.oid if new is not None else None,
                    is_plain=all(entry.is_file for entry in entries)
                    and len({entry.mode for entry in entries}) == 1,
                )
            )
    return changes


def _decode(blob: bytes) -> str:
    """The text of a file; one in another encoding keeps its tokens apart as well."""
    try:
        return blob.decode("utf-8")
    except UnicodeDecodeError:
        return blob.decode("latin-1")


def confirm(candidate: Candidate, inputs: BuildInputs, settings: Sequence[tuple[str, str]]) -> TestSelection:
    """The selection, where everything that the run depends on besides the files is as it was for the record."""
    stored = candidate.stored
    if stored is None or isinstance(candidate.selection, EverythingRuns):
        return candidate.selection
    different = [name for name, value in settings if dict(stored.settings).get(name) != value]
    if different or len(settings) != len(stored.settings):
        return EverythingRuns(f"how its tests run has changed: {', '.join(different) or 'files are gone'}")
    now = [(name, value) for name, value in inputs if name != SOURCE_PACKAGE]
    if sorted(now) != sorted(tuple(pair) for pair in stored.inputs):
        return EverythingRuns(describe_differences(stored.inputs, now) or "its buildroot has changed")
    return candidate.selection


def keep_record(
    workspace: Workspace,
    component: str,
    result: TestResult,
    inputs: BuildInputs,
    settings: Sequence[tuple[str, str]],
) -> str:
    """Keep what the tests of a run without failures ran, for later commits; returns why that is impossible, or ""."""
    outcome = result.outcome
    if outcome is None or result.status not in (SuiteStatus.PASSED, SuiteStatus.FLAKY):
        return ""
    if not outcome.record:
        return "it was not recorded what its tests ran, so all run the next time too"
    try:
        record, document = load_record(outcome.record)
    except ValueError as error:
        return f"the record of what its tests ran cannot be used: {error}"
    store_record(workspace, component, StoredRecord(result.commit, inputs, settings, record, document))
    return f"it is unknown what each of its tests ran: {record.unusable}" if record.unusable else ""
