"""Components as commands and repos.yaml name them: which are meant, and which names are of none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from altai_build.config import SourceKind
from altai_build.errors import InputError
from altai_build.model.gitlink import DEFAULT_FOLDERS
from altai_build.model.suggestion import suggest, suggest_each
from altai_build.stages.discover.candidates import find_path_in
from altai_build.stages.discover.components import Discovery

if TYPE_CHECKING:
    from altai_build.pipeline.run import Run


class NoSuchComponent(InputError):
    """A name is of no component of a commit."""


def select_by_name(discovery: Discovery, names: Sequence[str]) -> Discovery:
    """The components with these names or paths, or that make these packages. Raises NoSuchComponent naming all others.

    A package's name counts only where no component has that name.
    """
    if not names:
        return discovery
    own_names = {
        name for source in discovery.sourced for name in (source.component.name, source.component.path)
    }
    known = own_names.union(*({source.info.name, *source.info.packages} for source in discovery.sourced))
    known |= {name for component in discovery.without_srpm for name in (component.name, component.path)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise NoSuchComponent(
            f"no such component: {', '.join(unknown)}",
            why=suggest_each(unknown, known),
            todo="give a component's name or path, or its package's name; `altai-build plan` lists the components",
        )
    wanted = set(names)
    package_names = wanted - own_names
    return Discovery(
        commit=discovery.commit,
        time=discovery.time,
        sourced=tuple(
            source
            for source in discovery.sourced
            if wanted & {source.component.name, source.component.path}
            or package_names & {source.info.name, *source.info.packages}
        ),
        without_srpm=tuple(
            component for component in discovery.without_srpm if wanted & {component.name, component.path}
        ),
    )


def warn_of_unknown_settings(run: Run, discovery: Discovery) -> None:
    """Warn of each entry of `components` in repos.yaml that is of no component; `discovery` is of all.

    It is no error, because the definition may be used with an earlier commit, which has not all components.
    """
    found = [(source.component.name, source.component.path) for source in discovery.sourced]
    found += [(component.name, component.path) for component in discovery.without_srpm]
    known = {alias for name, path in found for alias in (name, path, path.rpartition("/")[2])}
    for name in run.config.components:
        if name not in known:
            hint = suggest(name, known)
            run.reporter.warn(
                f"components.{name} in repos.yaml is ignored: no component has this name or path"
                + (f"; {hint}" if hint else "")
            )


def warn_of_empty_folders(run: Run, discovery: Discovery) -> None:
    """Warn of each folder of repos.yaml in which there is no component; `discovery` is of all.

    It is no error, for the same reason. A folder that only the default names need not be there.
    """
    folders = {
        f"repositories.{repository.name}.path": find_path_in(run.superproject.path, repository.path)
        for repository in run.config.repositories.values()
        if repository.source is SourceKind.SPECS and repository.path is not None
    }
    if run.config.superproject.components != DEFAULT_FOLDERS:
        folders.update(
            {f"superproject.components: {name}": name for name in run.config.superproject.components}
        )
    paths = [source.component.path for source in discovery.sourced]
    paths += [component.path for component in discovery.without_srpm]
    for key, folder in folders.items():
        if folder != "." and not any(path.startswith(f"{folder}/") for path in paths):
            run.reporter.warn(
                f"{key} in repos.yaml: there is no component below {folder}/ at commit {discovery.commit[:12]}"
            )
