"""Files of repository metadata on this machine: what repomd.xml says of them is compared whenever they are read."""

from __future__ import annotations

import xml.parsers.expat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.connection import USUAL_CONNECTION, ConnectionSettings
from altai_build.regular_files import open_regular_file
from altai_build.tools.checksums import has_checksum
from altai_build.tools.repo.compression import decompressed
from altai_build.tools.repo.repomd import MetadataFile


@dataclass(frozen=True)
class StoredFile:
    """One file of a repository's metadata, and what repomd.xml says of it."""

    path: Path
    entry: MetadataFile
    # Where it was downloaded from; "" for a file of a repository in a directory.
    url: str = ""
    connection: ConnectionSettings = USUAL_CONNECTION

    def verify(self) -> Path:
        """Its path, after its bytes were compared with the checksum in repomd.xml.

        A downloaded file that was damaged since is downloaded again. Raises InputError.
        """
        checksum = self.entry.checksum
        if checksum is None or (self.path.is_file() and has_checksum(self.path, checksum)):
            return self.path
        if self.url:
            # Files of repositories in directories are not downloaded.
            from altai_build.tools.http import download

            return download.fetch_file(
                self.url, self.path, size=self.entry.size, checksum=checksum, connection=self.connection
            )
        raise InputError(
            f"{self.path} is missing or damaged",
            why=f"repomd.xml gives its {checksum.algorithm} as {checksum.value}",
            todo="restore the repodata folder from another copy of the repository",
        )

    @contextmanager
    def open_plain(self) -> Iterator[Path]:
        """The file without its compression, verified, of exactly the size that repomd.xml gives. Raises InputError."""
        with decompressed(self.verify(), size=self.entry.open_size) as plain:
            yield plain

    def parse_error(self, why: str) -> InputError:
        """The error for content that is not what it should be, although its checksum is right."""
        return InputError(
            f"cannot read the {self.entry.kind} metadata {self.url or self.path}",
            why=why,
            todo="the repository's metadata is damaged: try another mirror, or report it to the repository's owner",
        )


class _FirstElement(Exception):
    """Ends the parsing: the first element, its name and attributes, has been read."""


def read_declared_count(plain: Path, root: str) -> int | None:
    """How many packages the first element of a metadata file announces (`packages="3"`); None when it does not.

    What follows is not parsed. Raises ValueError when the first element is not `root`, or the text is not XML.
    """

    def stop(name: str, attributes: dict[str, str]) -> None:
        raise _FirstElement(name, attributes)

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = stop
    try:
        with open_regular_file(plain) as stream:
            parser.ParseFile(stream)
    except _FirstElement as found:
        name, attributes = found.args
    # LookupError, ValueError: an encoding that Python does not know, or that expat cannot use.
    except (xml.parsers.expat.ExpatError, LookupError, ValueError) as error:
        raise ValueError(f"it is not XML: {error}") from error
    if name.rpartition(":")[2] != root:
        raise ValueError(f"it is a {name} document, not {root}")
    count = attributes.get("packages", "")
    return int(count) if count.isascii() and count.isdigit() and len(count) < 10 else None
