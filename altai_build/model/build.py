"""What a builder is asked for, what it made, and what became of a component."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altai_build.errors import BuildError
from altai_build.model.component_status import ComponentStatus
from altai_build.model.limits import Limits

if TYPE_CHECKING:
    from altai_build.model.package import LocalRpm


class BuildStep(str, Enum):
    """What a builder is to make of a source package; the value is the kind of the ledger's record."""

    # the binary packages
    PACKAGES = "build"
    # the list of what its spec requires there, where macros can have other values than where the package was made
    SPEC_REQUIRES = "spec-requires"
    # that list with what %generate_buildrequires prints
    GENERATED_REQUIRES = "requires"


# What a build prints, in its result directory; while it runs, too.
BUILD_LOG = "build.log"
# The kind of the ledger's record of a build that failed.
FAILURE_KIND = "failure"


class FailureKind(str, Enum):
    """Which part of a build failed: where to look for the cause."""

    BUILD = "build"  # the scripts of the package
    BUILDROOT = "buildroot"  # the chroot could not be created or prepared
    DEPENDENCIES = "dependencies"  # nothing provides a BuildRequires, or the package manager failed
    SRPM = "srpm"  # the source package is unusable
    BUSY = "busy"  # another process holds the chroot


@dataclass(frozen=True)
class BuildRequest:
    """One source package to build into binary packages in a clean chroot."""

    component: str
    srpm: Path
    local_rpms: tuple[Path, ...]  # RPMs built earlier in this run that may be needed as build dependencies
    result_dir: Path  # exists and is empty; the builder puts RPMs and logs here
    source_date_epoch: int
    jobs: int = 1  # processors that the build may use (%_smp_mflags)
    macros: tuple[tuple[str, str], ...] = ()  # for this build alone, over the target's
    # For a list, the builder makes a source package whose header has it.
    step: BuildStep = BuildStep.PACKAGES
    # Of an earlier build of the component that succeeded: what it printed too stops no build.
    good_log: Path | None = None


@dataclass(frozen=True)
class BuildOutcome:
    """What a builder made of one request; a failed build is a result, not an exception."""

    failure: FailureKind | None
    rpms: tuple[Path, ...]  # binary RPMs in result_dir, sorted; empty on failure
    log: Path | None  # the log to read first
    reason: str  # "" on success; else what went wrong, in one line
    seconds: float
    buildroot: tuple[str, ...]  # "NEVRA sha256-of-header" of every package in the chroot, sorted
    causes: tuple[str, ...] = ()  # lines of the logs that say why, the most telling first; none on success
    # Of a failure: the scripts of the package failed, and neither a limit nor the machine ended them or made them fail.
    is_conclusive: bool = False


@dataclass(frozen=True)
class BuildResult:
    """What became of one component in a run."""

    component: str
    commit: str
    status: ComponentStatus
    reason: str
    srpm: Path | None = None  # the source package that it was built from; None where there is none
    rpms: tuple[LocalRpm, ...] = ()  # binary packages, in the workspace
    log: Path | None = None
    seconds: float = 0.0
    started: float | None = None  # by this process's monotonic clock, in seconds; None: not built in this run
    key: str = ""  # of the build that its packages came from
    buildroot: tuple[str, ...] = ()  # `NEVRA algorithm:digest` of every package in the chroot, sorted
    failure: FailureKind | None = None
    causes: tuple[str, ...] = ()  # lines of its logs that say why it failed, the most telling first
    exit_code: int = BuildError.exit_code  # of a run in which this failed
    is_known_failure: bool = False  # not built, because a build of the same inputs has failed
    is_conclusive: bool = False  # of a failure: as `BuildOutcome.is_conclusive`

    def list_causes(self) -> list[str]:
        """The lines that say why it failed, the most telling first; none of one that did not fail."""
        failed = self.status is ComponentStatus.FAILED
        return list(self.causes or self.reason.splitlines()) if failed else []

    def describe_failure(self) -> str:
        """Why it failed, in several lines: the reason, and what the log says besides it."""
        return "\n".join((self.reason, *self.list_other_causes()))

    def list_other_causes(self) -> list[str]:
        """What the log says besides the reason."""
        return [line for line in self.causes if line not in self.reason]


@dataclass(frozen=True)
class BuilderSettings:
    """What a builder is opened with besides its mock configuration."""

    workspace: Path  # a builder may have a folder of its own name here
    scratch: Path  # for builds under way; empty between runs
    roots: Path  # for chroots that outlive a run
    packages: Path  # the cache of downloaded RPMs
    macros: tuple[tuple[str, str], ...] = ()  # of the target, over those of the mock configuration
    limits: Limits = field(default_factory=Limits)
    # Packages of a buildroot → their verified files. None: they come from their repositories.
    fetch_packages: Callable[[Sequence[Any]], list[Path]] | None = None


@dataclass(frozen=True)
class HostSupport:
    """What `doctor` reports about a builder that can run on this machine."""

    found: str
    todo: str = ""  # what would make it work better; "" when nothing would
