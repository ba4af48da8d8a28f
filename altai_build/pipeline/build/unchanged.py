"""Whether two commits of a superproject differ in nothing that a build uses, found without reading any component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altai_build.pipeline.build.changed_settings import have_settings_changed
from altai_build.stages.discover.candidates import find_path_in
from altai_build.tools.git.changed_gitlinks import list_changed_paths

if TYPE_CHECKING:
    from altai_build.model.gitlink import CommitId
    from altai_build.pipeline.run import Run


def is_unchanged(run: Run, since: CommitId, commit: CommitId) -> bool:
    """True where a plan of what changed since a commit would be empty; False where only such a plan can tell.

    What has changed is all that lies where pinned components and specs are, and the settings of builds.
    """
    specs = _list_spec_folders(run)
    folders = [*run.config.superproject.components, *(path for path in specs if path is not None)]
    if None in specs:
        return False
    for path in list_changed_paths(run.superproject, since, commit):
        is_own_file = run.config.superproject.root and "/" not in path
        if path == ".gitmodules" or is_own_file or any(_is_in(path, folder) for folder in folders):
            return False
    run.workspace.prepare()
    return not have_settings_changed(run, since[:12], commit)


def _list_spec_folders(run: Run) -> list[str | None]:
    """The folders of specs, by their paths in the superproject; None for one elsewhere, which a plan refuses."""
    paths = [repository.path for repository in run.config.repositories.values()]
    return [find_path_in(run.superproject.path, path) for path in paths if path is not None]


def _is_in(path: str, folder: str) -> bool:
    return folder == "." or path == folder or path.startswith(f"{folder}/")
