"""Source packages: one in the workspace, and what became of each component's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from altai_build.model.component_status import ComponentStatus

if TYPE_CHECKING:
    from pathlib import Path

    from altai_build.errors import AltaiError
    from altai_build.model.gitlink import CommitId

# Part of every source package's key: raise it when the same inputs would give other bytes than before.
SRPM_RECIPE_VERSION = "10"


@dataclass(frozen=True)
class Srpm:
    """A source package in the workspace; `reused` when an earlier run made it from the same inputs."""

    path: Path
    sha256: str
    nevra: str
    # The digest of its inputs.
    key: str
    reused: bool


@dataclass(frozen=True)
class SrpmResult:
    """What became of the source package of one component.

    Without a package and without an error the component is skipped, for a `reason` of its own.
    """

    component: str
    commit: CommitId
    reason: str
    srpm: Srpm | None = None
    error: AltaiError | None = None

    @property
    def status(self) -> ComponentStatus:
        """Failed, skipped, reused or built."""
        if self.srpm is None:
            return ComponentStatus.SKIPPED if self.error is None else ComponentStatus.FAILED
        return ComponentStatus.REUSED if self.srpm.reused else ComponentStatus.BUILT

    @property
    def exit_code(self) -> int:
        """0, or that of the error."""
        return 0 if self.error is None else self.error.exit_code
