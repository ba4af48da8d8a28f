"""Where a superproject commit has specs: in its root, in pinned repositories, in folders of specs."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Union

from altai_build.config import ComponentSettings, Config, Repository, SourceKind
from altai_build.errors import AltaiError, InputError, faults_of
from altai_build.model.component import ComponentKind, ComponentWithoutSrpm
from altai_build.model.gitlink import GITLINK_MODE, CommitId
from altai_build.regular_files import resolve_links
from altai_build.stages.discover.known_pins import KnownPin, KnownPins, ReadSpec, digest_context
from altai_build.tools.git.component_source import LoadedContent, SpecContent
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.spec_files import SPEC_FOLDERS, list_specs, read_spec_files
from altai_build.tools.git.superproject import Submodule, Superproject
from altai_build.tools.git.trees import TreeEntry
from altai_build.tools.spec.reader import decode_spec

# Of one component. Each takes some time and memory to read; real ones have a tenth.
_MAX_SPECS = 200
_SPEC_TEMPLATE = re.compile(r"\.spec\.(?:in|cmake|tmpl|template|j2|jinja2?|erb|m4)$", re.IGNORECASE)


@dataclass(frozen=True)
class SpecFile:
    """A spec file of a component: its path in the component's tree, and its text."""

    path: str
    text: str


@dataclass(frozen=True)
class SpecCandidate:
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
    texts: tuple[SpecFile, ...] = ()
    # Why there can be no source package, whatever its specs say.
    error: AltaiError | None = None
    # Under which its specs are remembered; "" where what they say does not depend on the commit alone.
    key: str = ""


@dataclass(frozen=True)
class ReadCandidate:
    """A pinned repository whose specs an earlier run has read: what each says, by its path in the component's tree."""

    kind: ComponentKind
    path: str
    commit: CommitId
    url: str | None
    repository: str | None
    specs: tuple[tuple[str, ReadSpec, SpecContent], ...]
    error: None = None


Found = Union[SpecCandidate, ReadCandidate, ComponentWithoutSrpm]


class CandidateFinder:
    """The components of one superproject commit, before their specs are read."""

    def __init__(
        self,
        superproject: Superproject,
        config: Config,
        commit: CommitId,
        only: Collection[str],
        known: KnownPins,
    ) -> None:
        self._superproject = superproject
        self._config = config
        self._commit = commit
        self.last_parts = {last_part(name) for name in only}
        self.store = superproject.open_store(commit)
        self._tree = self.store.read_tree(commit)
        self._known = known
        # (repository, specs that repos.yaml names) → the end of a key.
        self._contexts: dict[tuple[str | None, tuple[str, ...]], str] = {}

    def _is_wanted(self, path: str) -> bool:
        return not self.last_parts or last_part(path) in self.last_parts

    def find_in_root(self) -> Iterator[Found]:
        """The superproject's own specs, where `superproject.root` says so."""
        specs = list_specs(self._tree, "")
        if self._config.superproject.root and any(
            self._is_wanted(spec.removesuffix(".spec")) for spec in specs
        ):
            yield SpecCandidate(
                kind=ComponentKind.ROOT,
                path=".",
                commit=self._commit,
                url=self._superproject.remote_url,
                repository=find_repository_name(self._config, SourceKind.SUPERPROJECT),
                store=self.store,
                tree=self._tree,
                specs=specs,
            )

    def list_submodules(self) -> list[Submodule]:
        """The pinned repositories."""
        folders = self._config.superproject.components
        submodules = self._superproject.read_submodules(self._commit, self._tree, folders)
        return [submodule for submodule in submodules if self._is_wanted(submodule.link.path)]

    def recall_submodule(self, submodule: Submodule) -> Found | None:
        """What an earlier run has read in a pinned repository, if the commit is still where it was, without git."""
        key = self._make_key(submodule)
        pin = self._known.find_pin(key)
        if pin is None or pin.state is None or self._is_skipped(submodule):
            return None
        if not self._superproject.is_known_place(submodule, pin.common, pin.state):
            return None
        return self._make_known(submodule, pin)

    def find_in_submodule(self, submodule: Submodule) -> Found:
        """The specs of a pinned repository."""
        link = submodule.link
        settings = self._find_settings(submodule)
        skip = partial(_without_srpm, submodule)
        if settings and settings.skip:
            return skip(f"skipped in repos.yaml: {settings.skip}")
        key = self._make_key(submodule)
        pin = self._known.find_pin(key)
        try:
            with faults_of(link.path):
                store = self._superproject.open_component_store(submodule)
                if pin is not None:
                    self._known.renew_state(key, pin, store.objects, store.state)
                    return self._make_known(submodule, pin)
                tree = store.read_tree(link.commit)
                wanted = settings.specs if settings else ()
                if _has_specs_in_submodule(tree, wanted):
                    # It also depends on where these are.
                    key = ""
                    nested = self._superproject.list_nested_submodules(
                        store,
                        link.commit,
                        tree,
                        submodule.url,
                        excluded=settings.exclude_submodules if settings else (),
                    )
                    store, tree = self._superproject.join_nested(store, link.commit, tree, nested)
        except AltaiError as error:
            return skip(error.what, error)
        levels = [wanted] if wanted else [list_specs(tree, folder) for folder in SPEC_FOLDERS]
        first, *later = [tuple(level) for level in levels if level] or [()]
        if not first:
            folders = ", ".join(f"{folder}/" if folder else "its root" for folder in SPEC_FOLDERS)
            name = last_part(link.path)
            without = skip(f"no spec file in {folders}{_name_others(tree, name)}")
            self.remember(key, store, len(tree), (), without.reason)
            return without
        if len(first) > _MAX_SPECS:
            refused = InputError(
                f"{link.path} has {len(first)} specs",
                why=f"a component may have {_MAX_SPECS}",
                todo=f"name those to build in components.{last_part(link.path)}.specs in repos.yaml",
            )
            return skip(refused.what, refused)
        return SpecCandidate(
            kind=ComponentKind.SUBMODULE,
            path=link.path,
            commit=link.commit,
            url=submodule.url,
            repository=self._find_repository(submodule),
            store=store,
            tree=tree,
            specs=first,
            later=tuple(later),
            key=key,
        )

    def remember(
        self,
        key: str,
        store: ObjectStore,
        files: int,
        specs: Sequence[tuple[str, ReadSpec]],
        reason: str = "",
    ) -> None:
        """Remember what was found in the commit of a submodule, under its key, if it has one."""
        if key:
            pin = KnownPin(
                common=store.objects, state=store.state, files=files, specs=tuple(specs), reason=reason
            )
            self._known.add_pin(key, pin)

    def _make_known(self, submodule: Submodule, pin: KnownPin) -> Found:
        if pin.reason:
            return _without_srpm(submodule, pin.reason)
        return ReadCandidate(
            kind=ComponentKind.SUBMODULE,
            path=submodule.link.path,
            commit=submodule.link.commit,
            url=submodule.url,
            repository=self._find_repository(submodule),
            specs=tuple(
                (path, spec, SpecContent(partial(self._load, submodule, path), files=pin.files))
                for path, spec in pin.specs
            ),
        )

    def _load(self, submodule: Submodule, spec: str) -> LoadedContent:
        """The content of a commit that was known before."""
        commit = submodule.link.commit
        store = self._superproject.open_component_store(submodule)
        tree = store.read_tree(commit)
        (blob,) = read_spec_files(store, commit, tree, [spec])
        return LoadedContent(decode_spec(blob), store, tree)

    def _find_settings(self, submodule: Submodule) -> ComponentSettings | None:
        path = submodule.link.path
        return self._config.find_component(last_part(path), path)

    def _is_skipped(self, submodule: Submodule) -> bool:
        settings = self._find_settings(submodule)
        return settings is not None and bool(settings.skip)

    def _find_repository(self, submodule: Submodule) -> str | None:
        settings = self._find_settings(submodule)
        own_repository = settings.repository if settings else None
        return own_repository or find_repository_name(self._config, SourceKind.SUPERPROJECT)

    def _make_key(self, submodule: Submodule) -> str:
        """The commit, and all that tells what is found in it."""
        settings = self._find_settings(submodule)
        repository, wanted = self._find_repository(submodule), tuple(settings.specs if settings else ())
        context = self._contexts.get((repository, wanted))
        if context is None:
            macros, arch = self._config.get_target_macros(repository)
            context = digest_context(arch, macros, *wanted)
            self._contexts[repository, wanted] = context
        return f"{submodule.link.commit} {last_part(submodule.link.path)} {context}"

    def find_in_spec_folders(self) -> Iterator[Found]:
        """The folders of each `source: specs` repository, as they are in the superproject's commit."""
        for repository in self._config.repositories.values():
            if repository.source is SourceKind.SPECS and repository.path is not None:
                yield from self._find_in_spec_repository(repository, repository.path)

    def _find_in_spec_repository(self, repository: Repository, path: Path) -> Iterator[Found]:
        root = find_path_in(self._superproject.path, path)
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
                with faults_of(folder):
                    changed = self.store.find_last_change(self._commit, folder) or self._commit
            except AltaiError as error:
                changed, fault = self._commit, error
            yield SpecCandidate(
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


def _has_specs_in_submodule(tree: Sequence[TreeEntry], wanted: Sequence[str]) -> bool:
    """Whether the wanted specs, or the only folder that may have any, are in a submodule of the component."""
    links = [entry.path for entry in tree if entry.mode == GITLINK_MODE]
    if wanted:
        return any(spec.startswith(f"{link}/") for spec in wanted for link in links)
    return any(link in SPEC_FOLDERS for link in links) and not any(
        list_specs(tree, folder) for folder in SPEC_FOLDERS
    )


def _without_srpm(submodule: Submodule, reason: str, error: AltaiError | None = None) -> ComponentWithoutSrpm:
    link = submodule.link
    return ComponentWithoutSrpm(
        name=last_part(link.path), path=link.path, commit=link.commit, reason=reason, error=error
    )


def last_part(path: str) -> str:
    """The name of the folder at a path."""
    return path.rpartition("/")[2]


def find_repository_name(config: Config, source: SourceKind) -> str | None:
    """The repository of the release that has this source, if there is one."""
    repository = config.find_repository(source)
    return repository.name if repository else None


def find_path_in(root: Path, path: Path) -> str | None:
    """A path relative to a folder that it is below; None for another one."""
    try:
        return resolve_links(path).relative_to(resolve_links(root)).as_posix()
    except ValueError:
        return None


def read_texts(candidate: SpecCandidate) -> SpecCandidate:
    """The candidate with the texts of its specs; with an error where a symbolic link leads to none."""
    if candidate.texts:
        return candidate
    missing = set(candidate.specs) - {
        entry.path for entry in candidate.tree if entry.is_file or entry.is_link
    }
    if missing:
        raise InputError(
            f"{candidate.path} has no file {min(missing)} at {candidate.commit[:12]}",
            todo=f"correct components.{last_part(candidate.path)}.specs in repos.yaml",
        )
    try:
        with faults_of(candidate.path):
            blobs = read_spec_files(candidate.store, candidate.commit, candidate.tree, candidate.specs)
    except AltaiError as error:
        texts = tuple(SpecFile(path=spec, text="") for spec in candidate.specs)
        return dataclasses.replace(candidate, texts=texts, error=error)
    texts = tuple(SpecFile(path=spec, text=decode_spec(blob)) for spec, blob in zip(candidate.specs, blobs))
    return dataclasses.replace(candidate, texts=texts)


def _name_others(tree: Sequence[TreeEntry], component: str) -> str:
    """What looks like a spec in a repository without one, for the reason why it has no component; "" for nothing."""
    paths = [entry.path for entry in tree if entry.is_file]
    elsewhere = [path for path in paths if path.lower().endswith(".spec")]
    if elsewhere:
        return f", but {elsewhere[0]}; if it is the component's, name it in components.{component}.specs"
    templates = [path for path in paths if _SPEC_TEMPLATE.search(path)]
    return f"; {templates[0]} is a template of one: commit what it makes" if templates else ""
