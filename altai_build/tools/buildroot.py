"""Buildroots: which packages a build sees, and directories that hold exactly those."""

from __future__ import annotations

import hashlib
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from altai_build.errors import InputError, ToolMissing
from altai_build.model.limits import Limits
from altai_build.model.package import RpmHeader
from altai_build.tools import download, process
from altai_build.tools.depsolver import Resolved, Solver, Unsatisfiable
from altai_build.tools.files import (
    file_lock,
    link_or_copy,
    make_directory,
    scratch_directory,
    write_whole,
)
from altai_build.tools.limits import limited, watch
from altai_build.tools.metadata import RepositoryMetadata, RepositorySource, fetch_metadata, fetch_packages
from altai_build.tools.mirrors import Mirrors, read_mirrors
from altai_build.tools.rpmkeys import verify_signatures
from altai_build.tools.sandbox import BUILD_DIR, BUILD_UID, BUILD_USER, InstallView

if TYPE_CHECKING:  # their readers are loaded by whoever reads one
    from altai_build.tools.dnfconf import RepoSection
    from altai_build.tools.mockconfig import MockConfig

OVERLAY = Path(__file__).with_name("overlay.sh")
# Part of every root's key: raise it when the same packages would give another root than before.
_RECIPE = "1"
_INSTALL_VERBS = ("install", "groupinstall", "group", "update", "upgrade")


@dataclass(frozen=True)
class LocalRpm:
    """An RPM built in this run, as build dependencies may need it."""

    path: Path
    header: RpmHeader
    sha256: str


@dataclass(frozen=True)
class Buildroot:
    """The exact packages of one buildroot: the base, which all builds share, and what this build needs besides."""

    base: tuple[Resolved, ...]
    extra: tuple[Resolved, ...]
    nodocs: bool = False  # their documentation is left out

    @property
    def lines(self) -> tuple[str, ...]:
        """`NEVRA algorithm:digest` of every package, sorted."""
        return tuple(sorted(one.line for one in (*self.base, *self.extra)))

    @property
    def base_key(self) -> str:
        """What the base directory is called after: everything that is in it, and how it came there."""
        how = [f"recipe {_RECIPE}", installer(), "nodocs" if self.nodocs else ""]
        return _key([*how, *(one.line for one in self.base)])

    @property
    def extra_key(self) -> str:
        """The same for the layer upon it."""
        return _key([self.base_key, *(one.line for one in self.extra)])


class Resolver:
    """Answers which packages a build would see, from the repositories of a mock configuration."""

    def __init__(self, config: MockConfig, *, cache: Path) -> None:
        self.config = config
        self._cache = cache

    @cached_property
    def metadata(self) -> tuple[RepositoryMetadata, ...]:
        """The current metadata of every enabled repository. Raises InputError when one cannot be used."""
        found = []
        for section in self.config.repositories:
            if not section.enabled:
                continue
            try:
                found.append(
                    fetch_metadata(repository_source(section, self._cache), self._cache / "metadata")
                )
            except InputError:
                if not section.skip_if_unavailable:
                    raise
        if not found:
            raise InputError(
                f"the mock configuration {self.config.name} has no enabled repository",
                todo="a buildroot is installed from its dnf.conf or yum.conf: add one there",
            )
        return tuple(found)

    @cached_property
    def base(self) -> tuple[Resolved, ...]:
        """The packages that chroot_setup_cmd installs, with all they require."""
        solver = self._solver(())
        try:
            return solver.resolve(self._setup_names())
        except Unsatisfiable as error:
            raise InputError(
                f"the base of {self.config.name} cannot be installed",
                why="\n".join(error.problems),
                todo="check chroot_setup_cmd and the repositories of the mock configuration",
            ) from error

    @property
    def bare(self) -> Buildroot:
        """The base as a buildroot of its own, which all others are more than."""
        nodocs = "nodocs" in dict(self.config.main).get("tsflags", "")
        return Buildroot(base=self.base, extra=(), nodocs=nodocs)

    def resolve(self, build_requires: Sequence[str], local: Sequence[LocalRpm] = ()) -> Buildroot:
        """The buildroot for BuildRequires, and BuildConflicts after a `!`. Raises Unsatisfiable when there is none."""
        base = self.base
        try:
            chosen = self._solver(local).resolve(build_requires, base=[one.nevra for one in base])
        except Unsatisfiable as error:
            refused = [f"BuildConflicts: {one[1:]}" for one in build_requires if one.startswith("!")]
            raise Unsatisfiable([*error.problems, *refused]) from error
        have = {one.nevra for one in base}
        extra = tuple(one for one in chosen if one.nevra not in have)
        return replace(self.bare, extra=extra)

    def _solver(self, local: Sequence[LocalRpm]) -> Solver:
        solver = Solver(self.config.target_arch, cache=self._cache / "solv")
        for metadata in self.metadata:
            solver.add_repository(metadata)
        for rpm in local:
            solver.add_local(rpm.path, rpm.header, digest=rpm.sha256)
        return solver

    def _setup_names(self) -> list[str]:
        verb, *words = self.config.chroot_setup_cmd
        if verb not in _INSTALL_VERBS:
            raise InputError(
                f"chroot_setup_cmd of {self.config.name} begins with {verb!r}",
                todo=f"the chroot builder knows {', '.join(_INSTALL_VERBS)}",
            )
        names = []
        for word in (*words, *self.config.additional_packages):
            if word.startswith("-") or word == "install":
                continue  # options of the package manager
            if word.startswith("@") or verb in ("groupinstall", "group"):
                names += self._group(word.lstrip("@"))
            else:
                names.append(word)
        return names

    def _group(self, name: str) -> list[str]:
        """The mandatory and default packages of a group, from comps."""
        found: list[str] = []
        for metadata in self.metadata:
            if metadata.groups is not None:
                found += _group_packages(metadata.groups, name)
        if not found:
            raise InputError(
                f"no repository of {self.config.name} has a group {name!r}",
                todo="name packages in chroot_setup_cmd instead",
            )
        return list(dict.fromkeys(found))


def repository_source(section: RepoSection, cache: Path) -> RepositorySource:
    """A repository of a dnf.conf for fetching: mirror lists are asked, keys brought here."""
    mirrors = Mirrors(urls=section.baseurls)
    if not mirrors.urls and (section.mirrorlist or section.metalink):
        mirrors = read_mirrors(section.mirrorlist or section.metalink)
    if not mirrors.urls:
        raise InputError(f"the repository {section.id} has neither baseurl nor a mirror list that answers")
    keys = []
    for url in section.gpgkeys if section.gpgcheck or section.repo_gpgcheck else ():
        if url.startswith("file:"):
            keys.append(download.file_of(url))
        else:
            place = cache / "keys" / hashlib.sha256(url.encode()).hexdigest()[:24]
            keys.append(place if place.is_file() else download.fetch(url, place, limit=1 << 20))
    return RepositorySource(
        name=section.id,
        urls=mirrors.urls,
        repomd=mirrors.repomd,
        check_packages=section.gpgcheck,
        check_metadata=section.repo_gpgcheck,
        keys=tuple(keys),
        priority=section.priority,
        exclude=section.exclude,
        only=section.includepkgs,
    )


def _group_packages(comps: Path, name: str) -> list[str]:
    with open_compressed(comps) as stream:
        try:
            tree = ElementTree.parse(stream)  # noqa: S314 - as above; the repository's checksum was compared
        except ElementTree.ParseError as error:
            raise InputError(f"{comps.name} cannot be read", why=str(error)) from error
    for group in tree.iter("group"):
        if name in (group.findtext("id"), group.findtext("name")):
            wanted = group.iter("packagereq")
            return [node.text or "" for node in wanted if node.get("type", "mandatory") != "optional"]
    return []


def open_compressed(path: Path) -> IO[bytes]:
    """A metadata file's plain bytes, by its ending."""
    import bz2
    import gzip
    import lzma

    if path.name.endswith(".gz"):
        return cast("IO[bytes]", gzip.open(path))
    if path.name.endswith(".xz"):
        return lzma.open(path)
    return bz2.open(path) if path.name.endswith(".bz2") else open(path, "rb")


@dataclass(frozen=True)
class Roots:
    """Directories with installed buildroots, each under the key of what it holds; never written to once named."""

    directory: Path
    packages: Path  # the cache of downloaded RPMs
    limits: Limits = field(default_factory=Limits)  # scriptlets are no better than builds

    def base(self, buildroot: Buildroot) -> Path:
        """The base root, made when it is not there. The log of its making lies beside it."""
        self._close()
        place = self.directory / "base" / buildroot.base_key
        with file_lock(self.directory / "base" / f"{buildroot.base_key}.lock"):
            if place.is_dir():
                os.utime(place)
                return place
            with scratch_directory(self.directory / "base", ".new") as scratch:
                root = make_directory(scratch / "root")
                log = self.directory / "base" / f"{buildroot.base_key}.log"
                self._install(root, buildroot.base, log, buildroot.nodocs)
                finish_base(root)
                os.rename(root, place)
        return place

    def layer(self, buildroot: Buildroot) -> Path | None:
        """The layer with what a build needs beyond the base, made when it is not there; None when that is nothing."""
        if not buildroot.extra:
            return None
        base = self.base(buildroot)
        place = self.directory / "layers" / buildroot.extra_key
        with file_lock(self.directory / "layers" / f"{buildroot.extra_key}.lock"):
            if place.is_dir():
                os.utime(place)
                return place
            with scratch_directory(self.directory / "layers", ".new") as scratch:
                overlay = Overlay.lay(scratch, [base])
                log = self.directory / "layers" / f"{buildroot.extra_key}.log"
                self._install(overlay.merged, buildroot.extra, log, buildroot.nodocs, overlay.prefix)
                os.rename(scratch / "upper", place)
        return place

    def copy(self, buildroot: Buildroot, destination: Path) -> None:
        """A private copy of the whole buildroot, for file systems that overlayfs will not lie on."""
        base = self.base(buildroot)
        process.run(
            ["cp", "--archive", "--reflink=auto", "--no-target-directory", str(base), str(destination)]
        )
        if buildroot.extra:
            log = destination.with_name("install.log")
            self._install(destination, buildroot.extra, log, buildroot.nodocs)

    def _close(self) -> None:
        """Keep other users of this machine out: the roots hold programs that are root's by their mode (setuid)."""
        make_directory(self.directory, mode=0o700).chmod(0o700)

    def _install(
        self, root: Path, packages: Sequence[Resolved], log: Path, nodocs: bool, prefix: Sequence[str] = ()
    ) -> None:
        """Install exactly these packages with the host's rpm; every one was verified before."""
        paths = self._fetch(packages)
        with scratch_directory(self.directory, ".packages") as folder:
            names = []
            for path in paths:
                link_or_copy(path, folder / path.name)
                names.append(f"{InstallView.PACKAGES}/{path.name}")
            view = InstallView(root=str(root), packages=folder)
            argv = ["rpm", "--root", InstallView.ROOT, "--define", "_dbpath /var/lib/rpm", "--noplugins"]
            argv += ["--nosignature", "--install", "--verbose"]
            if nodocs:
                argv.append("--excludedocs")
            with open(log, "wb") as stream:
                done = process.run(
                    [*limited(self.limits), *prefix, *view.command([*argv, *names])],
                    stdout=stream,
                    merge_stderr=True,
                    ok=(),
                    timeout=self.limits.seconds,
                    watch=watch(self.limits, log, [root.parent]),
                )
                stream.write(done.stderr)
        if done.returncode != 0:
            raise InstallFailed(log, done.returncode)

    def _fetch(self, packages: Sequence[Resolved]) -> list[Path]:
        """The files of the packages; signatures are checked against the keys of each one's repository."""
        paths: list[Path] = []
        by_source: dict[RepositorySource, list[Path]] = {}
        for one in packages:
            if one.metadata is None:
                paths.append(Path(one.location))
                continue
            path = fetch_packages([(one.metadata, one.location, one.checksum, one.size)], self.packages)[0]
            paths.append(path)
            if one.metadata.source.check_packages:
                by_source.setdefault(one.metadata.source, []).append(path)
        for source, files in by_source.items():
            bad = [check for check in verify_signatures(files, source.keys) if not check.good]
            if bad:
                raise InputError(
                    f"{len(bad)} packages of the repository {source.name} are not signed by its key",
                    why="\n".join(
                        f"  {check.path.name}: {check.verdict.value} {check.detail}" for check in bad
                    ),
                    todo="do not build with this mirror until its owner has explained it",
                )
        return paths


class InstallFailed(InputError):
    """rpm would not install what the solver chose; the log says why."""

    def __init__(self, log: Path, returncode: int) -> None:
        super().__init__(
            "the buildroot could not be installed",
            why="\n".join([f"rpm {process.describe_exit(returncode)}:", *_last_lines(log)]),
            todo=f"read {log}",
        )
        self.log = log


def _last_lines(log: Path) -> list[str]:
    """The end of a log, where rpm says what it will not do."""
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-4:]


@dataclass(frozen=True)
class Overlay:
    """An overlay about to be mounted: `prefix` goes before a command that then sees `merged`."""

    merged: Path
    prefix: tuple[str, ...]

    @classmethod
    def lay(cls, directory: Path, lowers: Sequence[Path]) -> Overlay:
        """Lay out an overlay in a fresh directory over `lowers`, the topmost first."""
        for name in ("upper", "work", "merged"):
            (directory / name).mkdir()
        for index, lower in enumerate(lowers):
            (directory / f"lower{index}").symlink_to(lower)
        names = ":".join(f"lower{index}" for index in range(len(lowers)))
        unshare = ["unshare", "--mount", "--propagation", "private", "--"]
        return cls(
            merged=directory / "merged", prefix=(*unshare, "bash", str(OVERLAY), str(directory), names)
        )


def overlay_works(directory: Path) -> bool:
    """True when overlayfs can be mounted with its upper layer in `directory`."""
    with scratch_directory(directory, ".probe") as scratch:
        lower = make_directory(scratch / "lower")
        overlay = Overlay.lay(make_directory(scratch / "overlay"), [lower])
        return process.run([*overlay.prefix, "true"], ok=()).returncode == 0


@cache
def installer() -> str:
    """The host's rpm, which installs the roots, and its version."""
    return process.run(["rpm", "--version"]).text.strip()


def require_root() -> None:
    """Raise ToolMissing for a user who may not mount: the chroot builder needs that."""
    if os.geteuid() != 0:
        raise ToolMissing(
            "the chroot builder needs root",
            why="it mounts overlays and installs packages into roots",
            todo="run altai-build as root, or use mock (--builder mock) as a member of its group",
        )


def finish_base(root: Path) -> None:
    """What builds expect of any root: the build user, the build directory, a host table.

    Raises InputError where /etc is a link: followed from here, it would lead to the host's.
    """
    if (root / "etc").is_symlink():
        raise InputError("the base root's /etc is a symbolic link", todo="see which of its packages owns it")
    _append(root / "etc/passwd", f"{BUILD_USER}:x:{BUILD_UID}:{BUILD_UID}::{BUILD_DIR}:/bin/bash\n")
    _append(root / "etc/group", f"{BUILD_USER}:x:{BUILD_UID}:\n")
    make_directory(root / BUILD_DIR.lstrip("/"))
    hosts = root / "etc/hosts"
    if not hosts.exists():
        write_whole(hosts, b"127.0.0.1 localhost localhost.localdomain\n::1 localhost\n")


def _append(path: Path, line: str) -> None:
    """Add an account; through no link that a package may have planted."""
    if path.is_symlink():
        path.unlink()
    before = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
    if line not in before:
        joint = "" if not before or before.endswith("\n") else "\n"
        write_whole(path, (before + joint + line).encode("utf-8", "surrogateescape"))


def _key(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in sorted(lines):
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()[:40]
