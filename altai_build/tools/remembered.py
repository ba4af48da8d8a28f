"""What earlier runs found, by a key of all that it depends on: one file of the workspace, read at once.

A file that is damaged, or of another form, is as none. Two runs keep what both found.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from altai_build.tools.files import file_lock, write_atomically
from altai_build.tools.sealed_json import dump_sealed, read_sealed

# Rows that a run has not used stay as long as there are no more of them than this, or than it has used.
_MIN_UNUSED = 2000


class Remembered:
    """Rows of JSON by key; safe to use from several threads. What a row is worth says the caller."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = _read(path)
        self._used: dict[str, Any] = {}
        self._has_new = False

    def find(self, key: str) -> Any:
        """The row of a key; None where there is none."""
        row = self._used.get(key, self._rows.get(key))
        if row is not None:
            self._used[key] = row
        return row

    def add(self, key: str, row: object) -> None:
        """Remember a row; `save` writes it."""
        self._used[key] = row
        self._has_new = True

    def save(self) -> None:
        """Write what is new, together with what other runs have written meanwhile. Raises CannotWriteError."""
        if not self._has_new:
            # `clean` removes what is not used.
            with suppress(OSError):
                self._path.touch()
            return
        with file_lock(self._path.with_name(f".{self._path.name}.lock")):
            rows = _read(self._path)
            unused = [key for key in rows if key not in self._used]
            kept = unused[-max(_MIN_UNUSED, len(self._used)) :]
            # The newest come last.
            document = {"rows": {**{key: rows[key] for key in kept}, **self._used}}
            write_atomically(self._path, dump_sealed(document), durable=False)
        self._has_new = False


@cache
def digest_code(module: Path, folders: tuple[str, ...]) -> str:
    """The state of the code in some folders, seen from that of a module: part of a key of what that code found."""
    states: list[tuple[str, int, int]] = []
    for folder in folders:
        with os.scandir(module.parent / folder) as entries:
            files = sorted((entry.path, entry.stat()) for entry in entries if entry.name.endswith(".py"))
        states += [(path, status.st_mtime_ns, status.st_size) for path, status in files]
    return hashlib.sha256(repr(states).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    rows = (read_sealed(path) or {}).get("rows")
    return rows if isinstance(rows, dict) else {}
