"""Superprojects laid out as the real ones: components in repositories of their own, pinned, with relative URLs."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from altai_build.model.gitlink import CommitId
from tests.kit.git import Entry, Pin, Repo, gitmodules

# The least definition that a superproject of source packages needs; its dist is .x.
DEFINITION = """\
project: p
targets: {t: {mock_config: m, arch: x86_64, macros: {dist: .x}}}
keys: {k: {file: k, signs: true}}
repositories: {r: {source: superproject, target: t, key: k}}
release: {baseurl: 'http://localhost/p'}
"""
# The least definition with which all commands find components in the folder `repos`, and releases.
RELEASE_DEFINITION = """\
project: altai
superproject: {path: ., components: [repos], root: true}
targets: {t: {mock_config: m, arch: x86_64, macros: {dist: .el9}}}
keys: {k: {file: key, signs: true}}
repositories: {r: {source: superproject, target: t, key: k}}
release: {directory: releases, baseurl: "https://repo.example.org/altai"}
"""


@dataclass
class World:
    """A folder with the remotes of a superproject (`super`) and of its components, side by side."""

    folder: Path
    components: dict[str, Repo] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.super = Repo(self.folder / "super")

    def component(self, path: str, files: Mapping[str, Entry], *, url: str | None = None) -> CommitId:
        """Commit files to the component pinned at `path` (made when it is new) and return the commit."""
        name = path.rpartition("/")[2]
        if path not in self.components:
            self.components[path] = Repo(self.folder / name)
            self.urls[path] = f"../{name}" if url is None else url
        return self.components[path].commit(files)

    def pin(self, more: Mapping[str, Entry] | None = None, **commits: str) -> CommitId:
        """Commit the newest commit of every component, or those named by the path's last part, to the superproject."""
        tree: dict[str, Entry] = {".gitmodules": gitmodules(self.urls)}
        for path, repo in self.components.items():
            name = path.rpartition("/")[2]
            tree[path] = Pin(commits.get(name.replace("-", "_")) or repo.git("rev-parse", "HEAD"))
        return self.super.commit({**tree, **(more or {})})


def make_spec(
    name: str,
    version: str = "1.0",
    release: str = "1",
    *,
    source: str | None = "%{name}-%{version}.tar.gz",
    tags: str = "BuildArch: noarch",
    prep: str = "%setup -q",
    build: str = "",
    install: str = "",
    files: str = "",
    changelog: str = "",
) -> str:
    """A whole small spec; without `install` it installs its own README."""
    if not install:
        install = "install -D -m 644 README %{buildroot}/usr/share/%{name}/README"
        files = files or "/usr/share/%{name}"
    lines = [f"Name: {name}", f"Version: {version}", f"Release: {release}", "Summary: Test", "License: MIT"]
    lines += [f"Source0: {source}"] if source else []
    lines += [tags, "%description", "Test.", "%prep", prep, "%build", build, "%install", install]
    lines += ["%files", files, *([f"%changelog\n{changelog}"] if changelog else [])]
    return "\n".join(lines) + "\n"


def make_files(name: str, **settings: str) -> dict[str, Entry]:
    """What a small component consists of: its spec and the README that it packages."""
    return {f"{name}.spec": make_spec(name, **settings), "README": f"This is {name}.\n"}


def unpack(srpm: Path, *, whole: bool = False) -> dict[str, bytes]:
    """The files of a package, by name, or by their `whole` path."""
    with open(srpm, "rb") as package:
        made = subprocess.run(
            ["rpm2archive", "--nocompression", "-"], stdin=package, capture_output=True, check=True
        )
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as tar:
        files = [member for member in tar if member.isreg()]
        return {
            member.name.lstrip("./") if whole else member.name.rpartition("/")[2]: _bytes(tar, member)
            for member in files
        }


def members(archive: bytes) -> dict[str, str]:
    """The files of a tar archive, however compressed: path → text, links by `→ target`."""
    if archive.startswith(b"\x28\xb5\x2f\xfd"):
        archive = subprocess.run(["zstd", "-d"], input=archive, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        links = {member.name: f"→ {member.linkname}" for member in tar if member.issym()}
        files = {
            member.name: _bytes(tar, member).decode("utf-8", "surrogateescape")
            for member in tar
            if member.isreg()
        }
    return {**files, **links}


def _bytes(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    assert stream is not None
    return stream.read()
