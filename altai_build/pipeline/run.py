"""What one run works with: configuration, superproject, workspace, ledger, progress output."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from altai_build.errors import InputError, MissingToolError
from altai_build.tools.progress import ProgressReporter

if TYPE_CHECKING:
    from altai_build.config import Config
    from altai_build.ledger import Ledger
    from altai_build.model.cluster import ClusterSettings
    from altai_build.model.lock import Lock
    from altai_build.model.package_fingerprint import RebuildPolicy
    from altai_build.tools.git.superproject import Superproject
    from altai_build.workspace import Workspace


def with_mock_dist(config: Config, workspace: Workspace) -> Config:
    """The configuration with `dist` of the mock configuration for each target whose `macros` do not set it.

    Otherwise source packages would be named without the dist that binary packages get. A target whose mock
    configuration is not on this machine stays as it is: `srpm` and `plan` do without it, and a build refuses.
    """
    lacking = [target for target in config.targets.values() if "dist" not in dict(target.macros)]
    if not lacking:
        return config
    # Slow to load, and seldom needed here.
    from altai_build.tools.mock.config import read_config

    # Nothing is written for a command that only reads.
    cache = workspace.mock_configs if workspace.root.is_dir() else None
    targets = dict(config.targets)
    for target in lacking:
        try:
            mock = read_config(target.mock_config, search=config.mock_config_directories, cache=cache)
        except (InputError, MissingToolError):
            continue
        dist = [(name, value) for name, value in mock.macros if name == "dist"]
        targets[target.name] = replace(target, macros=(*target.macros, *dist))
    return replace(config, targets=targets)


@dataclass(frozen=True)
class Run:
    """The context that pipelines pass down. Only the content of the ledger changes during a run.

    What it opens on first use it also imports then: commands that read releases need neither git nor the ledger.
    """

    config: Config
    workspace: Workspace
    jobs: int
    builder: str  # auto, mock or chroot
    executor: str = "local"  # where builders run: local or dask
    cluster: ClusterSettings | None = None  # of the executor dask
    reporter: ProgressReporter = field(default_factory=ProgressReporter)
    dependants: RebuildPolicy | None = None  # of the command line, overrides build.dependants
    max_download: int = 16 << 30  # bytes of releases at a URL

    def lock(self, *, wait: float = 0.0) -> AbstractContextManager[None]:
        """Hold the workspace's lock for a block; prints for whom it waits."""
        return self.workspace.lock(wait=wait, announce=self.reporter.warn)

    @cached_property
    def superproject(self) -> Superproject:
        """The superproject that the configuration names."""
        from altai_build.tools.git.superproject import Superproject

        return Superproject(self.config.superproject.path, state=self.workspace.git)

    @cached_property
    def known_lock(self) -> Lock | None:
        """The lock beside repos.yaml; None when there is none. Raises InputError for one that cannot be read."""
        from altai_build.config.lockfile import load_lock
        from altai_build.model.lock import LOCK_FILE_NAME

        path = self.config.root / LOCK_FILE_NAME
        return load_lock(path) if path.exists() else None

    def with_config(self, config: Config) -> Run:
        """The same run by another definition; it shares the records of earlier runs, which are read once."""
        other = replace(self, config=config)
        other.__dict__["ledger"] = self.ledger
        return other

    @cached_property
    def ledger(self) -> Ledger:
        """The records of earlier runs."""
        from altai_build.ledger import Ledger

        return Ledger(self.workspace.ledger)
