"""What the page of all releases shows of each of them, remembered from one publication to the next.

A record counts for exactly the bytes that it was made from: the manifest and its signature, the manifest of the release
before, the keys of the release and the keys that are trusted. Reading and comparing all manifests takes seconds.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from altai_build import __version__
from altai_build.errors import AltaiError
from altai_build.model.release_files import KEY_FILE_PREFIX, MANIFEST_NAME
from altai_build.model.trust import ManifestTrust, TrustLevel
from altai_build.stages.report.index import KeyUse, ReleaseSummary
from altai_build.tools.files import make_directory, sha256_file, write_atomically
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.sealed_json import dump_sealed, read_sealed

MEMORY_NAME = "releases-page.json"
_FORMAT = 1


class IndexMemory:
    """The records in a file; without it, or where it is damaged, nothing is remembered.

    `key_files` are the keys that are trusted.
    """

    def __init__(self, file: Path, key_files: Sequence[Path]) -> None:
        self._file = file
        self._key_files = tuple(key_files)
        self._known: dict[str, Any] = {}
        self._kept: dict[str, Any] = {}
        self._directories: Mapping[str, Path] = {}
        self._digests: dict[Path, str] = {}

    def find_all(self, directories: Mapping[str, Path]) -> dict[str, tuple[ReleaseSummary, ManifestTrust]]:
        """What is remembered of the releases in these folders, by name."""
        self._directories = directories
        document = read_sealed(self._file) or {}
        self._known = document.get("releases", {}) if document.get("format") == _FORMAT else {}
        found = {}
        for name, folder in directories.items():
            with suppress(OSError):
                # Before anything is read: a record is of what was there then.
                self._digest(folder / MANIFEST_NAME)
            record = self._known.get(name)
            if record is not None and self._is_current(name, record):
                self._kept[name] = record
                found[name] = _read_record(record)
        return found

    def remember(self, name: str, summary: ReleaseSummary, trust: ManifestTrust) -> None:
        """Remember a release that was read."""
        with suppress(OSError):
            self._kept[name] = {
                "identity": self._identify(name, summary.previous),
                "until": self._find_end(self._directories[name]),
                "summary": asdict(summary),
                "trust": [trust.level.value, trust.detail],
            }

    def write(self) -> None:
        """Write the records of the releases that there are; where that fails, the next run reads the releases again."""
        if self._kept == self._known:
            return
        with suppress(OSError, AltaiError):
            make_directory(self._file.parent)
            write_atomically(
                self._file, dump_sealed({"format": _FORMAT, "releases": self._kept}), durable=False
            )

    def _is_current(self, name: str, record: Any) -> bool:
        until = record["until"]
        if until is not None and time.time() >= until:
            return False
        try:
            return bool(record["identity"] == self._identify(name, record["summary"]["previous"]))
        except OSError:
            return False

    def _identify(self, name: str, previous: str | None) -> str:
        """The digest of everything that a record is made from. Raises OSError for a file that cannot be read."""
        folder = self._directories[name]
        before = self._directories.get(previous or "")
        parts = [
            __version__,
            name,
            self._digest(folder / MANIFEST_NAME),
            self._digest(folder / f"{MANIFEST_NAME}.asc"),
            self._digest(before / MANIFEST_NAME) if before is not None else "",
        ]
        for file in (*self._list_own_keys(folder), *self._key_files):
            parts += [str(file), self._digest(file)]
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

    def _digest(self, file: Path) -> str:
        """The SHA-256 of a file; "" of none."""
        if file not in self._digests:
            try:
                self._digests[file] = sha256_file(file)
            except FileNotFoundError:
                self._digests[file] = ""
        return self._digests[file]

    def _list_own_keys(self, folder: Path) -> list[Path]:
        return sorted(folder.glob(f"{KEY_FILE_PREFIX}*"))

    def _find_end(self, folder: Path) -> float | None:
        """When the next of the keys expires, in seconds since 1970: a signature may be judged otherwise then."""
        now = time.time()
        return min((end for end in self._list_ends(folder) if end > now), default=None)

    def _list_ends(self, folder: Path) -> Iterator[float]:
        for file in (*self._list_own_keys(folder), *self._key_files):
            with suppress(AltaiError):
                for key in read_public_keys(file):
                    yield from (part.expires.timestamp() for part in key.parts if part.expires is not None)


def _read_record(record: Any) -> tuple[ReleaseSummary, ManifestTrust]:
    fields = dict(record["summary"])
    for name in ("counts", "changes"):
        fields[name] = tuple(map(tuple, fields[name]))
    fields["keys"] = tuple(KeyUse(**{**key, "uses": tuple(key["uses"])}) for key in fields["keys"])
    level, detail = record["trust"]
    return ReleaseSummary(**fields), ManifestTrust(TrustLevel(level), detail)
