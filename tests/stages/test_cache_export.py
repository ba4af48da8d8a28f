"""What is copied to a cache, what is kept there, and what is removed from it."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.ledger import Artefact, Ledger, Record
from altai_build.model.job_cache import INDEX_NAME, parse_index
from altai_build.stages.cache_export import (
    ExportedCache,
    export_cache,
    prepare_cache_folder,
    write_index,
)
from altai_build.tools.chroot.file_list import write_file_list
from altai_build.tools.chroot.root_archive import can_archive_roots
from altai_build.tools.git.mirror import fetch_mirror
from altai_build.workspace import Workspace
from tests.conftest import Require
from tests.kit.git import Repo

A, B = "a" * 64, "b" * 64


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "ws")
    workspace.root.mkdir()
    return workspace


def store(workspace: Workspace, kind: str, key: str, *, content: bytes = b"x", used: int = 100) -> Record:
    """A finished piece of work, as builds and source packages are kept."""
    folder = (workspace.srpms if kind == "srpm" else workspace.builds) / key
    folder.mkdir(parents=True)
    (folder / "x.rpm").write_bytes(content)
    (folder / "build.log").write_text("log")
    (folder / "root.log").write_text("not needed")
    os.utime(folder, (used, used))
    artefact = Artefact("x.rpm", hashlib.sha256(content).hexdigest(), len(content))
    record = Record(kind, key, "x", "c", (("tool", "1"),), (artefact,), 1.0)
    Ledger(workspace.ledger).append(record)
    return record


def store_content(workspace: Workspace, folder: str, name: str, content: bytes) -> Path:
    digest = hashlib.sha256(content).hexdigest()
    path = workspace.root / folder / digest[:2] / digest / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def export(workspace: Workspace, folder: Path, max_size: int = 1 << 30) -> ExportedCache:
    prepare_cache_folder(folder)
    exported = export_cache(workspace, Ledger(workspace.ledger), folder, max_size=max_size)
    write_index(exported.index, folder, None)
    return exported


def list_files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_what_the_next_job_needs_is_there_and_nothing_private(workspace: Workspace, tmp_path: Path) -> None:
    store(workspace, "build", A)
    store(workspace, "srpm", B)
    package = store_content(workspace, "cache/packages", "p.rpm", b"package")
    locked = store_content(workspace, "packages", "l.rpm", b"locked")
    for name in ("gnupg/key", "cache/solv/x", "cache/keys/x", "cache/mock-configs/x", "outcomes.json"):
        (workspace.root / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.root / name).write_text("x")
    exported = export(workspace, tmp_path / "cache")
    wanted = {f"builds/{A}/x.rpm", f"builds/{A}/build.log", f"srpms/{B}/x.rpm"}
    wanted |= {path.relative_to(workspace.root).as_posix() for path in (package, locked)}
    assert list_files(tmp_path / "cache") == {*wanted, INDEX_NAME}
    assert {file.path for file in exported.index.files} == wanted
    assert {record["key"] for record in exported.index.records} == {A, B}
    assert parse_index((tmp_path / "cache" / INDEX_NAME).read_bytes()).files == exported.index.files


def test_what_is_there_stays_and_what_is_gone_goes(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    store(workspace, "build", A)
    record = store(workspace, "build", B, used=50)
    first = export(workspace, folder)
    before = (folder / f"builds/{A}/x.rpm").stat()
    assert export(workspace, folder).index.compute_key() == first.index.compute_key()
    after = (folder / f"builds/{A}/x.rpm").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    # A file that somebody changed in the cache is written again, whatever its list says.
    (folder / f"builds/{A}/x.rpm").write_bytes(b"y")
    # A damaged one in the workspace is none, unless the cache has the sound one.
    (folder / f"builds/{B}/x.rpm").unlink()
    (workspace.builds / record.key / "x.rpm").write_bytes(b"z")
    second = export(workspace, folder)
    assert (folder / f"builds/{A}/x.rpm").read_bytes() == b"x"
    assert [unit.name for unit in second.units] == [f"builds/{A}"] and B in second.notes[0]
    assert list_files(folder) == {f"builds/{A}/x.rpm", f"builds/{A}/build.log", INDEX_NAME}
    assert not (folder / f"builds/{B}").exists()


def test_what_was_used_last_is_kept_within_the_size(workspace: Workspace, tmp_path: Path) -> None:
    store(workspace, "srpm", A, content=b"o" * 100, used=1)
    store(workspace, "srpm", B, content=b"n" * 100, used=2)
    exported = export(workspace, tmp_path / "cache", max_size=150)
    assert ([unit.name for unit in exported.units], [unit.name for unit in exported.left_out]) == (
        [f"srpms/{B}"],
        [f"srpms/{A}"],
    )
    assert {record["key"] for record in exported.index.records} == {B}


def test_links_in_a_restored_folder_lead_nowhere(workspace: Workspace, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "cache", tmp_path / "elsewhere"
    store(workspace, "build", A)
    export(workspace, folder)
    elsewhere.mkdir()
    (folder / "builds" / A / "x.rpm").unlink()
    (folder / "builds" / A / "x.rpm").symlink_to(elsewhere / "x.rpm")
    (folder / "srpms").symlink_to(elsewhere)
    store(workspace, "srpm", B)
    export(workspace, folder)
    assert list(elsewhere.iterdir()) == []
    assert not (folder / "srpms").is_symlink() and (folder / f"srpms/{B}/x.rpm").read_bytes() == b"x"
    assert not (folder / f"builds/{A}/x.rpm").is_symlink()


def test_an_interrupted_export_leaves_a_cache(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    store(workspace, "build", A)
    (folder / ".altai-build.killed" / "x").mkdir(parents=True)
    prepare_cache_folder(folder)
    assert parse_index((folder / INDEX_NAME).read_bytes()).files == ()
    # Killed before the list was written.
    export_cache(workspace, Ledger(workspace.ledger), folder, max_size=1 << 30)
    assert len(export(workspace, folder).index.files) == 2
    assert list_files(folder) == {f"builds/{A}/x.rpm", f"builds/{A}/build.log", INDEX_NAME}


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="has files that are no cache"):
        prepare_cache_folder(tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_mirrors_are_bundles_that_are_made_again_when_they_change(
    workspace: Workspace, tmp_path: Path
) -> None:
    repo, folder = Repo(tmp_path / "remote"), tmp_path / "cache"
    for number in range(2):
        commit = repo.commit({"file": str(number)})
        fetch_mirror(str(repo.path), mirrors=workspace.git / "mirrors", commit=commit)
        (made,) = export(workspace, folder).index.files
        place = folder / made.path
        before = place.stat().st_ino
        assert export(workspace, folder).index.files[0].sha256 == made.sha256
        assert place.stat().st_ino == before
        # One that this workspace has not made is not kept.
        place.write_bytes(b"poisoned")
        assert export(workspace, folder).index.files[0].size > 100
    assert place.read_bytes().startswith(b"# v")


def test_packages_of_a_base_buildroot_come_with_it_alone(
    workspace: Workspace, tmp_path: Path, require: Require
) -> None:
    require(can_archive_roots(), "only root reads all files of a buildroot")
    root = workspace.buildroots / "base" / ("c" * 40)
    old = workspace.buildroots / "base" / ("d" * 40)
    for place in (root, old):
        place.mkdir(parents=True)
        (place / "bin").write_text("x")
        write_file_list(place, place)
    os.utime(old, (time.time() - 10 * 86400,) * 2)
    package = store_content(workspace, "cache/packages", "base.rpm", b"base")
    more = store_content(workspace, "cache/packages", "more.rpm", b"more")
    root.with_name(f"{root.name}.packages").write_text(f"{package.parent.name}\n")
    files = {file.path for file in export(workspace, tmp_path / "cache").index.files}
    names = {f"roots/base/{root.name}{suffix}" for suffix in (".tar.zst", ".files", ".packages")}
    assert files == {*names, more.relative_to(workspace.root).as_posix()}
