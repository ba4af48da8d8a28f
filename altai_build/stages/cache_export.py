"""What makes the next job fast, copied from a workspace to a folder that a CI service keeps."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from altai_build.errors import InputError
from altai_build.ledger import Ledger, Record
from altai_build.model.build import BuildStep
from altai_build.model.job_cache import (
    INDEX_NAME,
    SIGNATURE_NAME,
    CachedFile,
    CacheIndex,
    CacheUnit,
    choose_units,
    get_kind,
    get_named_digest,
    group_files,
)
from altai_build.regular_files import read_regular_file
from altai_build.tools.chroot.file_list import get_list_path
from altai_build.tools.chroot.root_archive import can_archive_roots, write_archive
from altai_build.tools.chroot.roots import get_packages_path
from altai_build.tools.digest_notes import read_digest, write_digest
from altai_build.tools.files import (
    make_directory,
    remove_tree,
    scratch_directory,
    sha256_file,
    write_atomically,
)
from altai_build.tools.git.bundle import describe_references, write_bundle
from altai_build.tools.leftovers import remove_abandoned
from altai_build.tools.output_directory import prepare_output
from altai_build.tools.tree import walk_tree
from altai_build.tools.verified_copy import copy_verified
from altai_build.workspace import Workspace

_SCRATCH = ".altai-build"
_SRPM_KIND = "srpm"
_LOG = "build.log"
# Seconds. Base buildroots that were not used for longer are not worth the seconds that an archive takes.
_LONGEST_UNUSED = 2 * 86400
# Where the workspace has files whose paths name their content.
_CONTENT_PLACES = ("cache/packages/*/*/*", "cache/sources/*/*/*", "packages/*/*/*", "cache/metadata/*/*-*")


@dataclass(frozen=True)
class ExportedCache:
    """What a cache has now, and what it has not for want of space."""

    index: CacheIndex
    units: tuple[CacheUnit, ...]
    left_out: tuple[CacheUnit, ...]
    notes: tuple[str, ...]
    is_signed: bool = False


def prepare_cache_folder(folder: Path) -> None:
    """Refuse a folder with files that are no cache: what a cache does not have is removed from its folder."""
    if folder.is_dir():
        remove_abandoned(folder, f"{_SCRATCH}.*")
    is_cache = (folder / INDEX_NAME).is_file()
    if folder.is_dir() and not is_cache and any(folder.iterdir()):
        raise InputError(
            f"{folder} has files that are no cache",
            why=f"it has no {INDEX_NAME}; what is not in a new cache is removed from its folder",
            todo="name a new or empty folder",
        )
    prepare_output(folder)
    if not is_cache:
        # Should the export be interrupted, the folder is that of a cache, which has nothing yet.
        write_atomically(folder / INDEX_NAME, CacheIndex((), ()).dump())
    # A folder that a service restored may hold links to other places.
    for entry in walk_tree(folder):
        if not entry.is_folder and entry.name != INDEX_NAME and get_kind(entry.path) is None:
            (folder / entry.path).unlink()


def export_cache(workspace: Workspace, ledger: Ledger, folder: Path, *, max_size: int) -> ExportedCache:
    """Have at most `max_size` bytes of a workspace in the folder, what was used last first; returns the new list.

    Files that are there already are kept, and those that are not in the list are removed. The list itself is for the
    caller to write, with `write_index`. The caller holds the workspace, and has prepared the folder.
    """
    make_directory(folder)
    notes: list[str] = []
    with scratch_directory(folder, _SCRATCH) as scratch:
        exporter = _Exporter(workspace, folder, scratch, notes)
        records = {f"{_folder_of(record)}/{record.key}": record for record in _list_records(ledger)}
        found: list[CachedFile] = []
        for place, record in records.items():
            found += _list_record_files(workspace, place, record)
        found += _list_needs(workspace)
        found += _list_documents(workspace)
        found += (roots := [*exporter.make_roots()])
        found += _list_content(workspace, _list_packages_of(workspace, roots))
        found += exporter.make_bundles()
        units, left_out = choose_units(group_files(found), max_size)
        kept = [unit for unit in units if exporter.copy(unit)]
        files = tuple(sorted((file for unit in kept for file in unit.files), key=lambda file: file.path))
        exporter.remove_others({file.path for file in files})
    names = {unit.name for unit in kept}
    index = CacheIndex(
        files=files, records=tuple(asdict(record) for place, record in records.items() if place in names)
    )
    return ExportedCache(index, tuple(kept), tuple(left_out), tuple(notes))


def write_index(index: CacheIndex, folder: Path, sign: Callable[[Path], object] | None) -> None:
    """Write the list of a cache, and its signature where there is a key."""
    (folder / SIGNATURE_NAME).unlink(missing_ok=True)
    write_atomically(folder / INDEX_NAME, index.dump())
    if sign is not None:
        sign(folder / INDEX_NAME)


def _list_records(ledger: Ledger) -> Iterator[Record]:
    for kind in (_SRPM_KIND, *(step.value for step in BuildStep)):
        yield from ledger.all(kind)


def _folder_of(record: Record) -> str:
    return "srpms" if record.kind == _SRPM_KIND else "builds"


def _list_record_files(workspace: Workspace, place: str, record: Record) -> list[CachedFile]:
    """The files of a build or source package; none where one of them is missing."""
    folder = workspace.root / place
    files = []
    try:
        used = int(folder.stat().st_mtime)
        for artefact in record.artefacts:
            if (folder / artefact.file).stat().st_size != artefact.size:
                return []
            files.append(CachedFile(f"{place}/{artefact.file}", artefact.sha256, artefact.size, used))
        log = folder / _LOG
        if record.kind == BuildStep.PACKAGES.value and log.is_file():
            files.append(CachedFile(f"{place}/{_LOG}", sha256_file(log), log.stat().st_size, used))
    except FileNotFoundError:
        return []
    return files if all(get_kind(file.path) for file in files) else []


def _list_packages_of(workspace: Workspace, files: Iterable[CachedFile]) -> set[str]:
    """The checksums of the packages that are in base buildroots: whoever has these does not need them."""
    places = [workspace.root / file.path for file in files if file.path.endswith(".packages")]
    return {line for place in places for line in read_regular_file(place).decode().splitlines()}


def _list_content(workspace: Workspace, unneeded: Container[str]) -> Iterator[CachedFile]:
    for pattern in _CONTENT_PLACES:
        for path in workspace.root.glob(pattern):
            name = path.relative_to(workspace.root).as_posix()
            digest = get_named_digest(name)
            if digest is not None and digest not in unneeded and path.is_file() and not path.is_symlink():
                status = path.stat()
                yield CachedFile(name, digest, status.st_size, int(max(status.st_mtime, status.st_atime)))


def _list_needs(workspace: Workspace) -> Iterator[CachedFile]:
    path = workspace.revealed_needs
    if path.is_file():
        yield CachedFile(path.name, sha256_file(path), path.stat().st_size, int(time.time()))


def _list_documents(workspace: Workspace) -> Iterator[CachedFile]:
    """The coverage of each component, and what its tests ran, at each commit that is kept."""
    for path in (*workspace.root.glob("coverage/*/*.json"), *workspace.root.glob("test-records/*/*.json")):
        name = path.relative_to(workspace.root).as_posix()
        if get_kind(name) is not None and path.is_file() and not path.is_symlink():
            status = path.stat()
            yield CachedFile(name, sha256_file(path), status.st_size, int(status.st_mtime))


@dataclass(frozen=True)
class _Exporter:
    workspace: Workspace
    folder: Path
    scratch: Path
    notes: list[str]

    def make_roots(self) -> Iterator[CachedFile]:
        """An archive of each base buildroot that was used lately, and the list of its files."""
        base = self.workspace.buildroots / "base"
        roots = sorted(path for path in base.glob("[0-9a-f]*") if path.is_dir() and not path.is_symlink())
        recent = [root for root in roots if time.time() - root.stat().st_mtime < _LONGEST_UNUSED]
        if recent and not can_archive_roots():
            self.notes.append("base buildroots are left out: only root can read all of their files")
            return
        for root in recent:
            file_list = get_list_path(root)
            name = f"roots/base/{root.name}"
            if not file_list.is_file() or get_kind(f"{name}.tar.zst") is None:
                continue
            # A buildroot never changes.
            archive = self._refresh(f"{name}.tar.zst", root.name, partial(_make_archive, root))
            if archive is not None:
                used = int(root.stat().st_mtime)
                yield CachedFile(f"{name}.tar.zst", *archive, used)
                for path in (file_list, get_packages_path(root)):
                    if path.is_file():
                        place = f"roots/base/{path.name}"
                        yield CachedFile(place, sha256_file(path), path.stat().st_size, used)

    def make_bundles(self) -> Iterator[CachedFile]:
        """A bundle of each mirror."""
        for mirror in sorted((self.workspace.git / "mirrors").glob("*.git")):
            name = f"git/mirrors/{mirror.stem}.bundle"
            if get_kind(name) is None:
                continue
            bundle = self._refresh(name, describe_references(mirror), partial(write_bundle, mirror))
            if bundle is not None:
                # Nothing notes when a mirror was used, and fetching one takes long.
                yield CachedFile(name, *bundle, int(time.time()))

    def _refresh(self, name: str, state: str, make: Callable[[Path], bool]) -> tuple[str, int] | None:
        """Digest and size of a file that is made of a state of the workspace; None where nothing is made.

        What this workspace wrote or took itself is kept: nobody knows what another file in its place holds.
        """
        place = self.folder / name
        notes = self.workspace.made_archives
        known = read_digest(notes, name, state)
        if known is not None and _has_digest(place, known):
            return known, place.stat().st_size
        made = self.scratch / place.name
        if not make(made):
            return None
        self._move_to_place(made, place)
        digest = sha256_file(place)
        write_digest(notes, name, state, digest)
        return digest, place.stat().st_size

    def copy(self, unit: CacheUnit) -> bool:
        """Have the files of a unit in the folder; False where the workspace has them no more as they should be."""
        for file in unit.files:
            place = self.folder / file.path
            if _has_digest(place, file.sha256):
                continue
            made = self.scratch / place.name
            why = copy_verified(self.workspace.root / file.path, made, file.sha256, file.size)
            if why:
                self.notes.append(f"{unit.name} is left out: {why}")
                return False
            self._move_to_place(made, place)
        return True

    def _move_to_place(self, made: Path, place: Path) -> None:
        if place.is_dir():
            remove_tree(place)
        make_directory(place.parent)
        os.replace(made, place)

    def remove_others(self, paths: set[str]) -> None:
        """Remove what is not in the list, and folders that are empty then."""
        own = f"{self.scratch.name}/"
        for entry in walk_tree(self.folder, removing=True):
            path = entry.path
            if f"{path}/".startswith(own) or path in (INDEX_NAME, SIGNATURE_NAME):
                continue
            if entry.is_folder:
                if not any((self.folder / path).iterdir()):
                    (self.folder / path).rmdir()
            elif path not in paths:
                (self.folder / path).unlink()


def _make_archive(root: Path, archive: Path) -> bool:
    write_archive(root, archive)
    return True


def _has_digest(path: Path, sha256: str) -> bool:
    return path.is_file() and not path.is_symlink() and sha256_file(path) == sha256
