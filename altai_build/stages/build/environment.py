"""What components of one target are built with, and one component's build."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from altai_build.config import Target
from altai_build.model.build import BuilderSettings
from altai_build.model.package import LocalRpm, RpmHeader
from altai_build.model.package_fingerprint import RebuildPolicy
from altai_build.tools.builder import Builder
from altai_build.tools.chroot.resolver import BuildrootResolver
from altai_build.tools.mock.config import MockConfig


@dataclass(frozen=True)
class BuilderDefinition:
    """All that it takes to open a builder, in this process or another, as plain values."""

    builder: str  # its name
    config: MockConfig
    settings: BuilderSettings


@dataclass(frozen=True)
class BuildEnvironment:
    """What a target is built with: its mock configuration, the resolver over its repositories, a builder."""

    target: Target
    definition: BuilderDefinition
    resolver: BuildrootResolver
    builder: Builder
    policy: RebuildPolicy = RebuildPolicy.REBUILD


@dataclass(frozen=True)
class ComponentBuild:
    """One component's build: its source package, and the packages of this run that may be installed for it."""

    component: str
    commit: str
    srpm: Path
    srpm_sha256: str
    header: RpmHeader  # of the source package
    local: tuple[LocalRpm, ...]
    cpus: int  # processors that the build may use
    macros: tuple[tuple[str, str], ...] = ()  # of a declared bootstrap, over the target's
    released_log: Path | None = None  # of the component's packages in the latest release
    last_key: str = ""  # of the build that the component's packages came from last; "" where it is not known
