"""Release notes: the commits of every component between two releases, and the packages that changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from altai_build.errors import AltaiError
from altai_build.model.commit import Commit
from altai_build.model.gitlink import CommitId
from altai_build.model.pin import PinDirection, get_pin_direction
from altai_build.model.release import Manifest, MirrorOrigin, ReleasedPackage, SpecOrigin
from altai_build.model.release_changes import (
    ComponentChange,
    ComponentNotes,
    PackageChange,
    ReleaseDiff,
    ReleaseNotes,
)
from altai_build.tools.git.objects import ObjectStore
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
    """One component in both releases; None where it is not pinned."""

    path: str
    old: Submodule | None
    new: Submodule | None


@dataclass(frozen=True)
class _CommitRange:
    """The commits that a change added and dropped."""

    change: ComponentChange
    added: tuple[Commit, ...] = ()
    dropped: tuple[Commit, ...] = ()


# Path of a component → the changes of its packages.
_PackageChanges = Mapping[str, Sequence[PackageChange]]


def make_release_notes(
    superproject: Superproject,
    folders: Sequence[str],
    manifests: tuple[Manifest, Manifest],
    comparison: ReleaseDiff,
    *,
    jobs: int,
) -> ReleaseNotes:
    """The notes of a release against an earlier one; `folders` contain the gitlinks that are components.

    A component whose commits are not available has a `problem`. Raises InputError when the superproject does not have
    the commit of either release.
    """
    old, new = (superproject.resolve_revision(manifest.superproject.commit) for manifest in manifests)
    before, after = (_read_pins(superproject, commit, folders) for commit in (old, new))
    package_changes = _group_by_component(comparison.changes)
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        results = pool.map(
            partial(_describe_component, superproject, package_changes), _match_pins(before, after)
        )
        components = [notes for notes in results if notes is not None]
    store = superproject.open_store(new)
    components += _describe_spec_folders(store, (old, new), package_changes, manifests)
    if old != new:
        components.append(_describe_superproject(store, old, new, package_changes))
    return ReleaseNotes(
        old=comparison.old,
        new=comparison.new,
        components=tuple(sorted(components, key=lambda component: component.path)),
        third_party=_list_third_party(comparison),
    )


def make_notes_of_manifests(manifests: tuple[Manifest, Manifest], comparison: ReleaseDiff) -> ReleaseNotes:
    """The notes without any repository: which commits packages were built from before and after."""
    package_changes = _group_by_component(comparison.changes)
    before, after = (
        {ROOT: manifest.superproject.commit, **_list_origins(manifest)} for manifest in manifests
    )
    components = _describe_origins(
        before, after, package_changes, lambda _path: _CommitRange(ComponentChange.UNKNOWN)
    )
    return ReleaseNotes(
        old=comparison.old,
        new=comparison.new,
        components=tuple(components),
        third_party=_list_third_party(comparison),
    )


def _list_origins(manifest: Manifest) -> dict[str, str]:
    """The path of each component or folder of specs that packages were built from, with its commit."""
    origins = (package.build_origin for package in manifest.packages)
    return {origin.path: origin.commit for origin in origins if origin is not None}


def _list_third_party(comparison: ReleaseDiff) -> tuple[PackageChange, ...]:
    return tuple(
        change for change in comparison.changes if _is_mirrored(change.old) and _is_mirrored(change.new)
    )


def _read_pins(superproject: Superproject, commit: CommitId, folders: Sequence[str]) -> dict[str, Submodule]:
    tree = superproject.open_store(commit).read_tree(commit)
    submodules = superproject.read_submodules(commit, tree, folders)
    return {submodule.link.path: submodule for submodule in submodules}


def _match_pins(before: dict[str, Submodule], after: dict[str, Submodule]) -> list[_ComponentPins]:
    """Each component in both releases; one at another path is recognised by its commit or its URL."""
    removed = {path: before[path] for path in sorted(before.keys() - after.keys())}
    pairs = [_ComponentPins(path, before[path], after[path]) for path in before.keys() & after.keys()]
    for path in sorted(after.keys() - before.keys()):
        new = after[path]
        old_path = next((path for path, old in removed.items() if _is_same_component(old, new)), None)
        pairs.append(_ComponentPins(path, removed.pop(old_path) if old_path is not None else None, new))
    return [*pairs, *(_ComponentPins(path, old, None) for path, old in removed.items())]


def _is_same_component(old: Submodule, new: Submodule) -> bool:
    return old.link.commit == new.link.commit or (old.url is not None and old.url == new.url)


def _group_by_component(changes: Iterable[PackageChange]) -> dict[str, list[PackageChange]]:
    groups: dict[str, list[PackageChange]] = {}
    for change in changes:
        origins = [package.origin for package in (change.old, change.new) if package is not None]
        paths = {origin.path for origin in origins if not isinstance(origin, MirrorOrigin)}
        for path in paths:
            groups.setdefault(path, []).append(change)
    return groups


def _is_mirrored(package: ReleasedPackage | None) -> bool:
    return package is None or isinstance(package.origin, MirrorOrigin)


def _describe_component(
    superproject: Superproject, package_changes: _PackageChanges, pins: _ComponentPins
) -> ComponentNotes | None:
    """What happened to one pinned repository; None when nothing did."""
    old, new = pins.old, pins.new
    old_path = old.link.path if old and old.link.path != pins.path else None
    packages = list(package_changes.get(pins.path, ()))
    packages += [change for change in package_changes.get(old_path or "", ()) if change not in packages]
    problem = ""
    if old is None or new is None:
        commits = _CommitRange(ComponentChange.REMOVED if new is None else ComponentChange.ADDED)
    elif old.link.commit == new.link.commit:
        if old_path is None and not packages:
            return None
        commits = _CommitRange(ComponentChange.SAME if old_path is None else ComponentChange.RELOCATED)
    else:
        try:
            store = superproject.open_store_with_both(old, new)
            commits = _list_commits_between(store, old.link.commit, new.link.commit)
        except AltaiError as error:
            commits, problem = _CommitRange(ComponentChange.UNKNOWN), error.what
    return ComponentNotes(
        path=pins.path,
        old_path=old_path,
        component_change=commits.change,
        old=old.link.commit if old else None,
        new=new.link.commit if new else None,
        commits=commits.added,
        dropped_commits=commits.dropped,
        packages=tuple(packages),
        problem=problem,
    )


def _list_commits_between(
    store: ObjectStore, old: CommitId, new: CommitId, path: str | None = None
) -> _CommitRange:
    """The commits between two pins; with `path`, only those that touch it."""
    if not store.has_commit_object(old) or not store.has_commit_object(new):
        return _CommitRange(ComponentChange.REPLACED)
    added, dropped = store.list_commits(old, new, path), store.list_commits(new, old, path)
    direction = get_pin_direction(gained=len(added), dropped=len(dropped))
    return _CommitRange(_CHANGES[direction], added, dropped)


def _describe_superproject(
    store: ObjectStore, old: CommitId, new: CommitId, package_changes: _PackageChanges
) -> ComponentNotes:
    """The superproject itself: its commits say why the pins changed."""
    commits = _list_commits_between(store, old, new)
    return ComponentNotes(
        path=ROOT,
        old_path=None,
        component_change=commits.change,
        old=old,
        new=new,
        commits=commits.added,
        dropped_commits=commits.dropped,
        packages=tuple(package_changes.get(ROOT, ())),
    )


def _describe_spec_folders(
    store: ObjectStore,
    ends: tuple[CommitId, CommitId],
    package_changes: _PackageChanges,
    manifests: tuple[Manifest, Manifest],
) -> list[ComponentNotes]:
    """Third-party packages built from a folder of specs: the superproject's commits that touched the folder."""
    before, after = (_list_spec_commits(manifest) for manifest in manifests)
    return _describe_origins(
        before, after, package_changes, lambda path: _list_commits_between(store, *ends, path)
    )


def _describe_origins(
    before: Mapping[str, str],
    after: Mapping[str, str],
    package_changes: _PackageChanges,
    list_commits: Callable[[str], _CommitRange],
) -> list[ComponentNotes]:
    """The paths that packages were built from, each with its commit before and after, where something changed."""
    components = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old == new and path not in package_changes:
            continue
        commits = list_commits(path)
        if old is None or new is None:
            change = ComponentChange.ADDED if old is None else ComponentChange.REMOVED
        else:
            change = ComponentChange.SAME if old == new else commits.change
        components.append(
            ComponentNotes(
                path=path,
                old_path=None,
                component_change=change,
                old=old,
                new=new,
                commits=commits.added,
                dropped_commits=commits.dropped,
                packages=tuple(package_changes.get(path, ())),
                problem="there is no repository with them" if change is ComponentChange.UNKNOWN else "",
            )
        )
    return components


def _list_spec_commits(manifest: Manifest) -> dict[str, str]:
    """The folders of specs that packages were built from, with the commit of each."""
    origins = [package.origin for package in manifest.packages]
    return {origin.path: origin.commit for origin in origins if isinstance(origin, SpecOrigin)}
