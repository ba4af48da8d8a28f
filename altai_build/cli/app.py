"""The global options, and what verbs make from them: the configuration, the workspace, a run."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from altai_build.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from altai_build.cli.runlog import RunLog
    from altai_build.config import Config, SuperprojectSettings
    from altai_build.model.cluster import ClusterSettings
    from altai_build.pipeline.run import Run
    from altai_build.workspace import Workspace

CONFIG_NAME = "repos.yaml"


# A tuple, because a dataclass takes longer to define, and `changed` loads this module.
class App(NamedTuple):
    """The global options. Paths are text: importing pathlib takes longer than git takes to answer a quick verb."""

    directory: str
    # where a relative -C after the verb starts; another one than `directory` if that is from the environment
    start: str
    config_file: str | None
    workspace_dir: str | None
    jobs: int
    builder: str
    # bytes with a unit, as parse_size reads them
    max_download: str
    quiet: bool
    # the debug log of this run once it is open: at most one
    logs: list[RunLog]
    # commands or the debug log are printed too, so that nothing may be animated
    verbose: bool = False
    executor: str = "local"
    # of Dask; "": that of repos.yaml
    scheduler: str = ""
    insecure_scheduler: bool = False

    def load_config(self, *, needed: bool = True) -> Config:
        """The release definition. Raises InputError when there is none and the verb needs one."""
        from pathlib import Path

        from altai_build.config import default_config, load_config

        if os.environ.get("GITHUB_ACTIONS") == "true":
            from altai_build.cli.service_commands import stop_service_commands

            stop_service_commands()
        path = self.config_path
        if path is not None:
            return self._at_superproject(load_config(path))
        if needed:
            raise InputError(
                f"there is no {CONFIG_NAME} in {self.directory} or above it",
                why="this command reads targets, keys and repositories from it",
                todo="let `altai-build init` write it, name it with --config FILE, or name its folder with -C DIR",
            )
        return default_config(Path(self._repository))

    def read_superproject(self) -> SuperprojectSettings:
        """The `superproject` part of the release definition alone, in a fraction of the time of `load_config`."""
        from altai_build.config.superproject import get_default_superproject, read_superproject_settings

        file = self._definition
        if file is None:
            return get_default_superproject(self._repository)
        return self._locate_superproject(
            read_superproject_settings(file), os.path.dirname(os.path.realpath(file))
        )

    def _at_superproject(self, config: Config) -> Config:
        import dataclasses
        from pathlib import Path

        settings = self._locate_superproject(config.superproject, str(config.root))
        if settings is config.superproject:
            return config
        # folders of specs belong to the superproject, wherever its definition is kept
        repositories = {
            name: repository
            if repository.path is None
            else dataclasses.replace(
                repository, path=Path(self._resolve_from_directory(repository.path, config.root))
            )
            for name, repository in config.repositories.items()
        }
        return dataclasses.replace(config, superproject=settings, repositories=repositories)

    def _locate_superproject(self, settings: SuperprojectSettings, root: str) -> SuperprojectSettings:
        """Resolve superproject.path against the file's own folder or, if no git repository is there, against DIR of -C.

        So one definition kept outside works for several clones: -C CLONE --config FILE.
        """
        from altai_build.tools.git.layout import git_directory

        here = self._resolve_from_directory(settings.folder, root)
        if git_directory(settings.folder) is None and git_directory(here) is not None:
            return settings._replace(folder=here)
        return settings

    def _resolve_from_directory(self, path: str | Path, root: str | Path) -> str:
        """A path relative to `root`, taken relative to DIR of -C instead."""
        from altai_build.config.superproject import join_folder

        return join_folder(self.directory, os.path.relpath(path, root))

    @property
    def config_path(self) -> Path | None:
        """The file of the release definition; None when --config is not given and none is in DIR or above it."""
        from pathlib import Path

        file = self._definition
        return Path(file) if file is not None else None

    @property
    def _definition(self) -> str | None:
        if self.config_file is not None:
            return self.config_file
        return find_upwards(self.directory, _find_definition)

    @property
    def _repository(self) -> str:
        """The git repository that DIR is in; DIR itself where it is in none."""
        return find_upwards(self.directory, _find_repository) or self.directory

    def find_repository(self) -> Path:
        """The git repository that DIR is in; DIR itself where it is in none."""
        from pathlib import Path

        return Path(self._repository)

    def get_workspace(self) -> Workspace:
        """The workspace that --workspace names, else the default one beside the release definition."""
        from pathlib import Path

        from altai_build.regular_files import resolve_links
        from altai_build.workspace import Workspace, default_workspace

        path = self.config_path
        beside = resolve_links(path).parent if path else Path(self._repository)
        root = Path(self.workspace_dir) if self.workspace_dir else default_workspace(beside)
        return Workspace(root.absolute())

    def open_log(self, *, echo: bool = False) -> RunLog:
        """The debug log of this run; `echo` also prints its events on stderr."""
        from altai_build.cli.runlog import RunLog

        if not self.logs:
            self.logs.append(RunLog(sys.argv[1:], echo=echo))
        return self.logs[0]

    def info(self, text: str) -> None:
        """Print a line on stderr, for verbs that need no run."""
        if not self.quiet:
            print(f"altai-build: {text}", file=sys.stderr)

    def warn(self, text: str) -> None:
        """Print a warning on stderr, for verbs that need no run."""
        from altai_build.tools.progress import ProgressReporter

        ProgressReporter(quiet=self.quiet).warn(text)

    def create_run(self, config: Config, *, dependants: str | None = None, builds: bool = True) -> Run:
        """The context of a run with this configuration; `dependants` overrides its rebuild policy.

        A run that builds, or removes buildroots, becomes root of a user namespace where the builder needs that, before
        there is any thread. Then raises InputError for a workspace of another user.
        """
        # modules stay loaded: exempt them from garbage collection, and start it for the work that follows
        gc.freeze()
        gc.enable()
        from altai_build.model.package_fingerprint import RebuildPolicy
        from altai_build.model.quantity import parse_size
        from altai_build.pipeline.run import Run, with_mock_dist
        from altai_build.tools.commands import may_mount
        from altai_build.tools.notices import on_notice
        from altai_build.tools.progress import ProgressReporter, may_animate

        workspace = self.get_workspace()
        cluster = self.get_cluster(config.cluster) if self.executor == "dask" else None
        if builds:
            from altai_build.pipeline.build.builders import makes_buildroots

            if self.executor == "local" and makes_buildroots(self.builder):
                workspace.require_own_buildroots()
        # Without the right to mount, as in a container, root needs that for each sandbox.
        if builds or (os.geteuid() == 0 and not may_mount()):
            self.become_root()
        log = self.open_log()
        log.attach(workspace)
        reporter = ProgressReporter(quiet=self.quiet, animate=not self.verbose, log=log.record)
        # A pipe or a CI job keeps what it gets.
        reporter.timestamps = not may_animate()
        on_notice(reporter.warn, reporter.info)
        return Run(
            config=with_mock_dist(config, workspace),
            workspace=workspace,
            jobs=self.jobs,
            builder=self.builder,
            executor=self.executor,
            cluster=cluster,
            reporter=reporter,
            dependants=RebuildPolicy(dependants) if dependants else None,
            max_download=int(parse_size(self.max_download)),
        )

    def create_building_run(self, config: Config, *, dependants: str | None = None) -> Run:
        """The context of a run whose packages are built where the options say.

        Raises UsageError, InputError, MissingToolError where no cluster can be used: not after all source packages.
        """
        if self.executor != "local":
            from altai_build.pipeline.build.executors import find_executor
            from altai_build.tools.dask.address import check_scheduler

            find_executor(self.executor)
            check_scheduler(self.get_cluster(config.cluster))
        return self.create_run(config, dependants=dependants)

    def build_here(self, verb: str) -> App:
        """The same options, for a verb that builds on this machine whatever `--executor` says."""
        if self.executor == "local":
            return self
        self.info(f"{verb} builds on this machine, not on workers")
        return self._replace(executor="local")

    def get_cluster(self, settings: ClusterSettings | None) -> ClusterSettings:
        """The settings of Dask, with what the command line says."""
        import dataclasses

        from altai_build.model.cluster import ClusterSettings

        settings = settings or ClusterSettings()
        return dataclasses.replace(
            settings,
            scheduler=self.scheduler or settings.scheduler,
            allows_insecure=self.insecure_scheduler,
        )

    def become_root(self) -> None:
        """Become root of a user namespace where the builder needs that; before there is any thread."""
        from altai_build.pipeline.build.builders import makes_buildroots
        from altai_build.tools.sandbox.user_namespace import become_root

        if makes_buildroots(self.builder):
            become_root()

    def create_reading_run(self, config: Config) -> Run:
        """The context for verbs that read releases: auditors may have a workspace that they cannot write, or none.

        They get a temporary one, which is removed when the verb ends. In a folder without repos.yaml nothing is left.
        """
        run = self.create_run(config, builds=False)
        is_visitor = config.file is None and self.workspace_dir is None and not run.workspace.root.exists()
        if not is_visitor and run.workspace.is_writable():
            return run
        import dataclasses

        import click

        from altai_build.tools.leftovers import temporary_directory
        from altai_build.workspace import Workspace

        folder = click.get_current_context().with_resource(temporary_directory("workspace"))
        if not is_visitor:
            run.reporter.info(
                f"cannot write to the workspace {run.workspace.root}: downloads and caches go to a temporary directory"
            )
        return dataclasses.replace(run, workspace=Workspace(folder))


def _find_definition(folder: str) -> str | None:
    file = os.path.join(folder, CONFIG_NAME)
    return file if os.path.exists(file) else None


def _find_repository(folder: str) -> str | None:
    """The folder where it is a repository, also a damaged one: that is an error, and not the repository around it."""
    from altai_build.tools.git.layout import git_directory

    return folder if os.path.lexists(os.path.join(folder, ".git")) or git_directory(folder) else None


def find_upwards(directory: str, find: Callable[[str], str | None]) -> str | None:
    """What `find` finds in a directory, else in the nearest one above it; None where there is nothing.

    Above the directory only what belongs to this user or to the owner of the directory counts, as for git: a definition
    is trusted, and anyone can write one into /tmp.
    """
    if found := find(directory):
        return found
    try:
        trusted = {os.geteuid(), os.stat(directory).st_uid}
        while (above := os.path.dirname(directory)) != directory:
            directory = above
            found = find(directory)
            if found and os.stat(found).st_uid in trusted:
                return found
    except PermissionError:
        # What is above a directory in which this user may not look is not for this user.
        return None
    return None


def change_directory(directory: str) -> None:
    """Change to the directory of -C: relative paths in other options and arguments start there."""
    try:
        os.chdir(directory)
        # Fails in a directory that was removed.
        os.getcwd()
    except OSError as error:
        here = directory == "."
        raise InputError(
            "cannot work in the current directory" if here else f"cannot change to the directory {directory}",
            why=f"{error.strerror}: it was removed, or this user may not enter it"
            if here
            else error.strerror or "",
            todo="change to another directory, or name the superproject's folder with -C DIR"
            if here
            else "name the superproject's folder with -C DIR",
        ) from error
