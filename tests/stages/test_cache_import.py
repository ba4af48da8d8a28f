"""What is taken from a cache that anybody may have written: what is signed, and what its content shows."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.ledger import Ledger
from altai_build.model.coverage import Coverage, FileCoverage
from altai_build.model.job_cache import INDEX_NAME, CachedFile, CacheIndex
from altai_build.model.test_record import ContextRecord
from altai_build.stages.cache_export import export_cache
from altai_build.stages.cache_import import ImportedCache, import_cache, list_reasons, read_index
from altai_build.stages.coverage_store import find_coverage, store_coverage
from altai_build.stages.unit_tests.record_store import StoredRecord, find_record, store_record
from altai_build.tools.chroot.file_list import find_change, write_file_list
from altai_build.tools.chroot.root_archive import can_archive_roots
from altai_build.tools.git.mirror import fetch_mirror, mirror_path
from altai_build.tools.sealed_json import dump_sealed
from altai_build.workspace import Workspace
from tests.conftest import Require
from tests.kit.git import Repo
from tests.stages.test_cache_export import A, B, store, store_content

UNSIGNED = "it is not signed"


@pytest.fixture
def old(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "old")
    workspace.root.mkdir()
    return workspace


@pytest.fixture
def new(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "new" / "path")


def export(workspace: Workspace, folder: Path) -> CacheIndex:
    index = export_cache(workspace, Ledger(workspace.ledger), folder, max_size=1 << 30).index
    (folder / INDEX_NAME).write_bytes(index.dump())
    return index


def take(
    workspace: Workspace, folder: Path, index: CacheIndex, distrust: str = "", max_size: int = 1 << 30
) -> ImportedCache:
    ledger = Ledger(workspace.ledger)
    return import_cache(workspace, ledger, folder, index, distrust=distrust, max_size=max_size)


def names(result: ImportedCache) -> list[str]:
    return sorted(unit.name for unit in result.taken)


def test_a_build_is_on_record_in_another_workspace(old: Workspace, new: Workspace, tmp_path: Path) -> None:
    record, srpm = store(old, "build", A, used=77), store(old, "srpm", B)
    index = export(old, tmp_path / "cache")
    result = take(new, tmp_path / "cache", index)
    assert names(result) == [f"builds/{A}", f"srpms/{B}"] and not result.left_out
    ledger = Ledger(new.ledger)
    assert (ledger.find("build", A), ledger.find("srpm", B)) == (record, srpm)
    assert (new.builds / A / "x.rpm").read_bytes() == b"x" and (new.builds / A / "build.log").is_file()
    assert (new.builds / A).stat().st_mtime == 77
    again = take(new, tmp_path / "cache", index)
    assert again.taken == [] and len(again.present) == 2
    # What the ledger lost is taken again.
    new.ledger.unlink()
    assert names(take(new, tmp_path / "cache", index)) == names(result)


def test_without_trust_only_content_is_taken(old: Workspace, new: Workspace, tmp_path: Path) -> None:
    store(old, "build", A)
    store(old, "srpm", B)
    package = store_content(old, "cache/packages", "p.rpm", b"package")
    (old.root / "needs.json").write_text("{}")
    repo = Repo(tmp_path / "remote")
    commit = repo.commit({"file": "x"})
    fetch_mirror(str(repo.path), mirrors=old.git / "mirrors", commit=commit)
    index = export(old, tmp_path / "cache")
    result = take(new, tmp_path / "cache", index, UNSIGNED)
    mirror = mirror_path(str(repo.path), new.git / "mirrors")
    path = package.relative_to(old.root)
    assert names(result) == [path.as_posix(), f"git/mirrors/{mirror.stem}"]
    assert (new.root / path).read_bytes() == b"package"
    assert mirror.is_dir()
    assert list(list_reasons(result)) == [(UNSIGNED, 3)]
    assert not new.builds.exists() and not new.ledger.exists() and not (new.root / "needs.json").exists()


def test_what_is_missing_or_has_other_bytes_is_left_out_alone(
    old: Workspace, new: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    keys = [character * 64 for character in "abcdef"]
    for key in keys:
        store(old, "build", key, content=key.encode())
    index = export(old, folder)
    places = [folder / "builds" / key / "x.rpm" for key in keys]
    places[0].write_bytes(b"poisoned")
    places[1].unlink()
    (places[2].parent / "build.log").unlink()
    places[3].unlink()
    os.mkfifo(places[3])
    places[4].unlink()
    places[4].symlink_to("/dev/zero")
    result = take(new, folder, index)
    assert names(result) == [f"builds/{keys[5]}"]
    assert [path.name for path in new.builds.iterdir()] == [keys[5]]
    assert [record.key for record in Ledger(new.ledger).all("build")] == [keys[5]]
    assert len(result.left_out) == 5 and not list(new.scratch.iterdir())


def test_a_list_cannot_give_a_build_another_record(old: Workspace, new: Workspace, tmp_path: Path) -> None:
    """Also a signed list is read with care: a bug in a writer must not become a false hit."""
    store(old, "build", A)
    index = export(old, tmp_path / "cache")
    record = dict(index.records[0])
    others = {
        "no record": (),
        "of another key": ({**record, "key": B},),
        "other files": ({**record, "artefacts": [{"file": "y.rpm", "sha256": "0" * 64, "size": 1}]},),
        "no files": ({**record, "artefacts": []},),
        "a failure": ({**record, "kind": "failure"},),
        "of no form": ({"kind": "build"},),
    }
    for records in others.values():
        result = take(new, tmp_path / "cache", replace(index, records=records))
        assert result.taken == [] and len(result.left_out) == 1
    assert not new.ledger.exists()


def test_a_name_that_is_not_that_of_the_content_is_refused(new: Workspace, tmp_path: Path) -> None:
    folder, path = tmp_path / "cache", f"cache/packages/aa/{A}/p.rpm"
    (folder / path).parent.mkdir(parents=True)
    (folder / path).write_bytes(b"poisoned")
    poisoned = CachedFile(path, hashlib.sha256(b"poisoned").hexdigest(), 8, 1)
    for file in (poisoned, replace(poisoned, sha256=A)):
        result = take(new, folder, CacheIndex((file,), ()), UNSIGNED)
        assert result.taken == [] and len(result.left_out) == 1 and not (new.root / path).exists()


def test_a_bundle_that_git_refuses_is_left_out(new: Workspace, tmp_path: Path) -> None:
    folder, path = tmp_path / "cache", f"git/mirrors/{'c' * 24}.bundle"
    (folder / path).parent.mkdir(parents=True)
    content = b"# v2 git bundle\n" + b"0" * 40 + b" refs/heads/main\n\nPACK"
    (folder / path).write_bytes(content)
    file = CachedFile(path, hashlib.sha256(content).hexdigest(), len(content), 1)
    result = take(new, folder, CacheIndex((file,), ()), UNSIGNED)
    assert result.taken == [] and "git fetch exited" in result.left_out[0].reason
    assert not list((new.git / "mirrors").glob("*.git"))


def test_no_more_is_taken_than_asked_for(old: Workspace, new: Workspace, tmp_path: Path) -> None:
    store(old, "srpm", A, content=b"o" * 100, used=1)
    store(old, "srpm", B, content=b"n" * 100, used=2)
    result = take(new, tmp_path / "cache", export(old, tmp_path / "cache"), max_size=150)
    assert names(result) == [f"srpms/{B}"]
    assert list(list_reasons(result)) == [("it does not fit into --max-size", 1)]


def test_a_buildroot_is_made_of_its_archive(
    old: Workspace, new: Workspace, tmp_path: Path, require: Require
) -> None:
    require(can_archive_roots(), "only root gives files other owners")
    root = old.buildroots / "base" / ("c" * 40)
    root.mkdir(parents=True)
    (root / "bin").write_text("x")
    os.chown(root / "bin", 7, 7)
    write_file_list(root, root)
    index = export(old, tmp_path / "cache")
    assert take(new, tmp_path / "cache", index, UNSIGNED).taken == []
    # Without the list of its files, nothing says whether it is whole.
    files = tuple(file for file in index.files if not file.path.endswith(".files"))
    (left,) = take(new, tmp_path / "cache", replace(index, files=files)).left_out
    assert left.reason == "its archive or the list of its files is missing"
    take(new, tmp_path / "cache", index)
    place = new.buildroots / "base" / root.name
    assert find_change(place) == "" and (place / "bin").stat().st_uid == 7
    # It is not packed again by a job that took it.
    before = (tmp_path / "cache" / f"roots/base/{root.name}.tar.zst").stat().st_ino
    export(new, tmp_path / "cache")
    assert (tmp_path / "cache" / f"roots/base/{root.name}.tar.zst").stat().st_ino == before


def test_a_list_that_cannot_be_used_is_an_error_and_no_list_is_none(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    assert read_index(tmp_path, copy=copy) is None
    for content in ("", "{}", json.dumps({"format": 1, "files": [{"path": "/etc/shadow"}], "records": []})):
        (tmp_path / INDEX_NAME).write_text(content)
        with pytest.raises(InputError, match="cannot be used"):
            read_index(tmp_path, copy=copy)
    (tmp_path / INDEX_NAME).unlink()
    os.mkfifo(tmp_path / INDEX_NAME)
    with pytest.raises(InputError, match="cannot be used"):
        read_index(tmp_path, copy=copy)


def test_coverage_and_records_are_taken_if_they_are_what_their_paths_say(
    old: Workspace, new: Workspace, tmp_path: Path
) -> None:
    """A signed one, too: its key may have signed for a writer with a fault."""
    commit, folder = "1" * 40, tmp_path / "cache"
    coverage = Coverage({"a.py": FileCoverage(frozenset({1}), frozenset({2}))})
    for component in ("nova", "r&d/api", "other", "broken", "huge", "wrong"):
        store_coverage(old, component, commit, coverage)
    text = (old.coverage_of("nova") / f"{commit}.json").read_bytes()
    (old.coverage_of("other") / f"{commit}.json").write_bytes(text)
    (old.coverage_of("broken") / f"{commit}.json").write_bytes(text[:-9] + b"}")
    (old.coverage_of("huge") / f"{commit}.json").write_bytes(b" " * (17 << 20))
    wrong = {"component": "wrong", "commit": commit, "files": {"a.py": {"covered": "9-1"}}}
    (old.coverage_of("wrong") / f"{commit}.json").write_bytes(dump_sealed(wrong))
    document = {"version": 1, "unusable": "why"}
    for component in ("nova", "odd"):
        record = StoredRecord(commit, [("builder", "x")], [], ContextRecord(unusable="why"), document)
        store_record(old, component, record)
    wrong = {"component": "odd", "commit": commit, "record": {"version": 0}}
    (old.test_records_of("odd") / f"{commit}.json").write_bytes(dump_sealed(wrong))
    index = export(old, folder)
    assert take(new, folder, index, UNSIGNED).taken == []
    result = take(new, folder, index)
    assert names(result) == [
        f"coverage/nova/{commit}.json",
        f"coverage/r%26d%2Fapi/{commit}.json",
        f"test-records/nova/{commit}.json",
    ]
    assert find_coverage(new, "r&d/api", commit) == coverage
    assert find_record(new, "nova", [commit]) == find_record(old, "nova", [commit])
    assert len(result.left_out) == 5 and not new.coverage_of("other").joinpath(f"{commit}.json").exists()
