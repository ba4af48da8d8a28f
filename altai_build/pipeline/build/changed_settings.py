"""Components whose settings differ from those at an earlier commit: in repos.yaml and in mock configurations."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from altai_build.config import Config, SourceKind, load_config
from altai_build.errors import AltaiError
from altai_build.model.component import ComponentKind
from altai_build.model.gitlink import CommitId
from altai_build.pipeline.run import Run, with_mock_dist
from altai_build.regular_files import read_regular_file
from altai_build.stages.discover.candidates import find_path_in, find_repository_name
from altai_build.stages.discover.components import Discovery
from altai_build.tools.files import scratch_directory
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.trees import TreeEntry
from altai_build.tools.mock.config import read_config
from altai_build.tools.rpm.macro_files import read_macro_files

# Where one commit has something and the other has not.
_ABSENT = "absent"


@dataclass(frozen=True)
class _Comparison:
    """The superproject's files at two commits, by path; `since` is the earlier one as it was named."""

    run: Run
    since: str
    store: ObjectStore
    before: Mapping[str, TreeEntry]
    after: Mapping[str, TreeEntry]

    def describe_change(self, file: Path) -> str:
        """How a file differs from that at the earlier commit; "" where it does not, or nobody knows."""
        path = _find_inner_path(self.run, file)
        if path is None or (path not in self.before and path not in self.after):
            self.run.reporter.warn(
                f"whether {file} has changed since {self.since} is not known: no commit has it"
            )
            return ""
        entry = self.before.get(path)
        if entry is None:
            return f"{path} was added since {self.since}"
        changed = self.store.read_blobs([entry.oid]) != [read_regular_file(file)]
        return f"{path} changed since {self.since}" if changed else ""


def select_changed_settings(run: Run, whole: Discovery, since: str) -> dict[str, str]:
    """The components whose builds have other settings than at `since`, and which of them.

    These are the inputs that `explain` shows besides a component's own commit and its build environment's packages.
    """
    comparison = _compare_commits(run, since, whole.commit)
    return {
        **_compare_target_files(comparison, whole),
        **_compare_definitions(comparison, whole.sourced),
    }


def have_settings_changed(run: Run, since: str, commit: CommitId) -> bool:
    """Whether a file that `select_changed_settings` compares differs; no component is read."""
    comparison = _compare_commits(run, since, commit)
    file = run.config.file
    return (file is not None and bool(comparison.describe_change(file))) or any(
        _describe_mock_change(comparison, target.mock_config)
        or _describe_macro_change(comparison, target.macro_files)
        for target in run.config.targets.values()
    )


def _compare_commits(run: Run, since: str, commit: CommitId) -> _Comparison:
    before = run.superproject.resolve_revision(since)
    store = run.superproject.open_store(before)
    old, new = (
        {entry.path: entry for entry in store.read_tree(tree) if entry.is_file} for tree in (before, commit)
    )
    return _Comparison(run=run, since=since, store=store, before=old, after=new)


def _find_inner_path(run: Run, file: Path) -> str | None:
    """The path of a file in the superproject; None for one elsewhere."""
    return find_path_in(run.superproject.path, file)


def _compare_definitions(comparison: _Comparison, sources: Sequence[ComponentSource]) -> dict[str, str]:
    """Components that repos.yaml says something else about; all of them where it cannot be compared."""
    run, since, file = comparison.run, comparison.since, comparison.run.config.file
    change = comparison.describe_change(file) if file is not None else ""
    path = _find_inner_path(run, file) if file is not None else None
    if file is None or path is None or not change:
        return {}
    entry = comparison.before.get(path)
    if entry is None:
        return {source.component.name: change for source in sources}
    (content,) = comparison.store.read_blobs([entry.oid])
    try:
        old = _load_definition(run, file.name, content)
    except AltaiError as error:
        return {
            source.component.name: f"{path} at {since} cannot be read: {error.what}" for source in sources
        }
    reasons = {}
    for source in sources:
        then, now = _list_settings(old, source), _list_settings(run.config, source)
        changed = [name for name in {**now, **then} if then.get(name, _ABSENT) != now.get(name, _ABSENT)]
        if changed:
            reasons[source.component.name] = f"{changed[0]} in {path} changed since {since}"
    return reasons


def _load_definition(run: Run, name: str, content: bytes) -> Config:
    """A definition with this content in the place of the present one."""
    with scratch_directory(run.workspace.scratch, "settings") as folder:
        (folder / name).write_bytes(content)
        config = load_config(folder / name)
    root = run.config.root
    repositories = {
        repository.name: repository
        if repository.path is None
        else replace(repository, path=root / os.path.relpath(repository.path, config.root))
        for repository in config.repositories.values()
    }
    superproject = config.superproject._replace(folder=run.config.superproject.folder)
    return with_mock_dist(
        replace(config, root=root, superproject=superproject, repositories=repositories), run.workspace
    )


def read_earlier_definition(run: Run, since: str) -> Config:
    """The definition at an earlier commit; the present one where that commit has none that can be read.

    Then all components are selected for that reason.
    """
    file = run.config.file
    if file is None:
        return run.config
    commit = run.superproject.resolve_revision(since)
    store = run.superproject.open_store(commit)
    path = _find_inner_path(run, file)
    oids = [entry.oid for entry in store.read_tree(commit) if entry.is_file and entry.path == path]
    try:
        return _load_definition(run, file.name, *store.read_blobs(oids)) if oids else run.config
    except AltaiError:
        return run.config


def _list_settings(config: Config, source: ComponentSource) -> dict[str, object]:
    """What repos.yaml says about the packages of a component, by name."""
    component = source.component
    own = config.find_component(component.name, component.path)
    found: dict[str, object] = {"release.stamp": config.release and config.release.stamp}
    if component.kind is ComponentKind.ROOT:
        found["superproject.root"] = config.superproject.root
    elif component.kind is ComponentKind.SUBMODULE:
        found["superproject.components"] = any(
            folder == "." or f"{component.path}/".startswith(f"{folder}/")
            for folder in config.superproject.components
        )
    if own is not None:
        found[f"components.{own.name}"] = (
            own.source,
            own.sources,
            own.specs,
            own.repository,
            own.bootstrap,
            own.macros,
            own.exclude_submodules,
            own.skip,
        )
    repository = config.repositories.get(component.repository or "")
    if own is not None and own.sources:
        # What generated sources are made from.
        found["release.baseurl"] = config.release and config.release.baseurl
        found["project"] = config.project
        if repository is not None:
            keys = (repository.key, *config.get_related_keys(repository.key))
            found[f"repositories.{repository.name}.key"] = keys
    if repository is not None:
        found[f"repositories.{repository.name}.path"] = repository.path
        target = config.targets[repository.target]
        found[f"targets.{target.name}.macros"] = sorted(target.build_macros)
        found[f"targets.{target.name}.macro_files"] = target.macro_files
        found[f"targets.{target.name}.arch"] = target.arch
        found[f"targets.{target.name}.mock_config"] = target.mock_config
    return found


def _compare_target_files(comparison: _Comparison, whole: Discovery) -> dict[str, str]:
    """Components of targets whose mock configuration, or a file that it includes, or a macro file has changed.

    Those that cannot be read are of the superproject's target: it is not left unsaid that they should be built.
    """
    config = comparison.run.config
    changes: dict[str, str] = {}
    reasons = {}
    own = find_repository_name(config, SourceKind.SUPERPROJECT)
    listed = [(source.component.name, source.component.repository) for source in whole.sourced]
    listed += [(component.name, own) for component in whole.unreadable]
    for component, place in listed:
        repository = config.repositories.get(place or "")
        if repository is None:
            continue
        name = repository.target
        if name not in changes:
            changes[name] = _describe_mock_change(comparison, config.targets[name].mock_config)
            changes[name] = changes[name] or _describe_macro_change(
                comparison, config.targets[name].macro_files
            )
        if changes[name]:
            reasons[component] = changes[name]
    return reasons


def _describe_macro_change(comparison: _Comparison, path: str) -> str:
    """Which macro file of a target has changed; "" for none."""
    folder = comparison.run.config.root / path
    inner = _find_inner_path(comparison.run, folder) if path else ""
    if inner is None:
        comparison.run.reporter.warn(
            f"whether {folder} has changed since {comparison.since} is not known: it is in no commit"
        )
    if not inner:
        return ""
    now = {f"{inner}/{name}": content for name, content in read_macro_files(folder).files}
    old = [name for name in comparison.before if name.startswith(f"{inner}/")]
    removed = next((name for name in old if name not in now), None)
    if removed:
        return f"{removed} was removed since {comparison.since}"
    return next(
        filter(None, (comparison.describe_change(folder / name[len(inner) + 1 :]) for name in now)), ""
    )


def _describe_mock_change(comparison: _Comparison, name: str) -> str:
    """Which file of a mock configuration has changed; "" for none. A warning where that is not known."""
    run, since = comparison.run, comparison.since
    folders = run.config.mock_config_directories
    try:
        files = read_config(name, search=folders, cache=run.workspace.mock_configs).files
    except AltaiError as error:
        run.reporter.warn(
            f"whether the mock configuration {name} has changed since {since} is not known: {error.what}"
        )
        return ""
    change = next(filter(None, map(comparison.describe_change, files)), "")
    if change:
        return change
    folder = _find_inner_path(comparison.run, folders[0] / "x")
    beside = None if folder is None else posixpath.dirname(folder)
    removed = [
        path
        for path in comparison.before
        if beside is not None and posixpath.dirname(path) == beside and path not in comparison.after
    ]
    return f"{removed[0]} was removed since {since}" if removed else ""
