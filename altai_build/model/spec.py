"""What a spec file says for one target.

Tuples, because the process that reads specs imports this module, and dataclasses take a third of its start.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

# Ending of a file name → the format of the archive, by its usual ending.
_ARCHIVE_FORMATS = {
    ".tar.gz": ".tar.gz", ".tgz": ".tar.gz", ".tar.bz2": ".tar.bz2", ".tbz2": ".tar.bz2", ".tbz": ".tar.bz2",
    ".tar.xz": ".tar.xz", ".txz": ".tar.xz", ".tar.zst": ".tar.zst", ".tzst": ".tar.zst", ".tar.lzma": ".tar.lzma",
    ".tlz": ".tar.lzma", ".tar.lz": ".tar.lz", ".tar": ".tar", ".zip": ".zip",
}  # fmt: skip
# What web services call archives without such an ending; rpm looks at the content.
_ARCHIVE_URL = re.compile(r"/(?:(?:legacy\.)?(?P<tar>tarball|tar\.gz)|(?:legacy\.)?(?:zipball|zip))/[^?#]+$")

_TAG_FIELDS = ("sources", "patches", "icons")


class SourceTag(NamedTuple):
    """One SourceN: or PatchN: tag, its macros expanded."""

    number: int
    value: str

    @property
    def file(self) -> str:
        """The name of the file in SOURCES/: what is behind the last slash, and behind a `=` after that."""
        name = self.value.rpartition("/")[2]
        return name.rpartition("=")[2] if "/" in self.value else name

    @property
    def archive_format(self) -> str:
        """The usual ending of archives of its format; empty where it is no archive."""
        name = self.file.lower()
        for suffix, format in _ARCHIVE_FORMATS.items():
            if name.endswith(suffix):
                return format
        found = _ARCHIVE_URL.search(self.value) if self.is_url else None
        return "" if found is None else ".tar.gz" if found["tar"] else ".zip"

    @property
    def is_url(self) -> bool:
        """True for a source that names where it comes from, not only what it is called."""
        return "://" in self.value


class SpecInfo(NamedTuple):
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
    # The files of Icon: tags, which travel with the sources.
    icons: tuple[SourceTag, ...] = ()
    # Why no package can be built for the target (ExclusiveArch: and the like); empty where one can.
    excluded: str = ""


class UnknownSpec(NamedTuple):
    """A spec whose content only rpm knows, and the first construct for which that is so."""

    reason: str


def list_fields(record: SpecInfo | UnknownSpec) -> dict[str, Any]:
    """The fields of a record by their names, for JSON; `load_spec_info` makes a SpecInfo of them."""
    fields = record._asdict()
    tags = {name: [tag._asdict() for tag in fields[name]] for name in _TAG_FIELDS if name in fields}
    return {**fields, **tags}


def load_spec_info(fields: dict[str, Any]) -> SpecInfo:
    """The record of which `list_fields` made these fields, and JSON after that. Raises TypeError, KeyError."""
    tags = {key: tuple(SourceTag(**tag) for tag in fields[key]) for key in _TAG_FIELDS}
    others: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
    }
    return SpecInfo(**{**others, **tags})


def find_archive_source(info: SpecInfo) -> SourceTag | None:
    """The source that stands for the repository: Source0 if it is an archive, else the first archive without a URL."""
    first = next((source for source in info.sources if source.number == 0), None)
    if first is not None and first.archive_format:
        return first
    return next((one for one in info.sources if one.archive_format and not one.is_url), None)
