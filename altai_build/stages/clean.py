"""The workspace kept small: what was not used for long goes, and the least recently used until the rest is small."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from altai_build.ledger import Ledger
from altai_build.model.inputs import SOURCE_PACKAGE
from altai_build.tools.files import remove_tree
from altai_build.workspace import RUN_LOG_PATTERN, UNLOCKED_SCRATCH_SECONDS, Workspace

# What stays whatever its age: the key ring, packages that upstream may have no more, the ledger, git's objects.
LEFTOVER = "leftover"


@dataclass(frozen=True)
class WorkspaceItem:
    """Something that can be made or fetched again, and is removed as a whole."""

    kind: str
    path: Path
    size: int  # bytes on the disk
    used: float  # when it was last used, in seconds since the epoch
    linked: bool = (
        False  # some of it is in a release: removing it would free nothing and lose the common inode
    )


@dataclass(frozen=True)
class Removal:
    """An item that goes, and why."""

    item: WorkspaceItem
    reason: str


@dataclass(frozen=True)
class CleanupPlan:
    """What goes and what stays, decided before anything is removed."""

    removals: tuple[Removal, ...]
    kept: int  # bytes of what could be removed and is not

    @property
    def freed_bytes(self) -> int:
        """Bytes that the removals give back."""
        return sum(one.item.size for one in self.removals)


def plan_cleanup(
    items: Sequence[WorkspaceItem],
    *,
    now: float,
    older_than: float | None = None,
    max_size: int | None = None,
) -> CleanupPlan:
    """Choose: leftovers of killed runs, then what is unused for `older_than` seconds, then the least recently used
    until the rest has at most `max_size` bytes. What a release links to is never chosen.
    """
    removals = []
    staying = []
    for item in sorted(items, key=lambda one: (one.used, str(one.path))):
        age = now - item.used
        if item.kind == LEFTOVER:
            # A verb that needs no lock may be at work in there.
            if age > UNLOCKED_SCRATCH_SECONDS:
                removals.append(Removal(item, "a run that ended early left it"))
        elif older_than is not None and age > older_than and not item.linked:
            removals.append(Removal(item, f"not used for {age / 86400:.1f} days"))
        else:
            staying.append(item)
    size = sum(item.size for item in staying)
    if max_size is not None:
        for item in [one for one in staying if not one.linked]:
            if size <= max_size:
                break
            removals.append(Removal(item, "the least recently used of more than was allowed"))
            size -= item.size
    return CleanupPlan(removals=tuple(removals), kept=size)


def remove(cleanup_plan: CleanupPlan) -> None:
    """Remove what was decided on; hold the workspace's lock meanwhile."""
    for removal in cleanup_plan.removals:
        place = removal.item.path
        # Under another name first: half a root, or half a build, must not be taken for a whole one after a crash.
        gone = place.with_name(f".gone.{place.name}")
        remove_tree(gone)
        os.rename(place, gone)
        if gone.is_dir():
            remove_tree(gone)
        else:
            gone.unlink()
        for suffix in (".log", ".lock"):
            place.with_name(f"{place.name}{suffix}").unlink(missing_ok=True)


def prune_ledger(workspace: Workspace, ledger: Ledger) -> None:
    """Drop the records of what is no longer there, but for the last of each component, which explain and measure."""
    builds = [*ledger.all("build"), *ledger.all("requires")]
    kept = {
        (one.kind, one.key)
        for folder, records in ((workspace.builds, builds), (workspace.srpms, ledger.all("srpm")))
        for one in records
        if (folder / one.key).is_dir() or ledger.latest(one.kind, one.component) is one
    }
    sources = {
        value
        for one in builds
        if (one.kind, one.key) in kept
        for name, value in one.inputs
        if name == SOURCE_PACKAGE
    }
    ledger.compact(
        lambda one: (one.kind, one.key) in kept or any(made.sha256 in sources for made in one.artefacts)
    )


def list_workspace_items(workspace: Workspace) -> tuple[WorkspaceItem, ...]:
    """Everything in a workspace that could be removed."""
    return tuple(_items(workspace))


def _items(workspace: Workspace) -> Iterator[WorkspaceItem]:
    for kind, folder in (
        ("root", workspace.buildroots / "base"),
        ("layer", workspace.buildroots / "layers"),
        ("root of mock", workspace.buildroots / "mock"),
    ):
        for place in _children(folder):
            if place.is_dir():
                yield _item(kind, place)
    for kind, folder in (("build", workspace.builds), ("source package", workspace.srpms)):
        for place in _children(folder):
            yield _item(kind, place, shared=True)
    for shelf in _children(workspace.signed):
        for place in _children(shelf):
            yield _item("signed package", place, shared=True)
    for place in _children(workspace.logs):
        is_run_log = place.match(RUN_LOG_PATTERN) and place.is_file()
        yield _item("log of a run" if is_run_log else "log of a failed build", place)
    for folder in _children(workspace.cache):
        for place in _children(folder):
            yield _item(f"downloaded {folder.name}", place)
    for place in workspace.list_leftovers():
        yield _item(LEFTOVER, place)
    for place in sorted((workspace.root / "mock").glob("*")):
        if place.name != "used":  # the next build has mock clean what is named there
            yield _item(LEFTOVER, place)


def _children(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(place for place in folder.iterdir() if not place.name.startswith("."))


def _item(kind: str, place: Path, *, shared: bool = False) -> WorkspaceItem:
    """Size and use of one item; a file counts once, however many names it has inside."""
    seen: set[tuple[int, int]] = set()
    size, linked = 0, False
    for status in _statuses(place):
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            size += status.st_blocks * 512
        linked = linked or (shared and status.st_nlink > 1)
    return WorkspaceItem(kind=kind, path=place, size=size, used=place.lstat().st_mtime, linked=linked)


def _statuses(place: Path) -> Iterator[os.stat_result]:
    if place.is_symlink() or not place.is_dir():
        yield place.lstat()
        return
    pending = [os.fspath(place)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    yield entry.stat(follow_symlinks=False)
