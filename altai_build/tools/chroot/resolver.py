"""Which packages a build installs: buildroots resolved from the repositories of a mock configuration."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import DistrustedError, InputError
from altai_build.model.connection import ConnectionSettings
from altai_build.model.package import LocalRpm
from altai_build.tools import process
from altai_build.tools.http import download
from altai_build.tools.http.transfer import is_html
from altai_build.tools.repo.groups import read_group
from altai_build.tools.repo.metadata import (
    RepositoryMetadata,
    RepositorySource,
    fetch_metadata,
)
from altai_build.tools.repo.mirrors import Mirrors, read_mirrors
from altai_build.tools.sandbox.user_namespace import has_one_id
from altai_build.tools.solver.names import OneOf, find_by_exact_name, find_named_packages
from altai_build.tools.solver.pool import PackagePool, ResolvedPackage, list_solver_versions
from altai_build.tools.solver.resolve import Unsatisfiable, resolve_requirements
from altai_build.tools.url import path_from_file_url, without_password

if TYPE_CHECKING:
    from altai_build.tools.mock.config import MockConfig
    from altai_build.tools.repo.dnfconf import RepoSection


# Part of every buildroot's key: raise it when the same packages result in another buildroot than before.
_ROOT_FORMAT_VERSION = "1"
# Bytes.
_MAX_KEY_SIZE = 1 << 20
# Answers that are kept; each names some hundred packages.
_MAX_BUILDROOTS = 4096
# Of dnf. What they ask for is done anyway, or concerns a machine that has packages already.
_OPTIONS_WITHOUT_EFFECT = frozenset({
    "-y", "--assumeyes", "-q", "--quiet", "-v", "--verbose", "-b", "--best", "--nobest", "--allowerasing", "--refresh",
    "--nogpgcheck", "--noplugins", "--setopt=install_weak_deps=0", "--setopt=install_weak_deps=False",
    "--setopt=install_weak_deps=false",
})  # fmt: skip
_INSTALL_VERBS = ("install", "groupinstall", "group", "update", "upgrade")


@dataclass(frozen=True)
class Buildroot:
    """The exact packages of one buildroot: the base, which all builds share, and what this build needs in addition."""

    base: tuple[ResolvedPackage, ...]
    extra: tuple[ResolvedPackage, ...]
    nodocs: bool = False  # rpm leaves their documentation out
    directories: tuple[str, ...] = ()  # paths of further directories (extra_chroot_dirs)
    files: tuple[tuple[str, str], ...] = ()  # paths and texts of files, where no package has one

    @property
    def lines(self) -> tuple[str, ...]:
        """`NEVRA algorithm:digest` of every package, sorted."""
        return tuple(sorted(package.line for package in (*self.base, *self.extra)))

    @property
    def base_cache_key(self) -> str:
        """The name of the base directory: a digest of everything in it, and of how it was installed."""
        how = [f"recipe {_ROOT_FORMAT_VERSION}", host_rpm_version(), "nodocs" if self.nodocs else ""]
        how += ["one id"] if has_one_id() else []
        how += [f"directory {path!r}" for path in self.directories]
        how += [f"file {path!r} {text!r}" for path, text in self.files]
        return _hash_lines([*how, *(package.line for package in self.base)])

    @property
    def extra_cache_key(self) -> str:
        """The same for the layer over it."""
        return _hash_lines([self.base_cache_key, *(package.line for package in self.extra)])


class BuildrootResolver:
    """Finds the packages that a build installs, in the repositories of a mock configuration."""

    def __init__(self, config: MockConfig, *, cache: Path) -> None:
        self.config = config
        self._cache = cache
        # Of one lookup of a build, and often of several, most questions are the same.
        self._buildroots: dict[tuple[object, ...], Buildroot] = {}
        # The last pool, with the local packages in it.
        self._pool: tuple[tuple[object, ...], PackagePool] | None = None
        self._lock = threading.Lock()

    @cached_property
    def metadata(self) -> tuple[RepositoryMetadata, ...]:
        """The current metadata of every enabled repository. Raises InputError when one cannot be used."""
        found = []
        for section in self.config.repositories:
            if not section.enabled:
                continue
            try:
                source = section_to_source(section, self._cache, dict(self.config.variables))
                found.append(fetch_metadata(source, self._cache / "metadata"))
            except DistrustedError:
                # It is there: that is not what skip_if_unavailable is about.
                raise
            except InputError:
                if not section.skip_if_unavailable:
                    raise
        if not found:
            raise make_no_repository_error(self.config.name)
        return tuple(found)

    @cached_property
    def base(self) -> tuple[ResolvedPackage, ...]:
        """The packages that chroot_setup_cmd installs, with all they require."""
        pool = self._make_pool(())
        try:
            return resolve_requirements(pool, self._list_setup_requirements(pool))
        except Unsatisfiable as error:
            raise InputError(
                f"cannot install the base buildroot of {self.config.name}",
                why="\n".join(error.problems),
                todo="check chroot_setup_cmd and the repositories of the mock configuration",
            ) from error

    @cached_property
    def fingerprint(self) -> str | None:
        """A digest of all that answers depend on besides the question; None where metadata has no checksums."""
        parts: list[object] = [self.config.digest, list_solver_versions(), host_rpm_version()]
        parts += [package.line for package in self.base]
        for metadata in self.metadata:
            source = metadata.source
            parts.append((source.name, source.priority, source.cost, source.exclude, source.include))
            parts.append((source.modules, source.module_hotfixes))
            for file in (metadata.primary, metadata.filelists, metadata.groups, metadata.modules):
                if file is not None and file.entry.checksum is None:
                    return None
                parts.append(str(file.entry.checksum) if file is not None else None)
        return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogateescape")).hexdigest()

    @property
    def base_buildroot(self) -> Buildroot:
        """The base as a buildroot; every other buildroot adds packages to it."""
        nodocs = "nodocs" in dict(self.config.main).get("tsflags", "")
        return Buildroot(
            base=self.base,
            extra=(),
            nodocs=nodocs,
            directories=self.config.extra_chroot_dirs,
            files=self.config.extra_files,
        )

    def resolve_build_requires(
        self, build_requires: Sequence[str], local: Sequence[LocalRpm] = ()
    ) -> Buildroot:
        """The buildroot for BuildRequires, and for BuildConflicts after a `!`. Raises Unsatisfiable.

        The metadata is read once, so the same question always has the same answer.
        """
        packages = tuple((rpm.path, rpm.sha256) for rpm in local)
        question = (packages, *build_requires)
        with self._lock:
            if question not in self._buildroots:
                if len(self._buildroots) >= _MAX_BUILDROOTS:
                    self._buildroots.clear()
                self._buildroots[question] = self._resolve(build_requires, local, packages)
            return self._buildroots[question]

    def list_provided(self, requirements: Iterable[str], local: Sequence[LocalRpm] = ()) -> frozenset[str]:
        """Those of the requirements that a package of the repositories, or of the local ones, provides."""
        with self._lock:
            pool = self._make_pool(local)
            return frozenset(text for text in requirements if pool.has_provider(text))

    def _resolve(
        self, build_requires: Sequence[str], local: Sequence[LocalRpm], packages: tuple[object, ...]
    ) -> Buildroot:
        base = self.base
        pool = self._pool[1] if self._pool is not None and self._pool[0] == packages else None
        # With file lists it might answer otherwise than one that has not needed them.
        if pool is None or pool.has_filelists:
            pool = self._make_pool(local)
            self._pool = packages, pool
        try:
            chosen = resolve_requirements(pool, build_requires, base=[package.nevra for package in base])
        except Unsatisfiable as error:
            conflicts = [text[1:] for text in build_requires if text.startswith("!")]
            notes = [f"BuildConflicts: {conflict}" for conflict in conflicts]
            raise Unsatisfiable([*error.problems, *notes]) from error
        in_base = {package.nevra for package in base}
        extra = tuple(package for package in chosen if package.nevra not in in_base)
        return replace(self.base_buildroot, extra=extra)

    def _make_pool(self, local: Sequence[LocalRpm]) -> PackagePool:
        pool = PackagePool(self.config.target_arch, cache=self._cache / "solv")
        for metadata in self.metadata:
            pool.add_repository(metadata)
        for rpm in local:
            pool.add_local(rpm.path, rpm.header, digest=rpm.sha256)
        return pool

    def _list_setup_requirements(self, pool: PackagePool) -> list[str | OneOf]:
        verb, *words = self.config.chroot_setup_cmd
        if verb not in _INSTALL_VERBS:
            raise InputError(
                f"chroot_setup_cmd of {self.config.name} begins with {verb!r}",
                todo=f"begin it with one of {', '.join(_INSTALL_VERBS)}",
            )
        words = [*words, *self.config.additional_packages]
        self._reject_options([word for word in words if word.startswith("-")])
        found: list[str | OneOf] = []
        for word in words:
            # The second word of `group install`.
            if word.startswith("-") or word == "install":
                continue
            if word.startswith("@") or verb in ("groupinstall", "group"):
                found += self._list_group_requirements(pool, word.lstrip("@"))
            else:
                # What is no name may be a file, or something that packages provide.
                found += find_named_packages(pool, word) or [word]
        return found

    def _reject_options(self, options: Iterable[str]) -> None:
        """Raise InputError for options of dnf that could change which packages are installed."""
        unknown = [option for option in options if option not in _OPTIONS_WITHOUT_EFFECT]
        if unknown:
            raise InputError(
                f"chroot_setup_cmd of {self.config.name} has options that are not supported: {' '.join(unknown)}",
                todo="write them into config_opts['dnf.conf']: exclude=, enabled=0 or priority= of repositories",
            )

    def _list_group_requirements(self, pool: PackagePool, name: str) -> list[str | OneOf]:
        """What installing a group means: as in dnf, packages that no repository has are left out."""
        groups = [
            read_group(metadata.groups, name) for metadata in self.metadata if metadata.groups is not None
        ]
        # As in dnf the last repository says what a package is in a group of several.
        by_name = {member.name: member for group in groups for member in group or ()}
        members = [member for member in by_name.values() if not member.is_optional]
        if not members:
            raise InputError(
                f"no repository of {self.config.name} has a group {name!r} with packages",
                todo="name packages in chroot_setup_cmd instead",
            )
        # By its name alone: what provides it under another name is not meant.
        found = [
            (member, package) for member in members if (package := find_by_exact_name(pool, member.name))
        ]
        if not found:
            raise InputError(
                f"no repository of {self.config.name} has a package of the group {name!r}",
                why=f"its packages: {', '.join(member.name for member in members)}",
                todo="check the repositories of the mock configuration",
            )
        return [
            f"({member.name} if {member.condition})" if member.condition else package
            for member, package in found
        ]


def make_no_repository_error(name: str) -> InputError:
    """The error for a mock configuration without a repository that packages can come from."""
    return InputError(
        f"the mock configuration {name} has no enabled repository",
        todo="add one to config_opts['dnf.conf']",
    )


def section_to_source(section: RepoSection, cache: Path, variables: Mapping[str, str]) -> RepositorySource:
    """A repository of a dnf.conf, for fetching: reads its mirror list and downloads its keys. Raises InputError."""
    if not section.sslverify:
        raise InputError(
            f"the repository {section.id} sets sslverify=0, which is not supported",
            why="certificates are always verified",
            todo="set sslcacert to a file with the certificate of its authority",
        )
    mirrors = _find_mirrors(section, variables)
    has_keys = section.gpgcheck or section.repo_gpgcheck
    return RepositorySource(
        name=section.id,
        origin=section.metalink or section.mirrorlist,
        urls=mirrors.urls,
        repomd_checksums=mirrors.repomd_checksums,
        check_packages=section.gpgcheck,
        check_metadata=section.repo_gpgcheck,
        keys=tuple(_fetch_key(url, cache, section.connection) for url in section.gpgkeys) if has_keys else (),
        priority=section.priority,
        cost=section.cost,
        exclude=section.exclude,
        include=section.includepkgs,
        module_hotfixes=section.module_hotfixes,
        connection=section.connection,
    )


def _find_mirrors(section: RepoSection, variables: Mapping[str, str]) -> Mirrors:
    """As librepo: the mirrors of a list first, then every baseurl; one of the two is enough. Raises InputError."""
    # A path is a file URL to librepo.
    baseurls = tuple(Path(url).as_uri() if url.startswith("/") else url for url in section.baseurls)
    listing = section.metalink or section.mirrorlist
    if not baseurls and not listing:
        raise InputError(
            f"the repository {section.id} has no URL",
            why="it sets none of baseurl, mirrorlist and metalink",
            todo="set baseurl in config_opts['dnf.conf']",
        )
    if not listing:
        return Mirrors(urls=baseurls)
    try:
        found = read_mirrors(listing, variables, section.connection)
    except InputError:
        if not baseurls:
            raise
        return Mirrors(urls=baseurls)
    return Mirrors(urls=(*found.urls, *baseurls), repomd_checksums=found.repomd_checksums)


def _fetch_key(url: str, cache: Path, connection: ConnectionSettings) -> Path:
    """The file of a public key, downloaded once. Raises InputError."""
    if url.startswith("file:"):
        return path_from_file_url(url)
    place = cache / "keys" / hashlib.sha256(url.encode()).hexdigest()[:24]
    if not place.is_file():
        download.fetch_file(url, place, limit=_MAX_KEY_SIZE, connection=connection)
        if is_html(place):
            place.unlink()
            raise InputError(
                f"{without_password(url)} is an HTML page, not a key", todo="check gpgkey in dnf.conf"
            )
    return place


@cache
def host_rpm_version() -> str:
    """The version of the host's rpm, which installs buildroots."""
    return process.read_program_version("rpm")


def _hash_lines(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in sorted(lines):
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()[:40]
