"""What to tell users of a release: the commits of every component between two pins, and the packages that changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from altai_build.errors import AltaiError
from altai_build.model.gitlink import CommitId
from altai_build.model.history import (
    Commit,
    ComponentChange,
    ComponentNotes,
    PackageChange,
    ReleaseDiff,
    ReleaseNotes,
)
from altai_build.model.pin import PinDirection, get_pin_direction
from altai_build.model.release import Manifest, MirrorOrigin, ReleasedPackage, SpecOrigin
from altai_build.tools.git.objects import LogEntry, ObjectStore
from altai_build.tools.git.superproject import Submodule, Superproject

# The path of the superproject's own spec.
ROOT = "."
_CHANGES = {
    PinDirection.FORWARD: ComponentChange.UPDATED,
    PinDirection.REWOUND: ComponentChange.REWOUND,
    PinDirection.DIVERGED: ComponentChange.DIVERGED,
}


@dataclass(frozen=True)
class _ComponentPins:
    """One component at both ends; None where it is not there."""

    path: str
    old: Submodule | None
    new: Submodule | None


def make_release_notes(
    superproject: Superproject,
    folders: Sequence[str],
    ends: tuple[Manifest, Manifest],
    comparison: ReleaseDiff,
    *,
    jobs: int,
) -> ReleaseNotes:
    """The notes of a release against an earlier one.

    `folders` are those whose gitlinks are components. A component whose commits are not to be had is told as such.
    Raises InputError when the superproject lacks the commit of either release.
    """
    old, new = (superproject.resolve_revision(manifest.superproject.commit) for manifest in ends)
    before, after = ({one.link.path: one for one in _pins(superproject, at, folders)} for at in (old, new))
    pairs = _match_pins(before, after)
    by_path = _by_origin(comparison.changes)
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        results = pool.map(partial(_component, superproject, by_path), pairs)
        told = [notes for notes in results if notes is not None]
    store = superproject.open_store(new)
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


def _pins(superproject: Superproject, commit: CommitId, folders: Sequence[str]) -> list[Submodule]:
    return superproject.read_submodules(commit, superproject.open_store(commit).read_tree(commit), folders)


def _match_pins(before: dict[str, Submodule], after: dict[str, Submodule]) -> list[_ComponentPins]:
    """Both ends of every component; one that went from one path to another is told by its remote."""
    gone = {path: before[path] for path in sorted(before.keys() - after.keys())}
    pairs = [_ComponentPins(path, before[path], after[path]) for path in before.keys() & after.keys()]
    for path in sorted(after.keys() - before.keys()):
        new = after[path]
        from_path = next((place for place, old in gone.items() if _is_same_component(old, new)), None)
        pairs.append(_ComponentPins(path, gone.pop(from_path) if from_path is not None else None, new))
    return [*pairs, *(_ComponentPins(path, old, None) for path, old in gone.items())]


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
    superproject: Superproject, by_path: dict[str, list[PackageChange]], pins: _ComponentPins
) -> ComponentNotes | None:
    """What happened to one pinned repository; None when nothing did."""
    old, new = pins.old, pins.new
    old_path = old.link.path if old and old.link.path != pins.path else None
    changes = list(by_path.get(pins.path, ()))
    changes += [one for one in by_path.get(old_path or "", ()) if one not in changes]
    commits: tuple[Commit, ...] = ()
    dropped_commits: tuple[Commit, ...] = ()
    problem = ""
    if old is None or new is None:
        component_change = ComponentChange.REMOVED if new is None else ComponentChange.ADDED
    elif old.link.commit == new.link.commit:
        if old_path is None and not changes:
            return None
        component_change = ComponentChange.SAME if old_path is None else ComponentChange.RELOCATED
    else:
        try:
            component_change, commits, dropped_commits = _list_commits_between(
                superproject.open_store_with_both(old, new), old.link.commit, new.link.commit
            )
        except AltaiError as error:
            component_change, problem = ComponentChange.UNKNOWN, error.what
    return ComponentNotes(
        path=pins.path,
        old_path=old_path,
        component_change=component_change,
        old=old.link.commit if old else None,
        new=new.link.commit if new else None,
        commits=commits,
        dropped_commits=dropped_commits,
        packages=tuple(changes),
        problem=problem,
    )


def _list_commits_between(
    store: ObjectStore, old: CommitId, new: CommitId
) -> tuple[ComponentChange, tuple[Commit, ...], tuple[Commit, ...]]:
    """How one pin leads to the other: the commits that came and those that went."""
    if not store.has_commit_object(old) or not store.has_commit_object(new):
        return ComponentChange.REPLACED, (), ()
    came, went = _commits(store.log(old, new)), _commits(store.log(new, old))
    return _change_between(came, went), came, went


def _change_between(gained: Sequence[Commit], dropped: Sequence[Commit]) -> ComponentChange:
    return _CHANGES[get_pin_direction(gained=len(gained), dropped=len(dropped))]


def _commits(entries: Iterable[LogEntry]) -> tuple[Commit, ...]:
    return tuple(
        Commit(id=one.commit, time=one.time, author=one.author, subject=one.subject, merge=one.merge)
        for one in entries
    )


def _root(
    store: ObjectStore, old: CommitId, new: CommitId, by_path: dict[str, list[PackageChange]]
) -> list[ComponentNotes]:
    """The superproject itself: its commits say why the pins were moved."""
    if old == new:
        return []
    component_change, came, went = _list_commits_between(store, old, new)
    return [
        ComponentNotes(
            path=ROOT,
            old_path=None,
            component_change=component_change,
            old=old,
            new=new,
            commits=came,
            dropped_commits=went,
            packages=tuple(by_path.get(ROOT, ())),
        )
    ]


def _specs(
    store: ObjectStore,
    old: CommitId,
    new: CommitId,
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
            component_change = ComponentChange.ADDED if pins[0] is None else ComponentChange.REMOVED
        elif pins[0] == pins[1]:
            component_change = ComponentChange.SAME
        else:
            component_change = _change_between(came, went)
        told.append(
            ComponentNotes(
                path=path,
                old_path=None,
                component_change=component_change,
                old=pins[0],
                new=pins[1],
                commits=came,
                dropped_commits=went,
                packages=tuple(by_path.get(path, ())),
            )
        )
    return told
