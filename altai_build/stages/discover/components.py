"""The components of a superproject commit, each with what its spec says, or the reason why it has no source package."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from altai_build.config import Config, SourceKind
from altai_build.model.component import ComponentWithoutSrpm
from altai_build.model.gitlink import CommitId
from altai_build.stages.discover.candidates import (
    CandidateFinder,
    Found,
    SpecCandidate,
    find_repository_name,
    read_texts,
)
from altai_build.stages.discover.known_pins import KnownPins
from altai_build.stages.discover.specs import SpecReading
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.git.superproject import Submodule, Superproject
from altai_build.tools.spec.reader import SpecReader
from altai_build.workspace import Workspace


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


def discover(
    superproject: Superproject,
    config: Config,
    workspace: Workspace,
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
    known = KnownPins(workspace.pins)
    finder = CandidateFinder(superproject, config, commit, only, known)
    macros, arch = config.get_target_macros(find_repository_name(config, SourceKind.SUPERPROJECT))

    def find(submodule: Submodule) -> Found:
        found = finder.find_in_submodule(submodule)
        if isinstance(found, SpecCandidate):
            found = read_texts(found)
            reader.start_reading([spec.text for spec in found.texts], macros, arch)
        return found

    submodules = [(one, finder.recall_submodule(one)) for one in finder.list_submodules()]
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        new = pool.map(find, [one for one, recalled in submodules if recalled is None])
        found = [
            *finder.find_in_root(),
            *(next(new) if recalled is None else recalled for _, recalled in submodules),
            *finder.find_in_spec_folders(),
        ]
        reading = SpecReading(config, reader, workspace, pool, finder, known)
        sourced, without_srpm = reading.read(found)
    known.save()
    return Discovery(
        commit=commit,
        time=finder.store.read_commit_time(commit),
        sourced=tuple(sourced),
        without_srpm=tuple(without_srpm),
    )
