"""The records of repos.yaml, by the names its keys have there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from altai_build.config.place import SuperprojectSettings
from altai_build.model.compat import build_macros
from altai_build.model.findings import Waiver
from altai_build.model.fingerprint import RebuildPolicy
from altai_build.model.limits import Limits
from altai_build.model.release import Compat
from altai_build.model.upgrade import AllowedDowngrade, Profile

DEFAULT_STAMP = "{release}.{count}.g{commit}"


class Source(str, Enum):
    """Where the packages of a repository come from."""

    SUPERPROJECT = "superproject"  # the components of the superproject
    SPECS = "specs"  # third-party packages, one folder of specs/ each
    MIRROR = "mirror"  # taken from somebody else's repository, signatures and all


class Listing(str, Enum):
    """What an upstream URL leads to where it is not the repository itself; the key of repos.yaml that says so."""

    MIRRORLIST = "mirrorlist"  # a URL a line
    METALINK = "metalink"  # the same with the checksums of repomd.xml


@dataclass(frozen=True)
class BaseRepository:
    """A repository of the operating system itself: what clients have before our release."""

    name: str
    url: str  # of the repository, or of the list of its mirrors
    key: str
    listing: Listing | None = None


@dataclass(frozen=True)
class Target:
    """What packages are built for: distribution, architecture, mock configuration."""

    name: str
    mock_config: str
    arch: str
    macros: tuple[tuple[str, str], ...]
    base: tuple[BaseRepository, ...]
    compat: Compat  # what clients can read

    @property
    def build_macros(self) -> tuple[tuple[str, str], ...]:
        """The macros of builds: what the clients need, and `macros` over it."""
        return tuple({**dict(build_macros(self.compat)), **dict(self.macros)}.items())


@dataclass(frozen=True)
class Key:
    """A public key file that signs a repository's packages; `signs`: we hold its secret half."""

    name: str
    file: Path
    signs: bool
    replaces: str | None = None  # the key whose successor this one is; clients get both


@dataclass(frozen=True)
class Repository:
    """One directory of a release."""

    name: str
    source: Source
    target: str
    key: str
    path: Path | None = None  # specs: the folder with one folder per package
    source_rpms: str | None = None  # where the source RPMs of this repository go
    url: str | None = None  # mirror: the upstream repository, or the list of its mirrors
    listing: Listing | None = None  # mirror: which list that is
    packages: tuple[str, ...] | None = None  # mirror: names to take; None means computed ("needed")
    prefer: tuple[str, ...] = ()  # mirror: patterns of names, to be taken where several packages would do
    exclude: tuple[str, ...] = ()  # mirror: patterns of names, not to be taken at all
    weak: bool = False  # mirror: take what is only recommended too


@dataclass(frozen=True)
class Bootstrap:
    """How a component is built the first time, without those that need it: `with_` are %bcond names to switch on."""

    with_: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    macros: tuple[tuple[str, str], ...] = ()

    @property
    def all_macros(self) -> dict[str, str]:
        """What `rpmbuild --with` and `--without` define, and the macros."""
        switches = {f"_with_{name}": f"--with-{name}" for name in self.with_}
        switches.update({f"_without_{name}": f"--without-{name}" for name in self.without})
        return {**switches, **dict(self.macros)}


@dataclass(frozen=True)
class ComponentSettings:
    """What cannot be derived about one component."""

    name: str
    sources: tuple[tuple[str, str], ...] = ()  # generated SourceN: file name, template of its content
    specs: tuple[str, ...] = ()  # spec files to use, where the rule of places finds the wrong ones
    repository: str | None = None
    skip: str | None = None  # a reason not to build it
    bootstrap: Bootstrap | None = None  # the first pass, where build dependencies go round in a circle


@dataclass(frozen=True)
class ReleaseSettings:
    """Where releases go, how clients reach them, and how Release: is stamped."""

    directory: Path
    baseurl: str
    stamp: str


@dataclass(frozen=True)
class VerifySettings:
    """What of the rules of `verify` can be set."""

    expiry_horizon_days: int = 90  # a key that expires within so many days is a finding


@dataclass(frozen=True)
class Config:
    """The whole of repos.yaml; every name in it has been checked to exist."""

    project: str
    file: Path | None  # None: defaults, no repos.yaml was found
    root: Path  # relative paths in the file start here
    superproject: SuperprojectSettings
    targets: Mapping[str, Target] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    repositories: Mapping[str, Repository] = field(default_factory=dict)
    components: Mapping[str, ComponentSettings] = field(default_factory=dict)
    release: ReleaseSettings | None = None
    verify: VerifySettings = VerifySettings()
    waivers: tuple[Waiver, ...] = ()
    dependants: RebuildPolicy = RebuildPolicy.REBUILD
    limits: Limits = field(default_factory=Limits)  # of each build
    profiles: tuple[Profile, ...] = ()
    allow_downgrades: tuple[AllowedDowngrade, ...] = ()

    @property
    def stamp(self) -> str:
        """How Release: is written."""
        return self.release.stamp if self.release else DEFAULT_STAMP

    def get_target_macros(self, repository: str | None) -> tuple[dict[str, str], str]:
        """Macros and architecture of a release repository's target; none and x86_64 where nothing is configured."""
        if repository is None:
            return {}, "x86_64"
        target = self.targets[self.repositories[repository].target]
        return dict(target.macros), target.arch

    def succession(self, key: str) -> tuple[str, ...]:
        """The other keys that clients of a key's repositories need: those it replaces, then those that replace it."""
        older, newer = [], []
        at = self.keys[key].replaces
        while at is not None:
            older.append(at)
            at = self.keys[at].replaces
        following = {one.replaces: name for name, one in self.keys.items() if one.replaces is not None}
        after = following.get(key)
        while after is not None:
            newer.append(after)
            after = following.get(after)
        return (*older, *newer)

    @property
    def mock_config_directories(self) -> tuple[Path, ...]:
        """Where a mock configuration is looked for, in order."""
        return (self.root / "mock-configs", Path("/etc/mock"))

    def find_repository(self, source: Source) -> Repository | None:
        """The first repository with this source, or None."""
        return next((one for one in self.repositories.values() if one.source is source), None)
