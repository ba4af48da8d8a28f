"""What an earlier job left, taken into a workspace: nothing is believed that is not signed, or shown by its content."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from altai_build.errors import AltaiError, InputError, describe_cause
from altai_build.ledger import Ledger, Record, parse_record
from altai_build.model.build import BuildStep
from altai_build.model.coverage_json import coverage_from_json
from altai_build.model.job_cache import (
    INDEX_NAME,
    SIGNATURE_NAME,
    CacheIndex,
    CacheKind,
    CacheUnit,
    choose_units,
    get_named_digest,
    parse_index,
)
from altai_build.model.test_record import parse_test_record
from altai_build.regular_files import read_regular_file
from altai_build.tools.chroot.root_archive import can_archive_roots, read_archive
from altai_build.tools.chroot.roots import get_packages_path
from altai_build.tools.digest_notes import write_digest
from altai_build.tools.files import make_directory, remove_tree, scratch_directory, sync_tree
from altai_build.tools.git.bundle import describe_references, read_bundle
from altai_build.tools.sealed_json import load_sealed
from altai_build.tools.verified_copy import copy_verified
from altai_build.workspace import Workspace

# Bytes of the list of a cache: some hundred for each file.
_MAX_INDEX_SIZE = 64 << 20
_MAX_SIGNATURE_SIZE = 1 << 20
# Of one component at one commit: real ones have some hundred kilobytes.
_DOCUMENT_SIZES = {CacheKind.COVERAGE: 16 << 20, CacheKind.TEST_RECORD: 80 << 20}
_LOG = "build.log"
_RECORD_KINDS = {"srpms": frozenset({"srpm"}), "builds": frozenset(step.value for step in BuildStep)}


@dataclass(frozen=True)
class LeftOut:
    """A unit that was not taken, and why."""

    unit: CacheUnit
    reason: str


@dataclass
class ImportedCache:
    """What was taken, what the workspace had already, and what was not taken."""

    taken: list[CacheUnit] = field(default_factory=list)
    present: list[CacheUnit] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def read_index(folder: Path, *, copy: Path) -> CacheIndex | None:
    """The list of a cache; None where there is none. What was read, and its signature, is then in the folder `copy`.

    Raises InputError for one that cannot be used.
    """
    try:
        data = read_regular_file(folder / INDEX_NAME, limit=_MAX_INDEX_SIZE)
        (copy / INDEX_NAME).write_bytes(data)
        with suppress(FileNotFoundError):
            signature = read_regular_file(folder / SIGNATURE_NAME, limit=_MAX_SIGNATURE_SIZE)
            (copy / SIGNATURE_NAME).write_bytes(signature)
        return parse_index(data)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(
            f"the cache in {folder} cannot be used",
            why=f"{INDEX_NAME}: {describe_cause(error)}",
            todo="remove it: the next export makes another one",
        ) from error


def import_cache(
    workspace: Workspace, ledger: Ledger, folder: Path, index: CacheIndex, *, distrust: str, max_size: int
) -> ImportedCache:
    """Take at most `max_size` bytes of a cache into the workspace, which holds none of it yet or some.

    `distrust` is why the list is not trusted, "" where it is: then only what its own content shows is taken. Files that
    are missing or have other bytes are left out, with what needs them. The caller holds the workspace.
    """
    result = ImportedCache()
    chosen, too_large = choose_units(index.list_units(), max_size)
    result.left_out += [LeftOut(unit, "it does not fit into --max-size") for unit in too_large]
    records = _index_records(index)
    found: list[Record] = []
    with scratch_directory(workspace.scratch, "cache") as scratch:
        for unit in chosen:
            record = records.get(unit.name)
            taker = _Taker(workspace, folder, scratch, unit)
            if taker.is_present() and (record is None or ledger.find(record.kind, record.key) is not None):
                result.present.append(unit)
                continue
            if unit.kind.is_trusted_by_signature and distrust:
                result.left_out.append(LeftOut(unit, distrust))
                continue
            why = taker.take(record)
            if why:
                result.left_out.append(LeftOut(unit, why))
                continue
            result.taken.append(unit)
            if record is not None:
                found.append(record)
    # Nothing is on record that is not in its place.
    if found:
        ledger.append(*found)
    return result


def _index_records(index: CacheIndex) -> Mapping[str, Record]:
    """The records of a list by the folder of their files."""
    found = {}
    for tree in index.records:
        record = parse_record(dict(tree))
        if record is not None:
            for folder, kinds in _RECORD_KINDS.items():
                if record.kind in kinds:
                    found[f"{folder}/{record.key}"] = record
    return found


@dataclass(frozen=True)
class _Taker:
    """Takes one unit."""

    workspace: Workspace
    folder: Path
    scratch: Path
    unit: CacheUnit

    @property
    def place(self) -> Path:
        """Where the unit is in the workspace."""
        suffix = ".git" if self.unit.kind is CacheKind.MIRROR else ""
        return self.workspace.root / f"{self.unit.name}{suffix}"

    def is_present(self) -> bool:
        """Whether the workspace has something in its place; what that is worth, its users look at."""
        return os.path.lexists(self.place)

    def take(self, record: Record | None) -> str:
        """Have it in the workspace; returns why that is not so, "" where it is."""
        kind = self.unit.kind
        if kind in (CacheKind.BUILD, CacheKind.SRPM) and (why := self._find_mismatch(record)):
            return why
        if kind is CacheKind.ROOT and not can_archive_roots():
            return "only root can give its files their owners"
        for file in self.unit.files:
            if get_named_digest(file.path) not in (None, file.sha256):
                return "its name and its content differ"
        with scratch_directory(self.scratch, "unit") as scratch:
            made = make_directory(scratch / "made")
            made.chmod(0o755)
            for file in self.unit.files:
                name = os.path.basename(file.path)
                if why := copy_verified(self.folder / file.path, made / name, file.sha256, file.size):
                    return why
                (made / name).chmod(0o644)
            if kind in _DOCUMENT_SIZES and (why := self._find_wrong_document(made)):
                return why
            try:
                self._move_to_place(made)
            except AltaiError as error:
                return ": ".join(filter(None, (error.what, error.why.split("\n")[0])))
        return ""

    def _find_mismatch(self, record: Record | None) -> str:
        """Why the files are not those of the record of a build, "" where they are."""
        if record is None:
            return "the list has no record of it"
        files = {os.path.basename(file.path): (file.sha256, file.size) for file in self.unit.files}
        files.pop(_LOG, None)
        artefacts = {one.file: (one.sha256, one.size) for one in record.artefacts}
        return "" if files and files == artefacts else "its files are not those of its record"

    def _find_wrong_document(self, made: Path) -> str:
        """Why a file of coverage, or of what tests ran, is not what its path says, "" where it is."""
        path, kind = self.workspace.root / self.unit.name, self.unit.kind
        folder = self.workspace.coverage_of if kind is CacheKind.COVERAGE else self.workspace.test_records_of
        try:
            document = load_sealed(read_regular_file(made / path.name, limit=_DOCUMENT_SIZES[kind]))
            if document is None:
                return "this program did not write it"
            component, commit = document.get("component"), document.get("commit")
            named = isinstance(component, str) and folder(component) / f"{commit}.json"
            if named != path:
                return "its name and its content differ"
            if kind is CacheKind.COVERAGE:
                coverage_from_json(document.get("files"))
            else:
                parse_test_record(document.get("record"))
        except (OSError, ValueError) as error:
            return f"it cannot be read: {describe_cause(error)}"
        return ""

    def _move_to_place(self, made: Path) -> None:
        kind, name, place = self.unit.kind, os.path.basename(self.unit.name), self.place
        make_directory(place.parent)
        if kind is CacheKind.ROOT:
            archive, file_list = made / f"{name}.tar.zst", made / f"{name}.files"
            if not (archive.is_file() and file_list.is_file()):
                raise InputError("its archive or the list of its files is missing")
            read_archive(archive, file_list, place)
            packages = made / f"{name}.packages"
            if packages.is_file():
                os.replace(packages, get_packages_path(place))
            self._note_digest(f"{self.unit.name}.tar.zst", name)
        elif kind is CacheKind.MIRROR:
            read_bundle(made / f"{name}.bundle", place)
            self._note_digest(f"{self.unit.name}.bundle", describe_references(place))
        elif kind in (CacheKind.BUILD, CacheKind.SRPM):
            remove_tree(place)
            sync_tree(made)
            os.rename(made, place)
        else:
            os.replace(made / name, place)
        # What was used last stays longest.
        with suppress(FileNotFoundError):
            os.utime(place, (self.unit.used, self.unit.used))

    def _note_digest(self, path: str, state: str) -> None:
        (digest,) = (file.sha256 for file in self.unit.files if file.path == path)
        write_digest(self.workspace.made_archives, path, state, digest)


def list_reasons(result: ImportedCache) -> Iterator[tuple[str, int]]:
    """Each reason for which something was left out, and how often."""
    reasons = [left.reason for left in result.left_out]
    for reason in dict.fromkeys(reasons):
        yield reason, reasons.count(reason)
