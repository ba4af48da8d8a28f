"""What a spec file says for one target."""

from __future__ import annotations

from dataclasses import dataclass

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tar", ".zip")


@dataclass(frozen=True)
class SourceTag:
    """One SourceN: or PatchN: tag, its macros expanded."""

    number: int
    value: str

    @property
    def file(self) -> str:
        """The name of the file in SOURCES/: what is behind the last slash, and behind a `=` after that."""
        name = self.value.rpartition("/")[2]
        return name.rpartition("=")[2] if "/" in self.value else name

    @property
    def is_url(self) -> bool:
        """True for a source that names where it comes from, not only what it is called."""
        return "://" in self.value


@dataclass(frozen=True)
class SpecInfo:
    """What a spec says for one target; dependencies are names without versions."""

    name: str
    epoch: str | None  # None: it has none
    version: str
    release: str
    # Release expanded but for dist, which NUL stands for, when dist comes in through another macro.
    hidden_dist: str | None
    sources: tuple[SourceTag, ...]
    patches: tuple[SourceTag, ...]
    # The folder in the archive of Source0 that %setup enters; empty where %setup makes the folder itself.
    prefix: str
    # The binary packages that it makes.
    packages: tuple[str, ...]
    # What they provide, their own names included.
    provides: tuple[str, ...]
    build_requires: tuple[str, ...]
    # What any of its packages needs when it is installed.
    requires: tuple[str, ...]
    # Files beside the spec that it reads, and no SourceN: names.
    unlisted: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnknownSpec:
    """A spec whose content only rpm knows, and the first construct for which that is so."""

    reason: str


def is_archive(name: str) -> bool:
    """True for the file name of a source archive."""
    return name.endswith(ARCHIVE_SUFFIXES)


def find_archive_source(info: SpecInfo) -> SourceTag | None:
    """The source that stands for the repository: Source0 if it is an archive, else the first archive without a URL."""
    first = next((source for source in info.sources if source.number == 0), None)
    if first is not None and is_archive(first.file):
        return first
    return next((one for one in info.sources if is_archive(one.file) and not one.is_url), None)
