"""Which components a superproject commit has: every spec of every pinned repository, read statically."""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from altai_build.config import Config, SourceKind
from altai_build.errors import AltaiError, InputError
from altai_build.model.component import Component, ComponentKind, get_spec_path, make_unique_names
from altai_build.model.gitlink import CommitId
from altai_build.model.spec import SpecInfo
from altai_build.tools.git.objects import ObjectStore, TreeEntry
from altai_build.tools.git.superproject import ComponentSource, Submodule, Superproject
from altai_build.tools.spec.reader import NotASpec, SpecReader, SpecText, decode_spec

# Where a spec is looked for in a component, the first folder with one wins (DESIGN: Sources from git).
SPEC_FOLDERS = ("", "rpm", "packaging", "redhat", "SPECS")


@dataclass(frozen=True)
class ComponentWithoutSrpm:
    """A component that has no source package: why, and whether that is a fault (`error`) or as it should be."""

    name: str
    path: str
    commit: CommitId
    reason: str
    error: AltaiError | None = None


@dataclass(frozen=True)
class Discovery:
    """All components of a superproject commit."""

    commit: CommitId
    time: int  # of the commit, seconds since the epoch
    sourced: tuple[ComponentSource, ...]
    without_srpm: tuple[ComponentWithoutSrpm, ...]


@dataclass(frozen=True)
class _SpecCandidate:
    """A place that may hold specs, before they are read."""

    kind: ComponentKind
    path: str
    commit: CommitId
    url: str | None
    repository: str | None
    store: ObjectStore
    tree: tuple[TreeEntry, ...]
    specs: tuple[str, ...]  # candidate paths, all at one level of SPEC_PLACES
    later: tuple[tuple[str, ...], ...] = ()  # candidates at later levels, should these be no RPM specs
    texts: tuple[tuple[str, str], ...] = ()  # of the candidates, once they are read


def discover(
    superproject: Superproject,
    config: Config,
    revision: str,
    *,
    jobs: int,
    reader: SpecReader | None = None,
    only: Collection[str] = (),
) -> Discovery:
    """Find and read the specs of all components pinned by a revision; a faulty component does not hide the others.

    With `only` none is looked at but those whose names could be among these names or paths, and those whose names could
    be the same.
    """
    reader = reader or SpecReader()
    lasts = {name.rpartition("/")[2] for name in only}
    wanted: Callable[[str], bool] = lambda path: not lasts or path.rpartition("/")[2] in lasts  # noqa: E731
    commit = superproject.resolve_revision(revision)
    store = superproject.open_store(commit)
    settings = config.superproject
    looked: list[_SpecCandidate | ComponentWithoutSrpm] = []
    target = config.get_target_macros(_name_of(config, SourceKind.SUPERPROJECT))
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        tree = store.read_tree(commit)
        submodules = superproject.read_submodules(commit, tree, settings.components)
        if settings.root and any(wanted(spec[: -len(".spec")]) for spec in _root_specs(tree)):
            looked += _root_unit(superproject, config, store, tree, commit)

        def look(submodule: Submodule) -> _SpecCandidate | ComponentWithoutSrpm:
            unit = _submodule_unit(superproject, config, submodule)
            if isinstance(unit, _SpecCandidate):
                unit = _read_spec_texts(unit)
                reader.start_reading([text for _, text in unit.texts], *target)
            return unit

        looked += pool.map(look, [one for one in submodules if wanted(one.link.path)])
        looked += _folder_units(superproject, config, store, tree, commit, wanted)
        sourced, without_srpm = _read(config, looked, reader, pool)
    return Discovery(
        commit=commit,
        time=store.read_commit_info(commit).time,
        sourced=tuple(sourced),
        without_srpm=tuple(without_srpm),
    )


def _root_unit(
    superproject: Superproject,
    config: Config,
    store: ObjectStore,
    tree: tuple[TreeEntry, ...],
    commit: CommitId,
) -> list[_SpecCandidate | ComponentWithoutSrpm]:
    specs = _root_specs(tree)
    if not specs:
        return []
    repository = config.find_repository(SourceKind.SUPERPROJECT)
    return [
        _SpecCandidate(
            kind=ComponentKind.ROOT,
            path=".",
            commit=commit,
            url=superproject.remote_url,
            repository=repository.name if repository else None,
            store=store,
            tree=tree,
            specs=specs,
        )
    ]


def _root_specs(tree: Sequence[TreeEntry]) -> tuple[str, ...]:
    return tuple(e.path for e in tree if e.is_file and "/" not in e.path and e.path.endswith(".spec"))


def _submodule_unit(
    superproject: Superproject, config: Config, submodule: Submodule
) -> _SpecCandidate | ComponentWithoutSrpm:
    link = submodule.link
    name = link.path.rpartition("/")[2]
    settings = config.components.get(name) or config.components.get(link.path)
    if settings and settings.skip:
        return ComponentWithoutSrpm(
            name=name, path=link.path, commit=link.commit, reason=f"left out: {settings.skip}"
        )
    try:
        store = superproject.open_component_store(submodule)
        tree = store.read_tree(link.commit)
    except AltaiError as error:
        return ComponentWithoutSrpm(
            name=name, path=link.path, commit=link.commit, reason=error.what, error=error
        )
    levels = [settings.specs] if settings and settings.specs else _spec_levels(tree)
    if not levels:
        places = ", ".join(f"{place}/" if place else "its root" for place in SPEC_FOLDERS)
        return ComponentWithoutSrpm(
            name=name, path=link.path, commit=link.commit, reason=f"it has no spec file (looked in {places})"
        )
    repository = (settings.repository if settings else None) or _name_of(config, SourceKind.SUPERPROJECT)
    return _SpecCandidate(
        kind=ComponentKind.SUBMODULE,
        path=link.path,
        commit=link.commit,
        url=submodule.url,
        repository=repository,
        store=store,
        tree=tree,
        specs=tuple(levels[0]),
        later=tuple(tuple(level) for level in levels[1:]),
    )


def _name_of(config: Config, source: SourceKind) -> str | None:
    repository = config.find_repository(source)
    return repository.name if repository else None


def _spec_levels(tree: Sequence[TreeEntry]) -> list[tuple[str, ...]]:
    levels = []
    for place in SPEC_FOLDERS:
        found = tuple(
            entry.path
            for entry in tree
            if entry.is_file and entry.path.endswith(".spec") and posixpath.dirname(entry.path) == place
        )
        if found:
            levels.append(found)
    return levels


def _folder_units(
    superproject: Superproject,
    config: Config,
    store: ObjectStore,
    tree: tuple[TreeEntry, ...],
    commit: CommitId,
    wanted: Callable[[str], bool],
) -> list[_SpecCandidate | ComponentWithoutSrpm]:
    """The folders of each `source: specs` repository, as they are in the superproject's commit."""
    units: list[_SpecCandidate | ComponentWithoutSrpm] = []
    for repository in config.repositories.values():
        if repository.source is not SourceKind.SPECS or repository.path is None:
            continue
        inside = _inside(superproject.path, repository.path)
        if inside is None:
            raise InputError(
                f"repositories.{repository.name}.path leads out of the superproject",
                why=f"{repository.path} is not below {superproject.path}",
                todo="keep the folder of specs in the superproject: a release is made from its commit",
            )
        folders = sorted(
            {
                entry.path[len(inside) + 1 :].partition("/")[0]
                for entry in tree
                if entry.path.startswith(f"{inside}/")
            }
        )
        for name in filter(wanted, folders):
            folder = f"{inside}/{name}"
            specs = tuple(
                e.path
                for e in tree
                if e.is_file and e.path.endswith(".spec") and posixpath.dirname(e.path) == folder
            )
            if not specs:
                continue
            try:
                changed = store.find_last_change(commit, folder) or commit
            except AltaiError as error:
                units.append(
                    ComponentWithoutSrpm(
                        name=name, path=folder, commit=commit, reason=error.what, error=error
                    )
                )
                continue
            units.append(
                _SpecCandidate(
                    kind=ComponentKind.SPEC,
                    path=folder,
                    commit=changed,
                    url=superproject.remote_url,
                    repository=repository.name,
                    store=store,
                    tree=tuple(entry for entry in tree if entry.path.startswith(f"{folder}/")),
                    specs=specs,
                )
            )
    return units


def _inside(root: Path, path: Path) -> str | None:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return None


def _read(
    config: Config,
    looked: Sequence[_SpecCandidate | ComponentWithoutSrpm],
    reader: SpecReader,
    pool: Executor,
) -> tuple[list[ComponentSource], list[ComponentWithoutSrpm]]:
    """Read all specs of all units in one batch; a unit whose specs are none of rpm's is looked at one level deeper."""
    without_srpm = [one for one in looked if isinstance(one, ComponentWithoutSrpm)]
    pending = [one for one in looked if isinstance(one, _SpecCandidate)]
    chosen: list[tuple[_SpecCandidate, str, str, SpecInfo | AltaiError]] = []
    while pending:
        answers = _read_units(config, pending, reader, pool)
        deeper = []
        for unit, rows in zip(pending, answers):
            real = [row for row in rows if not isinstance(row[2], NotASpec)]
            if real:
                chosen += [(unit, *row) for row in real]
            elif unit.later:
                deeper.append(dataclasses.replace(unit, specs=unit.later[0], later=unit.later[1:], texts=()))
            else:
                reason = f"{', '.join(unit.specs)}: not an RPM spec"
                name = unit.path.rpartition("/")[2]
                without_srpm.append(
                    ComponentWithoutSrpm(name=name, path=unit.path, commit=unit.commit, reason=reason)
                )
        pending = deeper
    units = [unit for unit, *_ in chosen]
    names = make_unique_names(
        [
            _component_identity(unit, spec, alone=sum(one is unit for one in units) == 1)
            for unit, spec, _, _ in chosen
        ]
    )
    sourced = []
    for name, (unit, spec, text, answer) in zip(names, chosen):
        if isinstance(answer, AltaiError):
            without_srpm.append(
                ComponentWithoutSrpm(
                    name=name, path=unit.path, commit=unit.commit, reason=_one_line(answer), error=answer
                )
            )
            continue
        component = Component(
            name=name,
            kind=unit.kind,
            path=unit.path,
            commit=unit.commit,
            url=unit.url,
            spec=spec,
            repository=unit.repository,
        )
        sourced.append(
            ComponentSource(component=component, info=answer, text=text, store=unit.store, tree=unit.tree)
        )
    order = {unit.path: index for index, unit in enumerate(looked)}
    sourced.sort(key=lambda one: (order.get(one.component.path, 0), one.component.name))
    without_srpm.sort(key=lambda one: one.path)
    return sourced, without_srpm


def _component_identity(unit: _SpecCandidate, spec: str, *, alone: bool) -> tuple[str, str]:
    """What a component is called after: its path; the spec's own name for the root, and where there are several."""
    stem = posixpath.basename(spec)[: -len(".spec")]
    if unit.kind is ComponentKind.ROOT:
        return stem, ""
    return unit.path, "" if alone else stem


def _one_line(error: AltaiError) -> str:
    return f"{error.what}: {error.why.splitlines()[0]}" if error.why else error.what


def _read_units(
    config: Config, units: Sequence[_SpecCandidate], reader: SpecReader, pool: Executor
) -> list[list[tuple[str, str, SpecInfo | AltaiError]]]:
    """For each unit its (spec path, text, content or fault) rows."""
    texts = [one.texts for one in pool.map(_read_spec_texts, units)]
    macros, arch = config.get_target_macros(units[0].repository)
    batch = [
        SpecText(place=get_spec_path(unit.kind, unit.path, spec), text=text)
        for unit, rows in zip(units, texts)
        for spec, text in rows
    ]
    answers = iter(reader.read(batch, macros, arch))
    return [[(spec, text, next(answers)) for spec, text in rows] for rows in texts]


def _read_spec_texts(unit: _SpecCandidate) -> _SpecCandidate:
    """A unit with the (path, text) of each of its specs. Raises InputError for one that is not there."""
    if unit.texts:
        return unit
    oids = {entry.path: entry.oid for entry in unit.tree if entry.is_file}
    absent = [spec for spec in unit.specs if spec not in oids]
    if absent:
        raise InputError(
            f"{unit.path} has no file {absent[0]} at {unit.commit[:12]}",
            todo=f"mend components.{unit.path.rpartition('/')[2]}.specs in repos.yaml",
        )
    blobs = unit.store.read_blobs((oids[spec] for spec in unit.specs), commit=unit.commit)
    return dataclasses.replace(
        unit, texts=tuple((spec, decode_spec(blob)) for spec, blob in zip(unit.specs, blobs))
    )
