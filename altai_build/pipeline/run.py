"""What one run works with: configuration, superproject, workspace, ledger, story."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from altai_build.config import Config
from altai_build.ledger import Ledger
from altai_build.model.matter import Dependants
from altai_build.tools.progress import Story
from altai_build.tools.superproject import Superproject
from altai_build.workspace import Workspace


@dataclass(frozen=True)
class Run:
    """The context that pipelines pass down; nothing in it changes during a run but the ledger's content."""

    config: Config
    workspace: Workspace
    jobs: int
    builder: str  # auto, mock or chroot
    story: Story = field(default_factory=Story)
    dependants: Dependants | None = None  # what the command line says in place of build.dependants

    @cached_property
    def superproject(self) -> Superproject:
        """The superproject that the configuration names."""
        return Superproject(self.config.superproject.path, state=self.workspace.git)

    @cached_property
    def ledger(self) -> Ledger:
        """The records of earlier runs."""
        return Ledger(self.workspace.ledger)
