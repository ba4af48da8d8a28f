"""What is to be built, why, in which order, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from altai_build.model.limits import Limits

# What the folders of builds under way are called after.
BUILD_SCRATCH_PREFIX = "build"


class ComponentStatus(str, Enum):
    """What happened to a component in one step; the words of the command line's `status`."""

    BUILT = "built"
    REUSED = "reused"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    FAILED = "failed"


class FailureKind(str, Enum):
    """Which part of a build failed, so that the reader knows where to look."""

    BUILD = "build"  # the package's own scripts
    BUILDROOT = "buildroot"  # the chroot could not be made or prepared
    DEPENDENCIES = "dependencies"  # BuildRequires that nothing provides, or the package manager failed
    SRPM = "srpm"  # the source package is unusable
    BUSY = "busy"  # another process holds the chroot


@dataclass(frozen=True)
class BuildRequest:
    """One SRPM to be made into binary RPMs in a clean chroot."""

    component: str
    srpm: Path
    local_rpms: tuple[Path, ...]  # RPMs made earlier in this run that may be needed as build dependencies
    result_dir: Path  # exists and is empty; RPMs and logs are put here
    source_date_epoch: int
    jobs: int = 1  # what %_smp_mflags may use
    macros: tuple[tuple[str, str], ...] = ()  # for this build alone, over the target's
    # Not built: its %generate_buildrequires is run, and the package that is made requires what the build would.
    generate: bool = False


@dataclass(frozen=True)
class BuildOutcome:
    """What a builder made of one request; a failure is a result, not an exception."""

    failure: FailureKind | None
    rpms: tuple[Path, ...]  # binary RPMs in result_dir, sorted; empty on failure
    log: Path | None  # the log to read first
    reason: str  # "" on success; else the first real error line
    seconds: float
    buildroot: tuple[str, ...]  # "NEVRA sha256-of-header" of every package in the chroot, sorted


@dataclass(frozen=True)
class BuilderSettings:
    """What a builder is opened with besides its mock configuration."""

    workspace: Path  # a builder may have a folder of its own name here
    scratch: Path  # for builds under way; empty between runs
    roots: Path  # for chroots that outlive a run
    packages: Path  # the cache of downloaded RPMs
    macros: tuple[tuple[str, str], ...] = ()  # of the target, over those of the mock configuration
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class HostSupport:
    """What `doctor` reports about a builder that can run on this machine."""

    found: str
    todo: str = ""  # what would make it work better; "" when nothing would
