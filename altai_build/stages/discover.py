"""Find the components of a superproject commit: every spec of every pinned repository, read statically."""

from __future__ import annotations

import dataclasses
import posixpath
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from altai_build.config import Config, Repository, SourceKind
from altai_build.errors import AltaiError, InputError
from altai_build.model.component import Component, ComponentKind, get_spec_path, make_unique_names
from altai_build.model.gitlink import CommitId
from altai_build.model.spec import SpecInfo
from altai_build.model.unreadable import read_declared_names
from altai_build.tools.git.objects import ObjectStore, TreeEntry
from altai_build.tools.git.spec_files import SPEC_FOLDERS, follow_links, list_specs
from altai_build.tools.git.superproject import ComponentSource, Submodule, Superproject
from altai_build.tools.spec.reader import NotASpec, SpecReader, SpecText, decode_spec


@dataclass(frozen=True)
class ComponentWithoutSrpm:
    """A component that has no source package: because of an `error`, or for a `reason` that is none.

    After an error nobody knows what its packages provide; `provides` is what its spec tells nevertheless.
    """

    name: str
    path: str
    commit: CommitId
    reason: str
    error: AltaiError | None = None
    provides: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Discovery:
    """All components of a superproject commit; `time` is the commit's, in seconds since the epoch."""

    commit: CommitId
    time: int
    sourced: tuple[ComponentSource, ...]
    without_srpm: tuple[ComponentWithoutSrpm, ...]

    @property
    def unreadable(self) -> tuple[ComponentWithoutSrpm, ...]:
        """The components that should have a source package."""
        return tuple(component for component in self.without_srpm if component.error is not None)


@dataclass(frozen=True)
class _SpecText:
    """A spec file of a component: its path in the component's tree, and its text."""

    path: str
    text: str


@dataclass(frozen=True)
class _Candidate:
    """A repository or folder whose specs are to be read."""

    kind: ComponentKind
    path: str
    commit: CommitId
    url: str | None
    repository: str | None
    store: ObjectStore
    tree: tuple[TreeEntry, ...]
    # Paths of spec files, all in one of SPEC_FOLDERS.
    specs: tuple[str, ...]
    # Those in the folders after it, for when none of `specs` is an RPM spec.
    later: tuple[tuple[str, ...], ...] = ()
    # The texts of `specs`, once they are read.
    texts: tuple[_SpecText, ...] = ()
    # Why there can be no source package, whatever its specs say.
    error: AltaiError | None = None


_Found = Union[_Candidate, ComponentWithoutSrpm]


def discover(
    superproject: Superproject,
    config: Config,
    revision: str,
    *,
    jobs: int,
    reader: SpecReader | None = None,
    only: Collection[str] = (),
) -> Discovery:
    """Find and read the specs of all components pinned by a revision; an unusable component does not stop the others.

    With `only` just the components are read whose names could be among these names or paths, and those whose names
    could be equal to theirs.
    """
    reader = reader or SpecReader()
    commit = superproject.resolve_revision(revision)
    finder = _ComponentFinder(superproject, config, commit, only)
    macros, arch = config.get_target_macros(_find_repository_name(config, SourceKind.SUPERPROJECT))

    def find(submodule: Submodule) -> _Found:
        found = finder.find_in_submodule(submodule)
        if isinstance(found, _Candidate):
            found = _read_texts(found)
            reader.start_reading([spec.text for spec in found.texts], macros, arch)
        return found

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        found = [
            *finder.find_in_root(),
            *pool.map(find, finder.list_submodules()),
            *finder.find_in_spec_folders(),
        ]
        sourced, without_srpm = _read_specs(config, found, reader, pool)
    return Discovery(
        commit=commit,
        time=finder.store.read_commit_time(commit),
        sourced=tuple(sourced),
        without_srpm=tuple(without_srpm),
    )


class _ComponentFinder:
    """The components of one superproject commit, before their specs are read."""

    def __init__(
        self, superproject: Superproject, config: Config, commit: CommitId, only: Collection[str]
    ) -> None:
        self._superproject = superproject
        self._config = config
        self._commit = commit
        self._last_parts = {_last_part(name) for name in only}
        self.store = superproject.open_store(commit)
        self._tree = self.store.read_tree(commit)

    def _is_wanted(self, path: str) -> bool:
        return not self._last_parts or _last_part(path) in self._last_parts

    def find_in_root(self) -> Iterator[_Found]:
        """The superproject's own specs, where `superproject.root` says so."""
        specs = list_specs(self._tree, "")
        if self._config.superproject.root and any(
            self._is_wanted(spec.removesuffix(".spec")) for spec in specs
        ):
            yield _Candidate(
                kind=ComponentKind.ROOT,
                path=".",
                commit=self._commit,
                url=self._superproject.remote_url,
                repository=_find_repository_name(self._config, SourceKind.SUPERPROJECT),
                store=self.store,
                tree=self._tree,
                specs=specs,
            )

    def list_submodules(self) -> list[Submodule]:
        """The pinned repositories."""
        folders = self._config.superproject.components
        submodules = self._superproject.read_submodules(self._commit, self._tree, folders)
        return [submodule for submodule in submodules if self._is_wanted(submodule.link.path)]

    def find_in_submodule(self, submodule: Submodule) -> _Found:
        """The specs of a pinned repository."""
        link = submodule.link
        name = _last_part(link.path)
        settings = self._config.components.get(name) or self._config.components.get(link.path)

        def skip(reason: str, error: AltaiError | None = None) -> ComponentWithoutSrpm:
            return ComponentWithoutSrpm(
                name=name, path=link.path, commit=link.commit, reason=reason, error=error
            )

        if settings and settings.skip:
            return skip(f"skipped in repos.yaml: {settings.skip}")
        try:
            store = self._superproject.open_component_store(submodule)
            tree = store.read_tree(link.commit)
        except AltaiError as error:
            return skip(error.what, error)
        levels = (
            [settings.specs] if settings and settings.specs else [list_specs(tree, f) for f in SPEC_FOLDERS]
        )
        first, *later = [tuple(level) for level in levels if level] or [()]
        if not first:
            folders = ", ".join(f"{folder}/" if folder else "its root" for folder in SPEC_FOLDERS)
            return skip(f"no spec file in {folders}")
        own_repository = settings.repository if settings else None
        return _Candidate(
            kind=ComponentKind.SUBMODULE,
            path=link.path,
            commit=link.commit,
            url=submodule.url,
            repository=own_repository or _find_repository_name(self._config, SourceKind.SUPERPROJECT),
            store=store,
            tree=tree,
            specs=first,
            later=tuple(later),
        )

    def find_in_spec_folders(self) -> Iterator[_Found]:
        """The folders of each `source: specs` repository, as they are in the superproject's commit."""
        for repository in self._config.repositories.values():
            if repository.source is SourceKind.SPECS and repository.path is not None:
                yield from self._find_in_spec_repository(repository, repository.path)

    def _find_in_spec_repository(self, repository: Repository, path: Path) -> Iterator[_Found]:
        root = _relative_path(self._superproject.path, path)
        if root is None:
            raise InputError(
                f"repositories.{repository.name}.path is not in the superproject",
                why=f"{path} is not below {self._superproject.path}",
                todo="move the folder into the superproject: a release is made from its commit",
            )
        below = [entry.path[len(root) + 1 :] for entry in self._tree if entry.path.startswith(f"{root}/")]
        for name in sorted({inner.partition("/")[0] for inner in below}):
            folder = f"{root}/{name}"
            specs = list_specs(self._tree, folder)
            if not specs or not self._is_wanted(name):
                continue
            fault = None
            try:
                changed = self.store.find_last_change(self._commit, folder) or self._commit
            except AltaiError as error:
                changed, fault = self._commit, error
            yield _Candidate(
                kind=ComponentKind.SPEC,
                path=folder,
                commit=changed,
                url=self._superproject.remote_url,
                repository=repository.name,
                store=self.store,
                tree=tuple(entry for entry in self._tree if entry.path.startswith(f"{folder}/")),
                specs=specs,
                error=fault,
            )


def _last_part(path: str) -> str:
    return path.rpartition("/")[2]


def _find_repository_name(config: Config, source: SourceKind) -> str | None:
    repository = config.find_repository(source)
    return repository.name if repository else None


def _relative_path(root: Path, path: Path) -> str | None:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return None


# What was read of one spec of a candidate.
_Reading = tuple[_SpecText, Union[SpecInfo, AltaiError]]


def _read_specs(
    config: Config, found: Sequence[_Found], reader: SpecReader, pool: Executor
) -> tuple[list[ComponentSource], list[ComponentWithoutSrpm]]:
    """Read all specs in batches; a candidate without an RPM spec is read again in its next folder."""
    without_srpm = [item for item in found if isinstance(item, ComponentWithoutSrpm)]
    pending = [item for item in found if isinstance(item, _Candidate)]
    chosen: list[tuple[_Candidate, _Reading]] = []
    while pending:
        pending = list(pool.map(_read_texts, pending))
        batches = _read_batch(config, pending, reader)
        deeper = []
        for candidate, readings in zip(pending, batches):
            specs = [
                reading for reading in readings if candidate.error or not isinstance(reading[1], NotASpec)
            ]
            if specs:
                chosen += [(candidate, reading) for reading in specs]
            elif candidate.later:
                deeper.append(
                    dataclasses.replace(
                        candidate, specs=candidate.later[0], later=candidate.later[1:], texts=()
                    )
                )
            else:
                reason = f"{', '.join(candidate.specs)}: not an RPM spec"
                without_srpm.append(_without_srpm(candidate, _last_part(candidate.path), reason))
        pending = deeper
    sourced = []
    for name, (candidate, (spec, result)) in zip(_name_components(chosen), chosen):
        settings = config.components.get(name)
        if settings and settings.skip:
            without_srpm.append(_without_srpm(candidate, name, f"skipped in repos.yaml: {settings.skip}"))
            continue
        error = candidate.error or (result if isinstance(result, AltaiError) else None)
        if error is not None:
            failed = _without_srpm(candidate, name, _summarize(error), error)
            without_srpm.append(dataclasses.replace(failed, provides=_find_provides(spec, result)))
        elif not isinstance(result, AltaiError):
            sourced.append(_make_source(candidate, name, spec, result))
    order = {item.path: index for index, item in enumerate(found)}
    sourced.sort(key=lambda source: (order.get(source.component.path, 0), source.component.name))
    without_srpm.sort(key=lambda component: component.path)
    return sourced, without_srpm


def _name_components(chosen: Sequence[tuple[_Candidate, _Reading]]) -> list[str]:
    """Unique names: made of the path; of the spec's own name for the root, and where a path has several specs."""
    specs_per_path = Counter(id(candidate) for candidate, _ in chosen)
    identities = []
    for candidate, (spec, _) in chosen:
        stem = posixpath.basename(spec.path).removesuffix(".spec")
        if candidate.kind is ComponentKind.ROOT:
            identities.append((stem, ""))
        else:
            identities.append((candidate.path, "" if specs_per_path[id(candidate)] == 1 else stem))
    return make_unique_names(identities)


def _without_srpm(
    candidate: _Candidate, name: str, reason: str, error: AltaiError | None = None
) -> ComponentWithoutSrpm:
    return ComponentWithoutSrpm(
        name=name, path=candidate.path, commit=candidate.commit, reason=reason, error=error
    )


def _find_provides(spec: _SpecText, result: SpecInfo | AltaiError) -> frozenset[str]:
    """What a spec provides, as far as it tells that."""
    known = () if isinstance(result, AltaiError) else (result.name, *result.provides)
    return read_declared_names(spec.text).union(known)


def _make_source(candidate: _Candidate, name: str, spec: _SpecText, info: SpecInfo) -> ComponentSource:
    component = Component(
        name=name,
        kind=candidate.kind,
        path=candidate.path,
        commit=candidate.commit,
        url=candidate.url,
        spec=spec.path,
        repository=candidate.repository,
    )
    return ComponentSource(
        component=component, info=info, text=spec.text, store=candidate.store, tree=candidate.tree
    )


def _summarize(error: AltaiError) -> str:
    return f"{error.what}: {error.why.splitlines()[0]}" if error.why else error.what


def _read_batch(config: Config, candidates: Sequence[_Candidate], reader: SpecReader) -> list[list[_Reading]]:
    """What each candidate's specs say, or what is wrong with them."""
    macros, arch = config.get_target_macros(candidates[0].repository)
    batch = [
        SpecText(path=get_spec_path(candidate.kind, candidate.path, spec.path), text=spec.text)
        for candidate in candidates
        for spec in candidate.texts
    ]
    results = iter(reader.read(batch, macros, arch))
    return [[(spec, next(results)) for spec in candidate.texts] for candidate in candidates]


def _read_texts(candidate: _Candidate) -> _Candidate:
    """The candidate with the texts of its specs; with an error where one does not exist.

    A spec that is a symbolic link has the text of the file that it leads to in the same commit.
    """
    if candidate.texts:
        return candidate
    entries = {entry.path: entry for entry in candidate.tree if entry.is_file or entry.is_link}
    missing = [spec for spec in candidate.specs if spec not in entries]
    if missing:
        raise InputError(
            f"{candidate.path} has no file {missing[0]} at {candidate.commit[:12]}",
            todo=f"correct components.{_last_part(candidate.path)}.specs in repos.yaml",
        )
    try:
        files = [follow_links(candidate.store, candidate.commit, entries, spec) for spec in candidate.specs]
    except InputError as error:
        texts = tuple(_SpecText(path=spec, text="") for spec in candidate.specs)
        return dataclasses.replace(candidate, texts=texts, error=error)
    blobs = candidate.store.read_blobs((entry.oid for entry in files), commit=candidate.commit)
    texts = tuple(_SpecText(path=spec, text=decode_spec(blob)) for spec, blob in zip(candidate.specs, blobs))
    return dataclasses.replace(candidate, texts=texts)
