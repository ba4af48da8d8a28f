"""What every verb starts from: the options that come before it, made into a run."""

from __future__ import annotations

import dataclasses
import gc
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from altai_build.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from altai_build.config import Config, SuperprojectSettings
    from altai_build.pipeline.run import Run
    from altai_build.workspace import Workspace

CONFIG_NAME = "repos.yaml"


@dataclass(frozen=True)
class App:
    """The options given before the verb; places are text, for loading pathlib takes longer than git's answer."""

    directory: str
    config_file: str | None
    workspace_dir: str | None
    jobs: int
    builder: str
    quiet: bool

    def config(self, *, needed: bool = True) -> Config:
        """The release definition. Raises InputError when there is none and the verb cannot do without."""
        from pathlib import Path

        from altai_build.config import default_config, load_config

        path = self.config_path
        if path is not None:
            return self._at_superproject(load_config(path))
        if needed:
            raise InputError(
                f"there is no {CONFIG_NAME} in {self.directory}",
                why="this verb has to know targets, keys and repositories",
                todo="write one (docs/repos-yaml.md shows how), name it with --config, or go there with -C DIR",
            )
        return default_config(Path(self.directory))

    def superproject_settings(self) -> SuperprojectSettings:
        """Where the superproject is, as `config` would say, at a fraction of its time; no other part is looked at."""
        from altai_build.config.place import get_default_superproject, read_superproject_settings

        file = self._definition
        if file is None:
            return get_default_superproject(self.directory)
        return self._locate_superproject(
            read_superproject_settings(file), os.path.dirname(os.path.realpath(file))
        )

    def _at_superproject(self, config: Config) -> Config:
        from pathlib import Path

        settings = self._locate_superproject(config.superproject, str(config.root))
        if settings is config.superproject:
            return config
        repositories = {  # folders of specs are the superproject's, wherever its definition is kept
            name: one
            if one.path is None
            else dataclasses.replace(one, path=Path(self._resolve_from_cwd(one.path, config.root)))
            for name, one in config.repositories.items()
        }
        return dataclasses.replace(config, superproject=settings, repositories=repositories)

    def _locate_superproject(self, settings: SuperprojectSettings, root: str) -> SuperprojectSettings:
        """superproject.path starts at the file's own folder, or, where that leads to no repository, here.

        So one definition kept outside can be used on several clones: -C CLONE --config FILE.
        """
        from altai_build.tools.git.command import git_directory

        here = self._resolve_from_cwd(settings.place, root)
        if git_directory(settings.place) is None and git_directory(here) is not None:
            return dataclasses.replace(settings, place=here)
        return settings

    def _resolve_from_cwd(self, place: str | Path, root: str | Path) -> str:
        """Where a place below the definition's folder would be below this directory."""
        from altai_build.config.place import join_folder

        return join_folder(self.directory, os.path.relpath(place, root))

    @property
    def config_path(self) -> Path | None:
        """The file of the release definition; None when none is named and none is in the directory."""
        from pathlib import Path

        file = self._definition
        return Path(file) if file is not None else None

    @property
    def _definition(self) -> str | None:
        file = self.config_file or os.path.join(self.directory, CONFIG_NAME)
        return file if self.config_file is not None or os.path.exists(file) else None

    def workspace(self) -> Workspace:
        """Where the run keeps things: what --workspace names, else a place beside the definition."""
        from pathlib import Path

        from altai_build.workspace import Workspace, default_workspace

        path = self.config_path
        beside = path.resolve().parent if path else Path(self.directory)
        root = Path(self.workspace_dir) if self.workspace_dir else default_workspace(beside)
        return Workspace(root.absolute())

    def run(self, config: Config, *, dependants: str | None = None) -> Run:
        """The context of a run with this configuration; `dependants` overrules its policy."""
        gc.freeze()  # what is loaded stays
        gc.enable()  # the work begins
        from altai_build.model.fingerprint import RebuildPolicy
        from altai_build.pipeline.run import Run, with_mock_dist
        from altai_build.tools.progress import ProgressReporter

        return Run(
            config=with_mock_dist(config),
            workspace=self.workspace(),
            jobs=self.jobs,
            builder=self.builder,
            story=ProgressReporter(quiet=self.quiet),
            dependants=RebuildPolicy(dependants) if dependants else None,
        )


def change_directory(directory: str) -> None:
    """Go to a directory, as `-C` says: relative paths of the other options and arguments start there."""
    try:
        os.chdir(directory)
    except OSError as error:
        raise InputError(
            f"cannot work in {directory}", why=error.strerror or "", todo="name the superproject with -C DIR"
        ) from error
