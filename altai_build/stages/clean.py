"""Which files of a workspace can be removed, by age, by size and after killed runs, and removing them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from altai_build.ledger import Ledger, Record
from altai_build.model.build import FAILURE_KIND, BuildStep
from altai_build.model.build_inputs import SOURCE_PACKAGE
from altai_build.tools.files import remove_tree, sync_directory
from altai_build.tools.tree import walk_tree
from altai_build.workspace import GONE_PREFIX, RUN_LOG_PATTERN, Workspace

# The kind of what killed runs left. Keys, locked packages, the ledger and git's objects are no items: they always stay.
LEFTOVER = "leftover"


@dataclass(frozen=True)
class WorkspaceItem:
    """A file or folder that can be made or fetched again, and is removed as a whole."""

    kind: str
    path: Path
    size: int  # bytes on the disk
    used: float  # when it was last used, in seconds since the epoch
    # A release has hard links to some of its files: removing it would free nothing, and the next release could no
    # longer share them.
    linked: bool = False


@dataclass(frozen=True)
class Removal:
    """An item to remove, and why."""

    item: WorkspaceItem
    reason: str


@dataclass(frozen=True)
class CleanupPlan:
    """What is removed, decided before anything is."""

    removals: tuple[Removal, ...]
    kept: int  # bytes of the items that stay

    @property
    def freed_bytes(self) -> int:
        """Bytes that the removals free."""
        return sum(removal.item.size for removal in self.removals)


def plan_cleanup(
    items: Iterable[WorkspaceItem],
    *,
    now: float,
    older_than: float | None = None,
    max_size: int | None = None,
) -> CleanupPlan:
    """Choose leftovers of killed runs, then items not used for `older_than` seconds, then the least recently used ones
    until the rest has at most `max_size` bytes. Items that a release links to are never chosen.
    """
    removals, kept = [], []
    for item in sorted(items, key=lambda item: (item.used, str(item.path))):
        age = now - item.used
        if item.kind == LEFTOVER:
            removals.append(Removal(item, "left by a run that was killed"))
        elif older_than is not None and age > older_than and not item.linked:
            removals.append(Removal(item, f"not used for {age / 86400:.1f} days"))
        else:
            kept.append(item)
    size = sum(item.size for item in kept)
    for item in kept:
        if max_size is not None and size > max_size and not item.linked:
            removals.append(Removal(item, "least recently used, and the workspace exceeds --max-size"))
            size -= item.size
    return CleanupPlan(removals=tuple(removals), kept=size)


def clean_up(cleanup_plan: CleanupPlan) -> None:
    """Remove what was decided on. The caller holds the workspace."""
    for removal in cleanup_plan.removals:
        path = removal.item.path
        _remove(path)
        # Of buildroots.
        for suffix in (".log", ".lock", ".size", ".files", ".packages"):
            path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


def _remove(path: Path) -> None:
    """Remove a file or folder so that half of it is never taken for the whole, should the removal be interrupted."""
    gone = path.with_name(f"{GONE_PREFIX}{path.name}")
    remove_tree(gone)
    try:
        os.rename(path, gone)
    except OSError:
        # Folders in a lower layer of overlayfs, as in an image of a container, cannot be renamed. The next run that
        # finds the file removes the folder.
        gone.touch()
        sync_directory(path.parent)
        remove_tree(path)
    remove_tree(gone)


def prune_ledger(workspace: Workspace, ledger: Ledger) -> None:
    """Drop the records of removed builds and source packages.

    The last record of each component stays, for `explain` and for expected build times, and so do the records of the
    source packages that the remaining builds were made from.
    """
    kinds = (*(step.value for step in BuildStep), FAILURE_KIND)
    builds = [record for kind in kinds for record in ledger.all(kind)]
    kept = {
        (record.kind, record.key)
        for folder, records in ((workspace.builds, builds), (workspace.srpms, ledger.all("srpm")))
        for record in records
        if (folder / record.key).is_dir() or ledger.latest(record.kind, record.component) is record
    }
    sources = {
        value
        for record in builds
        if (record.kind, record.key) in kept
        for name, value in record.inputs
        if name == SOURCE_PACKAGE
    }

    def is_kept(record: Record) -> bool:
        digests = {artefact.sha256 for artefact in record.artefacts}
        return (record.kind, record.key) in kept or bool(digests & sources)

    ledger.compact(is_kept)


def list_workspace_items(workspace: Workspace) -> Iterator[WorkspaceItem]:
    """Everything in a workspace that can be removed."""
    for kind, folder in (
        ("base buildroot", workspace.buildroots / "base"),
        ("buildroot layer", workspace.buildroots / "layers"),
        ("buildroot of mock", workspace.buildroots / "mock"),
    ):
        for path in _list_visible(folder):
            if path.is_dir():
                yield _measure(kind, path)
    for kind, folder in (("build", workspace.builds), ("source package", workspace.srpms)):
        for path in _list_visible(folder):
            yield _measure(kind, path, shared=True)
    for folder in _list_visible(workspace.signed):
        for path in _list_visible(folder):
            yield _measure("signed package", path, shared=True)
    for path in _list_visible(workspace.logs):
        is_run_log = path.match(RUN_LOG_PATTERN) and path.is_file()
        yield _measure("log of a run" if is_run_log else "log of a failed build", path)
    for folder in _list_visible(workspace.cache):
        for path in _list_visible(folder):
            yield _measure(f"cache/{folder.name}", path)
    for path in workspace.list_leftovers():
        yield _measure(LEFTOVER, path)
    for path in sorted((workspace.root / "mock").glob("*")):
        # The next build has mock clean the chroots that are named in it.
        if path.name != "used":
            yield _measure(LEFTOVER, path)


def list_channel_items(earlier: Iterable[Path], unfinished: Iterable[Path]) -> Iterator[WorkspaceItem]:
    """Folders that no channel shows: those that were shown before, and what killed runs left."""
    for path in earlier:
        yield _measure("folder of a channel", path)
    for path in unfinished:
        yield _measure(LEFTOVER, path)


def _list_visible(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _measure(kind: str, path: Path, *, shared: bool = False) -> WorkspaceItem:
    """An item with its size and last use; a file with several names in it counts once.

    `shared`: releases may have hard links to its files.
    """
    seen: set[tuple[int, int]] = set()
    size, linked = 0, False
    for status in _list_statuses(path):
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            size += status.st_blocks * 512
        linked = linked or (shared and status.st_nlink > 1)
    return WorkspaceItem(kind=kind, path=path, size=size, used=path.lstat().st_mtime, linked=linked)


def _list_statuses(path: Path) -> Iterator[os.stat_result]:
    """The status of a file, or of every file below a folder."""
    if path.is_symlink() or not path.is_dir():
        yield path.lstat()
        return
    for entry in walk_tree(path):
        if not entry.is_folder:
            yield entry.stat()
