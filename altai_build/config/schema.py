"""The records of repos.yaml, with the names of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.compat import Compat, build_macros
from altai_build.model.connection import USUAL_CONNECTION, ConnectionSettings
from altai_build.model.limits import Limits
from altai_build.model.package_fingerprint import RebuildPolicy
from altai_build.model.quantity import format_count

if TYPE_CHECKING:
    from datetime import date

    from altai_build.config.superproject import SuperprojectSettings
    from altai_build.config.unit_tests import TestSettings
    from altai_build.model.cluster import ClusterSettings
    from altai_build.model.findings import Waiver
    from altai_build.model.sources import SourceChoice
    from altai_build.model.upgrade import AllowedDowngrade, Profile

DEFAULT_STAMP = "{release}.{count}.g{commit}"


class SourceKind(str, Enum):
    """Where the packages of a repository come from."""

    # built from the components of the superproject
    SUPERPROJECT = "superproject"
    # built from third-party sources, one folder with a spec per package
    SPECS = "specs"
    # copied unchanged, with their signatures, from another repository
    MIRROR = "mirror"


class MirrorListKind(str, Enum):
    """The kind of mirror list that a URL names, where it does not name the repository itself; a key of repos.yaml."""

    # one URL per line
    MIRRORLIST = "mirrorlist"
    # XML with URLs and the checksums of repomd.xml
    METALINK = "metalink"


@dataclass(frozen=True)
class BaseRepository:
    """A repository of the operating system, which clients have before they add a release.

    `url` is the repository's own, or the URL of a list of its mirrors: `listing` says which kind of list.
    """

    name: str
    url: str
    key: str
    listing: MirrorListKind | None = None
    connection: ConnectionSettings = USUAL_CONNECTION


@dataclass(frozen=True)
class Target:
    """What packages are built for: distribution, architecture, mock configuration. `compat`: what clients can read."""

    name: str
    mock_config: str
    arch: str
    macros: tuple[tuple[str, str], ...]
    base: tuple[BaseRepository, ...]
    compat: Compat
    # The path of a folder with files of its /usr/lib/rpm: specs are read with them in place of this machine's.
    macro_files: str = ""

    @property
    def build_macros(self) -> tuple[tuple[str, str], ...]:
        """The macros of builds: those that `compat` needs, overridden by `macros`."""
        return tuple({**dict(build_macros(self.compat)), **dict(self.macros)}.items())


@dataclass(frozen=True)
class Key:
    """The public key of a repository's packages.

    `is_signing_key`: the secret key is in the keyring here. `replaces` names the key that this one replaces; clients
    get both.
    """

    name: str
    file: Path
    is_signing_key: bool
    replaces: str | None = None


@dataclass(frozen=True)
class Repository:
    """One directory of a release.

    For SPECS: `path` is the folder with one folder per package.
    For SUPERPROJECT and SPECS: `source_rpms` is the repository that the source packages go to.
    For MIRROR: `url` and `listing` as in BaseRepository; `packages` are the names to take, None means what the release
    needs; `prefer` and `exclude` are patterns of names: chosen where several packages would do, and never taken;
    `modules` are the streams of modules to use in place of the default ones; `weak`: take recommended packages too;
    `connection` is how its servers are reached.
    """

    name: str
    source: SourceKind
    target: str
    key: str
    path: Path | None = None
    source_rpms: str | None = None
    url: str | None = None
    listing: MirrorListKind | None = None
    packages: tuple[str, ...] | None = None
    prefer: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    # Module, stream.
    modules: tuple[tuple[str, str], ...] = ()
    weak: bool = False
    connection: ConnectionSettings = USUAL_CONNECTION


@dataclass(frozen=True)
class Bootstrap:
    """The build that breaks a dependency cycle: %bcond names to switch on (`with_`) and off (`without`), and macros."""

    with_: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    macros: tuple[tuple[str, str], ...] = ()

    @property
    def all_macros(self) -> dict[str, str]:
        """The macros that `rpmbuild --with` and `--without` define, and `macros`."""
        switches = {f"_with_{name}": f"--with-{name}" for name in self.with_}
        switches.update({f"_without_{name}": f"--without-{name}" for name in self.without})
        return {**switches, **dict(self.macros)}


@dataclass(frozen=True)
class ComponentSettings:
    """What cannot be derived about one component.

    `sources` are the generated sources: file name and template of the content. `specs` are the spec files to use where
    the search finds the wrong ones. `skip` is the reason not to build it. `source` says what the archive is that its
    spec unpacks, where the commit does not say it. `exclude_submodules` are patterns of the paths of its own submodules
    that the archive of its repository does not need. `macros` are over those of the target. `test` says how its unit
    tests are run.
    """

    name: str
    sources: tuple[tuple[str, str], ...] = ()
    specs: tuple[str, ...] = ()
    repository: str | None = None
    skip: str | None = None
    bootstrap: Bootstrap | None = None
    source: SourceChoice | None = None
    exclude_submodules: tuple[str, ...] = ()
    macros: tuple[tuple[str, str], ...] = ()
    test: TestSettings | None = None


@dataclass(frozen=True)
class ApprovalSettings:
    """Who approves a release: names in `keys`, and how many different ones are needed."""

    keys: tuple[str, ...]
    needed: int


@dataclass(frozen=True)
class ReleaseSettings:
    """Where releases are stored, the URL where clients find them, and the template of the Release: field.

    `mirrors` are URLs of copies, which metalinks name before `baseurl`. `channel` or `rings` say what packages follow
    that carry the .repo file of a channel; `rings` are channels with the percentage of machines for each and earlier
    ones.
    `expected_by` is when the next release is expected: seconds after the commit's time, or the last day; None: never.
    `approvals` is None where nobody has to approve a release.
    """

    directory: Path
    baseurl: str
    stamp: str
    expected_by: float | date | None = None
    approvals: ApprovalSettings | None = None
    mirrors: tuple[str, ...] = ()
    channel: str | None = None
    rings: tuple[tuple[str, int], ...] = ()

    @property
    def follows_channel(self) -> bool:
        """True where `{channel}` has a meaning."""
        return self.channel is not None or bool(self.rings)


@dataclass(frozen=True)
class VerifySettings:
    """The settings of the rules of `verify`: a key that expires within the horizon is a finding."""

    expiry_horizon_days: int = 90


@dataclass(frozen=True)
class CiSettings:
    """The settings of `ci`: the name of the key that signs topic repositories; None: they are not signed."""

    key: str | None = None


@dataclass(frozen=True)
class Config:
    """The whole of repos.yaml; every name in it is checked to exist.

    `file` is None where there is no repos.yaml. Relative paths start at `root`. `limits` are those of each build.
    """

    project: str
    file: Path | None
    root: Path
    superproject: SuperprojectSettings
    targets: Mapping[str, Target] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    repositories: Mapping[str, Repository] = field(default_factory=dict)
    components: Mapping[str, ComponentSettings] = field(default_factory=dict)
    release: ReleaseSettings | None = None
    verify: VerifySettings = VerifySettings()
    waivers: tuple[Waiver, ...] = ()
    dependants: RebuildPolicy = RebuildPolicy.REBUILD
    limits: Limits = field(default_factory=Limits)
    profiles: tuple[Profile, ...] = ()
    allow_downgrades: tuple[AllowedDowngrade, ...] = ()
    ci: CiSettings = CiSettings()
    test: TestSettings | None = None  # what counts for all components that say nothing else
    cluster: ClusterSettings | None = None  # `dask`

    @property
    def stamp(self) -> str:
        """The template of the Release: field."""
        return self.release.stamp if self.release else DEFAULT_STAMP

    def get_release_settings(self) -> ReleaseSettings:
        """The `release` part of repos.yaml. Raises InputError where there is no repos.yaml."""
        if self.release is None:
            raise InputError("there is no release definition", todo="write repos.yaml (docs/repos-yaml.md)")
        return self.release

    def get_target(self) -> Target:
        """The target of all repositories. Raises InputError where there is none, or more than one."""
        names = sorted({repository.target for repository in self.repositories.values()})
        if len(names) != 1:
            raise InputError(
                f"the repositories are for {format_count(len(names), 'target')}: {', '.join(names) or 'none'}",
                why="a release is installed on one distribution",
                todo="write one repos.yaml for each target",
            )
        return self.targets[names[0]]

    def get_target_macros(self, repository: str | None) -> tuple[dict[str, str], str]:
        """The macros and the architecture of a repository's target; none and x86_64 where nothing is configured."""
        if repository is None:
            return {}, "x86_64"
        target = self.targets[self.repositories[repository].target]
        return dict(target.macros), target.arch

    def get_macro_files(self, repository: str | None) -> Path | None:
        """The folder of macro files of a repository's target, where there is one."""
        if repository is None:
            return None
        path = self.targets[self.repositories[repository].target].macro_files
        return self.root / path if path else None

    def get_component_macros(
        self, name: str, path: str, repository: str | None
    ) -> tuple[dict[str, str], str]:
        """The macros that a component's spec is read with, those of its target and its own, and the architecture."""
        macros, arch = self.get_target_macros(repository)
        settings = self.find_component(name, path)
        return {**macros, **dict(settings.macros if settings else ())}, arch

    def find_component(self, name: str, path: str) -> ComponentSettings | None:
        """The settings of the component with this name and path.

        They may stand under either, or under the last part of the path, which is the name of its repository: they are
        for all components of that repository that have none of their own.
        """
        keys = (name, path, path.rpartition("/")[2])
        return next((self.components[key] for key in keys if key in self.components), None)

    def get_related_keys(self, key: str) -> tuple[str, ...]:
        """The other keys that clients of a key's repositories need: those that it replaces, then its successors."""
        older: list[str] = []
        newer: list[str] = []
        current = self.keys[key].replaces
        while current is not None:
            older.append(current)
            current = self.keys[current].replaces
        successors = {other.replaces: name for name, other in self.keys.items() if other.replaces is not None}
        successor = successors.get(key)
        while successor is not None:
            newer.append(successor)
            successor = successors.get(successor)
        return (*older, *newer)

    @property
    def signing_key(self) -> str:
        """The name of the key that signs metadata: that of the first repository whose packages are built here."""
        return next(
            repository.key
            for repository in self.repositories.values()
            if repository.source is not SourceKind.MIRROR
        )

    def list_client_keys(self) -> dict[str, tuple[str, ...]]:
        """Repository → the names of the keys that clients need for its packages and metadata."""
        metadata_keys = self.list_release_keys()
        return {
            name: tuple(
                dict.fromkeys((repository.key, *self.get_related_keys(repository.key), *metadata_keys))
            )
            for name, repository in self.repositories.items()
        }

    def list_release_keys(self) -> tuple[str, ...]:
        """The names of the key that signs releases, and of those that it replaces or that are to replace it."""
        return (self.signing_key, *self.get_related_keys(self.signing_key))

    def list_all_client_keys(self) -> tuple[str, ...]:
        """The names of all keys that clients need, the one that signs releases first."""
        listed = (name for names in self.list_client_keys().values() for name in names)
        return tuple(dict.fromkeys((self.signing_key, *listed)))

    @property
    def mock_config_directories(self) -> tuple[Path, ...]:
        """The folders searched for a mock configuration, in order."""
        return (self.root / "mock-configs", Path("/etc/mock"))

    def find_repository(self, source: SourceKind) -> Repository | None:
        """The first repository with this source, or None."""
        return next(
            (repository for repository in self.repositories.values() if repository.source is source), None
        )
