"""The superproject: the components that it pins, and repositories that have their commits."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from altai_build.errors import InputError, quote_path
from altai_build.model.gitlink import GITLINK_MODE, CommitId, Gitlink
from altai_build.regular_files import resolve_links
from altai_build.tools.git.attributes import list_left_out
from altai_build.tools.git.clone_settings import CloneSettings, read_clone_settings, read_submodule_urls
from altai_build.tools.git.command import ALLOWED_PROTOCOLS
from altai_build.tools.git.gitmodules import GitmodulesEntry, read_gitmodules
from altai_build.tools.git.layout import (
    common_directory,
    git_directory,
    is_partial_clone,
    is_shallow,
)
from altai_build.tools.git.mirror import fetch_mirror, mirror_path
from altai_build.tools.git.objects import ObjectStore, Repair
from altai_build.tools.git.repository_state import State, read_state
from altai_build.tools.git.revisions import RepositoryHistory
from altai_build.tools.git.trees import TreeEntry
from altai_build.tools.git.url import has_allowed_protocol, is_local_url, resolve_url
from altai_build.tools.url import without_password

# Of the submodules of one component, with those that they have in turn.
_MAX_NESTED = 1000
_MAX_NESTING = 20


_UNKNOWN_MODULE = GitmodulesEntry(None, None)


@dataclass(frozen=True)
class Submodule:
    """A gitlink with its name and URL from .gitmodules, which may lack either.

    The URL is absolute: a relative one starts at the superproject's own remote. `own_url` is where the user's
    configuration wants it from (`git submodule init` writes that, and people change it to a fork or a mirror).
    """

    link: Gitlink
    name: str | None
    url: str | None
    own_url: str | None = None


class Superproject(RepositoryHistory):
    """The superproject at given commits; its work tree and those of its submodules are never read."""

    def __init__(self, path: Path, *, state: Path) -> None:
        """`path` is a work tree or a bare repository; `state` is the folder of private repositories and mirrors."""
        super().__init__(path)
        self.state = state
        # Path of a gitlink → the clone of its repository that is looked into first.
        self.clones: dict[str, Path] = {}
        # URLs of mirrors that were examined, because git could not read something in them.
        self._examined: set[str] = set()
        # Length of a commit id → the superproject's own objects, with the trees that were read.
        self._own_stores: dict[int, ObjectStore] = {}

    # ---- content at a commit ---------------------------------------------------------------------------------

    def open_store(self, commit: CommitId) -> ObjectStore:
        """The superproject's own objects."""
        store = self._own_stores.get(len(commit))
        if store is None:
            store = self._own_stores[len(commit)] = self._borrow_store(self.common, str(self.path), commit)
        return store

    def require_full_history(self) -> None:
        """Raise InputError when the superproject is a shallow clone, whose commits cannot be counted."""
        if is_shallow(self.common):
            raise InputError(
                f"the superproject {self.path} is a shallow clone",
                why="packages are numbered by counting its commits",
                todo=f"run: git -C {quote_path(self.path)} fetch --unshallow",
            )

    def read_submodules(
        self, commit: CommitId, tree: Sequence[TreeEntry], folders: Sequence[str]
    ) -> list[Submodule]:
        """The gitlinks below `folders` at a commit, by path, with name and URL from .gitmodules of that commit."""
        known = self._read_gitmodules_at(commit, tree)
        found = []
        for entry in tree:
            inside = any(folder == "." or f"{entry.path}/".startswith(f"{folder}/") for folder in folders)
            if entry.mode == GITLINK_MODE and inside:
                module = known.get(entry.path, _UNKNOWN_MODULE)
                link = Gitlink(path=entry.path, commit=CommitId(entry.oid))
                url = self._absolute_url(module.url) if module.url else None
                own_url = self._find_own_url(self._settings.submodule_urls, module.name)
                found.append(Submodule(link=link, name=module.name, url=url, own_url=own_url))
        return found

    def _read_gitmodules_at(self, commit: CommitId, tree: Sequence[TreeEntry]) -> dict[str, GitmodulesEntry]:
        """Path → the entry of the .gitmodules file in a commit."""
        if not any(entry.path == ".gitmodules" and entry.is_file for entry in tree):
            return {}
        return read_gitmodules(self.open_store(commit), commit)

    @cached_property
    def _settings(self) -> CloneSettings:
        return read_clone_settings(self.path)

    @property
    def remote_url(self) -> str | None:
        """The URL of the remote that the current branch follows, else of origin; None when there is none."""
        return self._settings.remote_url

    def _find_own_url(self, urls: Mapping[str, str], name: str | None) -> str | None:
        url = urls.get(name or "")
        return self._absolute_url(url) if url else None

    def _absolute_url(self, url: str) -> str:
        return resolve_url(url, base=self._base_url)

    @cached_property
    def _base_url(self) -> str:
        return self.remote_url or str(resolve_links(self.path))

    # ---- objects of the components ---------------------------------------------------------------------------

    def open_component_store(self, submodule: Submodule) -> ObjectStore:
        """The objects of a component at its pin: from a complete local repository, else fetched.

        In this order: modules/NAME of the superproject, a repository at the gitlink's path, the mirror of its URL.
        Raises InputError naming the commit and the remote when none has the commit.
        """
        return self.find_local_store(submodule, (submodule.link.commit,)) or self._fetch_mirror(submodule)

    def find_local_store(self, submodule: Submodule, commits: Sequence[CommitId]) -> ObjectStore | None:
        """The objects of a component in a local repository with all these commits; nothing is fetched."""
        link = Gitlink(path=submodule.link.path, commit=commits[0])
        for place, url in self._list_places(submodule):
            store = self._borrow_complete_store(Path(place), link, url)
            if store is not None and all(store.has_commit_object(commit) for commit in commits[1:]):
                return store
        return None

    def is_known_place(self, submodule: Submodule, common: Path, state: State) -> bool:
        """Whether a repository is still one of the component's own, in the state in which it had the pinned commit."""
        return read_state(common, submodule.link.commit) == state and any(
            git_directory(place) == str(common) for place, _ in self._list_places(submodule)
        )

    def _list_places(self, submodule: Submodule) -> Iterator[tuple[str, str | None]]:
        """Where a component's objects may be on this machine; with the URL of a mirror.

        Text, because creating paths takes longer than looking at thousands of repositories.
        """
        for place in self._list_clone_paths(submodule):
            yield place, None
        for url in (submodule.own_url, submodule.url):
            if url is not None:
                yield str(mirror_path(url, self.state / "mirrors")), url

    def list_local_clones(self, submodule: Submodule) -> list[Path]:
        """Where the user may have a clone of a component: modules/NAME of the superproject, the gitlink's path."""
        return [Path(place) for place in self._list_clone_paths(submodule)]

    def _list_clone_paths(self, submodule: Submodule) -> Iterator[str]:
        given = self.clones.get(submodule.link.path)
        if given is not None:
            yield str(given)
        if submodule.name and not _has_parent_reference(submodule.name):
            yield f"{self.common}/modules/{submodule.name}"
        yield f"{self.path}/{submodule.link.path}"

    def open_store_with_both(self, old: Submodule, new: Submodule) -> ObjectStore:
        """One store with the objects of a component at two pins; they are fetched when no clone has both.

        Raises InputError when one of them is not available.
        """
        commits = (new.link.commit, old.link.commit)
        local = self.find_local_store(new, commits) or self.find_local_store(old, commits)
        if local is not None:
            return local
        mirrored = self._fetch_mirror(new)
        return mirrored if mirrored.has_commit_object(old.link.commit) else self._fetch_mirror(old)

    def list_nested_submodules(
        self,
        store: ObjectStore,
        commit: CommitId,
        tree: Sequence[TreeEntry],
        url: str | None,
        *,
        excluded: Sequence[str] = (),
        folder: str = "",
        depth: int = 0,
    ) -> list[tuple[str, ObjectStore, CommitId]]:
        """(folder, objects, commit) of the submodules that a component pins itself, at every depth.

        `url` is the component's own: relative URLs in its .gitmodules start there. Without those that the archive of
        the commit leaves out (export-ignore), that git does not check out (`update = none` in .gitmodules), or whose
        path one of the patterns `excluded` matches. Raises InputError when the commit of one is not available, or when
        there are too many: commits of one repository can pin each other without end.
        """
        found: list[tuple[str, ObjectStore, CommitId]] = []
        links = [
            entry
            for entry in tree
            if entry.mode == GITLINK_MODE
            and not any(fnmatch.fnmatchcase(f"{folder}{entry.path}", pattern) for pattern in excluded)
        ]
        if links and depth > _MAX_NESTING:
            raise _too_many_nested_error(store, commit)
        known = read_gitmodules(store, commit) if links else {}
        links = [link for link in links if known.get(link.path, _UNKNOWN_MODULE).update != "none"]
        left_out = list_left_out(store, commit, tree, [link.path for link in links])
        own_urls = read_submodule_urls(store.objects) if links else {}
        for entry in links:
            if entry.path in left_out:
                continue
            name, written, _ = known.get(entry.path, _UNKNOWN_MODULE)
            inner_url = resolve_url(written, base=url or store.origin) if written else None
            pinned = CommitId(entry.oid)
            own_url = self._find_own_url(own_urls, name)
            link = Gitlink(path=f"{entry.path} (a submodule of {store.origin})", commit=pinned)
            submodule = Submodule(link=link, name=name, url=inner_url, own_url=own_url)
            places = [store.objects / "modules" / name] if name and not _has_parent_reference(name) else []
            inner = next((one for place in places if (one := self._borrow_complete_store(place, link))), None)
            inner = inner or self._fetch_mirror(submodule)
            found.append((entry.path, inner, pinned))
            deeper = self.list_nested_submodules(
                inner,
                pinned,
                inner.read_tree(pinned),
                inner_url,
                excluded=excluded,
                folder=f"{folder}{entry.path}/",
                depth=depth + 1,
            )
            found += [(f"{entry.path}/{path}", below, pin) for path, below, pin in deeper]
            if len(found) > _MAX_NESTED:
                raise _too_many_nested_error(store, commit)
        return found

    def join_nested(
        self,
        store: ObjectStore,
        commit: CommitId,
        tree: Sequence[TreeEntry],
        nested: Sequence[tuple[str, ObjectStore, CommitId]],
    ) -> tuple[ObjectStore, tuple[TreeEntry, ...]]:
        """A component's objects and tree with those of its own submodules, whose files are below their folders."""
        joined = store.join([inner for _, inner, _ in nested], shadows=self.state / "shadows", commit=commit)
        known = {entry.path for entry in tree}
        files = [
            TreeEntry(mode=entry.mode, oid=entry.oid, path=f"{folder}/{entry.path}")
            for folder, inner, pinned in nested
            for entry in inner.read_tree(pinned)
            if entry.mode != GITLINK_MODE and f"{folder}/{entry.path}" not in known
        ]
        return joined, (*tree, *files)

    def _fetch_mirror(self, submodule: Submodule) -> ObjectStore:
        """The objects of a submodule from its remote: where the user's configuration says it is, else .gitmodules."""
        own_error = None
        if submodule.own_url is not None and submodule.own_url != submodule.url:
            try:
                return self._fetch(submodule.own_url, submodule.link)
            except InputError as error:
                own_error = error
        try:
            return self._fetch(self._url_to_fetch(submodule), submodule.link)
        except InputError as error:
            if own_error is None:
                raise
            raise InputError(error.what, why=f"{error.why}\n{own_error}", todo=error.todo) from own_error

    def _fetch(self, url: str, link: Gitlink) -> ObjectStore:
        return self._borrow_store(
            self._have_mirror(url, link),
            without_password(url),
            link.commit,
            repairs=[partial(self._repair_mirror, url, link)],
        )

    def _have_mirror(self, url: str, link: Gitlink, *, examine: bool = False) -> Path:
        return fetch_mirror(
            url,
            mirrors=self.state / "mirrors",
            commit=link.commit,
            profile=self._settings.remote_profile,
            examine=examine,
            pinned_at=link.path,
        )

    def _repair_mirror(self, url: str, link: Gitlink) -> None:
        """Fetch a mirror again if it is damaged; each is examined once."""
        is_new = url not in self._examined
        self._examined.add(url)
        self._have_mirror(url, link, examine=is_new)

    def _borrow_complete_store(
        self, place: Path, link: Gitlink, url: str | None = None
    ) -> ObjectStore | None:
        """The objects at a place, if a gitlink's commit is there with all its trees; `url` is that of a mirror."""
        common = common_directory(place)
        if common is None or common == self.common or is_shallow(common):
            return None
        repairs = [] if url is None else [partial(self._repair_mirror, url, link)]
        commit = link.commit
        # Nobody knows a mirror by its path.
        origin = str(place) if url is None else without_password(url)
        store = self._borrow_store(common, origin, commit, repairs)
        store.state = read_state(common, commit)
        complete = store.has_tree(commit) and (not is_partial_clone(common) or store.has_all_objects(commit))
        return store if complete else None

    def _borrow_store(
        self, common: Path, origin: str, commit: CommitId, repairs: Sequence[Repair] = ()
    ) -> ObjectStore:
        shadows = self.state / "shadows"
        return ObjectStore.open_borrowed(
            common, shadows=shadows, origin=origin, commit=commit, repairs=repairs
        )

    def _url_to_fetch(self, submodule: Submodule) -> str:
        commit, path = submodule.link.commit, submodule.link.path
        if submodule.url is None:
            raise InputError(
                f"commit {commit} of {path} is not available",
                why=f"no local clone has it, and .gitmodules has no entry with path = {path}",
                todo="add the entry to .gitmodules, or clone the component there",
            )
        remote = self.remote_url
        if is_local_url(submodule.url) and remote is not None and not is_local_url(remote):
            raise InputError(
                f"commit {commit} of {path} is not available, and {submodule.url} may not be used as its remote",
                why=f"the superproject comes from {without_password(remote)}; a local path in its .gitmodules could "
                "publish private files of this machine",
                todo="clone the component yourself: git submodule update --init",
            )
        if not has_allowed_protocol(submodule.url, ALLOWED_PROTOCOLS):
            raise InputError(
                f"commit {commit} of {path} is not available, and its remote {submodule.url!r} may not be used",
                why=f"allowed protocols: {', '.join(ALLOWED_PROTOCOLS)}",
                todo="clone the component yourself: git submodule update --init",
            )
        return submodule.url


def _too_many_nested_error(store: ObjectStore, commit: CommitId) -> InputError:
    return InputError(
        f"{store.origin} has too many nested submodules at {commit[:12]}",
        why=f"more than {_MAX_NESTED}, or deeper than {_MAX_NESTING}",
    )


def _has_parent_reference(name: str) -> bool:
    """A submodule name with `..` could lead out of modules/ (CVE-2018-11235)."""
    return ".." in name.split("/") or name.startswith(("/", "-"))
