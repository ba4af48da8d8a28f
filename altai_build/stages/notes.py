"""What to tell users of a release: the commits of every component between two pins, and the packages that changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from altai_build.errors import AltaiError
from altai_build.model.history import (
    Commit,
    Comparison,
    ComponentNotes,
    Move,
    PackageChange,
    ReleaseNotes,
)
from altai_build.model.release import Manifest, MirrorOrigin, ReleasedPackage, SpecOrigin
from altai_build.tools.objects import LogEntry, ObjectStore
from altai_build.tools.superproject import Submodule, Superproject

ROOT = "."  # the path of the superproject's own spec


@dataclass(frozen=True)
class _Pins:
    """One component at both ends; None where it is not there."""

    path: str
    old: Submodule | None
    new: Submodule | None


def release_notes(
    superproject: Superproject,
    folders: Sequence[str],
    ends: tuple[Manifest, Manifest],
    comparison: Comparison,
    *,
    jobs: int,
) -> ReleaseNotes:
    """The notes of a release against an earlier one.

    `folders` are those whose gitlinks are components. A component whose commits are not to be had is told as such.
    Raises InputError when the superproject lacks the commit of either release.
    """
    old, new = (superproject.resolve(manifest.superproject.commit) for manifest in ends)
    before, after = ({one.link.path: one for one in _pins(superproject, at, folders)} for at in (old, new))
    pairs = _paired(before, after)
    by_path = _by_origin(comparison.changes)
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        tell: Callable[[_Pins], ComponentNotes | None] = lambda pins: _component(superproject, pins, by_path)  # noqa: E731
        told = [one for one in pool.map(tell, pairs) if one is not None]
    store = superproject.store(new)
    told += _specs(store, old, new, by_path, ends)
    told += _root(store, old, new, by_path)
    third_party = tuple(
        one for one in comparison.changes if all(_is_mirrored(side) for side in (one.old, one.new))
    )
    return ReleaseNotes(
        old=comparison.old,
        new=comparison.new,
        components=tuple(sorted(told, key=lambda one: one.path)),
        third_party=third_party,
    )


def _pins(superproject: Superproject, commit: str, folders: Sequence[str]) -> list[Submodule]:
    return superproject.submodules(commit, superproject.store(commit).tree(commit), folders)


def _paired(before: dict[str, Submodule], after: dict[str, Submodule]) -> list[_Pins]:
    """Both ends of every component; one that went from one path to another is told by its remote."""
    gone = {path: before[path] for path in sorted(before.keys() - after.keys())}
    pairs = [_Pins(path, before[path], after[path]) for path in before.keys() & after.keys()]
    for path in sorted(after.keys() - before.keys()):
        new = after[path]
        from_path = next((place for place, old in gone.items() if _is_same_component(old, new)), None)
        pairs.append(_Pins(path, gone.pop(from_path) if from_path is not None else None, new))
    return [*pairs, *(_Pins(path, old, None) for path, old in gone.items())]


def _is_same_component(old: Submodule, new: Submodule) -> bool:
    return old.link.commit == new.link.commit or (old.url is not None and old.url == new.url)


def _by_origin(changes: Iterable[PackageChange]) -> dict[str, list[PackageChange]]:
    """Path of a component → the changes of its packages."""
    found: dict[str, list[PackageChange]] = {}
    for change in changes:
        origins = [side.origin for side in (change.old, change.new) if side is not None]
        paths = {one.path for one in origins if not isinstance(one, MirrorOrigin)}
        for path in paths:
            found.setdefault(path, []).append(change)
    return found


def _is_mirrored(package: ReleasedPackage | None) -> bool:
    return package is None or isinstance(package.origin, MirrorOrigin)


def _component(
    superproject: Superproject, pins: _Pins, by_path: dict[str, list[PackageChange]]
) -> ComponentNotes | None:
    """What happened to one pinned repository; None when nothing did."""
    old, new = pins.old, pins.new
    old_path = old.link.path if old and old.link.path != pins.path else None
    changes = list(by_path.get(pins.path, ()))
    changes += [one for one in by_path.get(old_path or "", ()) if one not in changes]
    commits: tuple[Commit, ...] = ()
    undone: tuple[Commit, ...] = ()
    problem = ""
    if old is None or new is None:
        move = Move.REMOVED if new is None else Move.ADDED
    elif old.link.commit == new.link.commit:
        if old_path is None and not changes:
            return None
        move = Move.SAME if old_path is None else Move.RELOCATED
    else:
        try:
            move, commits, undone = _walk(
                superproject.joint_store(old, new), old.link.commit, new.link.commit
            )
        except AltaiError as error:
            move, problem = Move.UNKNOWN, error.what
    return ComponentNotes(
        path=pins.path,
        old_path=old_path,
        move=move,
        old=old.link.commit if old else None,
        new=new.link.commit if new else None,
        commits=commits,
        undone=undone,
        packages=tuple(changes),
        problem=problem,
    )


def _walk(store: ObjectStore, old: str, new: str) -> tuple[Move, tuple[Commit, ...], tuple[Commit, ...]]:
    """How one pin leads to the other: the commits that came and those that went."""
    if not store.has(old) or not store.has(new):
        return Move.REPLACED, (), ()
    came, went = _commits(store.log(old, new)), _commits(store.log(new, old))
    if not went:
        return Move.UPDATED, came, ()
    return (Move.DIVERGED if came else Move.REWOUND), came, went


def _commits(entries: Iterable[LogEntry]) -> tuple[Commit, ...]:
    return tuple(
        Commit(id=one.commit, time=one.time, author=one.author, subject=one.subject, merge=one.merge)
        for one in entries
    )


def _root(
    store: ObjectStore, old: str, new: str, by_path: dict[str, list[PackageChange]]
) -> list[ComponentNotes]:
    """The superproject itself: its commits say why the pins were moved."""
    if old == new:
        return []
    move, came, went = _walk(store, old, new)
    return [
        ComponentNotes(
            path=ROOT,
            old_path=None,
            move=move,
            old=old,
            new=new,
            commits=came,
            undone=went,
            packages=tuple(by_path.get(ROOT, ())),
        )
    ]


def _specs(
    store: ObjectStore,
    old: str,
    new: str,
    by_path: dict[str, list[PackageChange]],
    ends: tuple[Manifest, Manifest],
) -> list[ComponentNotes]:
    """Third-party packages built from a folder of specs: the superproject's commits that touched the folder."""
    before, after = (
        {one.origin.path: one.origin.commit for one in side.packages if isinstance(one.origin, SpecOrigin)}
        for side in ends
    )
    told = []
    for path in sorted(before.keys() | after.keys()):
        pins = before.get(path), after.get(path)
        if pins[0] == pins[1] and path not in by_path:
            continue
        came, went = _commits(store.log(old, new, path)), _commits(store.log(new, old, path))
        if pins[0] is None or pins[1] is None:
            move = Move.ADDED if pins[0] is None else Move.REMOVED
        elif pins[0] == pins[1]:
            move = Move.SAME
        else:
            move = Move.UPDATED if not went else Move.DIVERGED if came else Move.REWOUND
        told.append(
            ComponentNotes(
                path=path,
                old_path=None,
                move=move,
                old=pins[0],
                new=pins[1],
                commits=came,
                undone=went,
                packages=tuple(by_path.get(path, ())),
            )
        )
    return told
