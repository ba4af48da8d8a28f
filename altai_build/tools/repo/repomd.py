"""repomd.xml: the files of a repository's metadata, each with its checksum."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError, describe_cause
from altai_build.model.checksum import Checksum, find_strongest, make_checksum
from altai_build.regular_files import read_regular_file
from altai_build.tools.repo.xmltree import parse_xml

REPODATA = "repodata"
REPOMD = "repodata/repomd.xml"
# Bytes.
MAX_REPOMD_SIZE = 16 << 20
# The kinds that this program reads. Of two files of one kind, clients disagree which one counts.
_UNIQUE_KINDS = ("primary", "filelists", "other", "group", "modules")
_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"


@dataclass(frozen=True)
class MetadataFile:
    """One file that repomd.xml lists: its kind (`primary`, `filelists`, …), location and checksum."""

    kind: str
    # Relative to the repository's directory.
    location: str
    # The strongest of several; None: repomd.xml gives none.
    checksum: Checksum | None
    # Bytes; None: repomd.xml gives none.
    size: int | None
    # Bytes without compression; None: repomd.xml gives none.
    open_size: int | None = None
    # The URL that `location` is relative to, in place of the repository's own (xml:base); "" where there is none.
    base: str = ""


@dataclass(frozen=True)
class Repomd:
    """The content of repomd.xml; files sorted by kind."""

    revision: str
    files: tuple[MetadataFile, ...]

    def find(self, kind: str) -> MetadataFile | None:
        """The file of a kind; None when repomd.xml lists none."""
        return next((file for file in self.files if file.kind == kind), None)

    def describe_missing_primary(self) -> str:
        """Why there is no list of packages that this program reads."""
        others = [file.kind for file in self.files if file.kind.startswith("primary_")]
        if others:
            return (
                f"{REPOMD} lists them only as {' and '.join(others)}; this program reads neither zchunk nor SQLite, "
                "but XML (primary) with gzip, bzip2, xz or zstd"
            )
        kinds = ", ".join(file.kind for file in self.files) or "nothing"
        return f"{REPOMD} lists no primary metadata; it lists {kinds}"


def read_repomd(directory: Path) -> Repomd:
    """The content of a repository's repomd.xml, nothing verified. Raises InputError when it cannot be read."""
    try:
        root = parse_xml(read_regular_file(directory / REPOMD, limit=MAX_REPOMD_SIZE), "repomd")
        files = [_parse_data(data) for data in root.iterfind("{*}data")]
        kinds = [file.kind for file in files]
        if repeated := [kind for kind in _UNIQUE_KINDS if kinds.count(kind) > 1]:
            raise ValueError(f"it lists more than one file of the kind {' and '.join(repeated)}")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{directory} is not a yum repository",
            why=f"{REPOMD} cannot be read: {describe_cause(error)}",
            todo="check the path; a release's repositories are its subdirectories",
        ) from error
    return Repomd(
        revision=" ".join(root.findtext("{*}revision", "").split()),
        files=tuple(sorted(files, key=lambda file: file.kind)),
    )


def _parse_data(data: ElementTree.Element) -> MetadataFile:
    """One <data> of repomd.xml. Raises ValueError for a size or checksum that is not one."""
    location = data.find("{*}location")
    checksums = [
        make_checksum(node.get("type", ""), node.text or "") for node in data.iterfind("{*}checksum")
    ]
    return MetadataFile(
        kind=data.get("type", ""),
        location="" if location is None else location.get("href", ""),
        checksum=find_strongest(checksums) or next(iter(checksums), None),
        size=_parse_size(data, "size"),
        open_size=_parse_size(data, "open-size"),
        base="" if location is None else location.get(_XML_BASE, ""),
    )


def _parse_size(data: ElementTree.Element, name: str) -> int | None:
    """A number of bytes; None where it is not given: no file of metadata is empty. Raises ValueError."""
    text = data.findtext(f"{{*}}{name}", "").strip()
    size = int(text or 0)
    if size < 0:
        raise ValueError(f"{text} is not a size")
    return size or None
