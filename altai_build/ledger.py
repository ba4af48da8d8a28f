"""Which inputs gave which artefacts: an append-only file, synced after each line, replayed at the start."""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from altai_build.tools.files import cannot_write_error, make_directory, write_atomically

# What comes of reading what something else wrote; the last two of numbers without end and brackets without end.
_PARSE_ERRORS = (ValueError, KeyError, TypeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Artefact:
    """A file that was made: its base name, SHA-256 and size in bytes."""

    file: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Record:
    """One piece of finished work. `inputs` are all that the key was made from, by name, so that it can be explained."""

    kind: str  # "srpm" or "build"
    key: str
    component: str
    commit: str
    inputs: tuple[tuple[str, str], ...]
    artefacts: tuple[Artefact, ...]
    seconds: float
    nevra: str = ""  # of the source package


@dataclass(frozen=True)
class ComponentOutcome:
    """What the last run that had to do with a component made of it."""

    component: str
    commit: str
    status: str
    reason: str
    key: str  # of the build that gave its packages, this time or the last that it had any; "" where none did
    time: int  # seconds since the epoch
    before: str = ""  # the same, as the run found it


class Ledger:
    """The records of one workspace; safe to append to from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._records: dict[tuple[str, str], Record] = {}
        self._of: dict[tuple[str, str], list[Record]] = {}
        self._torn = False
        self._load_records()

    def _load_records(self) -> None:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise cannot_write_error(self.path, error) from error
        # A run that was killed while it wrote leaves half a line; the work it speaks of is simply done again.
        self._torn = not data.endswith(b"\n") and bool(data)
        for line in data.split(b"\n"):
            record = _parse(line)
            if record is not None:
                self._index_record(record)

    def _index_record(self, record: Record) -> None:
        self._records.pop((record.kind, record.key), None)  # the newest stand last
        self._records[record.kind, record.key] = record
        self._of.setdefault((record.kind, record.component), []).append(record)

    def find(self, kind: str, key: str) -> Record | None:
        """The newest record of this kind and key."""
        return self._records.get((kind, key))

    def all(self, kind: str) -> tuple[Record, ...]:
        """The newest record of each key of a kind."""
        return tuple(record for (one, _), record in self._records.items() if one == kind)

    def latest(self, kind: str, component: str) -> Record | None:
        """The newest record of a component, whatever its key: what the last run made, and how long it took."""
        return next(iter(self.history(kind, component)), None)

    def history(self, kind: str, component: str) -> tuple[Record, ...]:
        """All records of a component, the newest first."""
        return tuple(reversed(self._of.get((kind, component), ())))

    def append(self, *records: Record) -> None:
        """Write records down, on the disk before this returns. Call it after the artefacts have their final names."""
        lines = b"".join(map(_serialize, records))
        with self._lock:
            try:
                make_directory(self.path.parent)
                with open(self.path, "ab") as stream:
                    stream.write(b"\n" + lines if self._torn else lines)
                    stream.flush()
                    os.fsync(stream.fileno())
            except OSError as error:
                raise cannot_write_error(self.path, error) from error
            self._torn = False
            for one in records:
                self._index_record(one)

    def compact(self, keep: Callable[[Record], bool]) -> None:
        """Drop what `keep` does not want, what a later record of its key has replaced, and what cannot be read.

        The caller holds the workspace. What a verb without the lock adds meanwhile may get lost, and costs its work.
        """
        kept = [record for record in self._records.values() if keep(record)]
        text = b"".join(_serialize(record) for record in kept)
        if len(text) == (self.path.stat().st_size if self.path.exists() else 0):
            return
        with self._lock:
            write_atomically(self.path, text)
            self._records, self._of, self._torn = {}, {}, False
            for record in kept:
                self._index_record(record)


def _serialize(record: Record) -> bytes:
    return json.dumps(asdict(record), sort_keys=True).encode() + b"\n"


def _parse(line: bytes) -> Record | None:
    try:
        tree: dict[str, Any] = json.loads(line)
        seconds = float(tree["seconds"])
        if not 0 <= seconds < math.inf:
            return None
        return Record(
            kind=str(tree["kind"]),
            key=str(tree["key"]),
            component=str(tree["component"]),
            commit=str(tree["commit"]),
            inputs=tuple((str(name), str(value)) for name, value in tree["inputs"]),
            artefacts=tuple(
                Artefact(file=str(one["file"]), sha256=str(one["sha256"]), size=int(one["size"]))
                for one in tree["artefacts"]
            ),
            seconds=seconds,
            nevra=str(tree["nevra"]),
        )
    except _PARSE_ERRORS:
        return None


def read_outcomes(path: Path) -> dict[str, ComponentOutcome]:
    """The last outcomes by component; {} where none were written or they cannot be read."""
    try:
        rows = json.loads(path.read_bytes())
        found = [
            ComponentOutcome(
                component=str(row["component"]),
                commit=str(row["commit"]),
                status=str(row["status"]),
                reason=str(row["reason"]),
                key=str(row["key"]),
                time=int(row["time"]),
                before=str(row.get("before", "")),
            )
            for row in rows
        ]
    except (OSError, AttributeError, *_PARSE_ERRORS):
        return {}
    return {one.component: one for one in found}


def write_outcomes(path: Path, fresh: Iterable[ComponentOutcome]) -> None:
    """Put the outcomes of a run over those that its components had before."""
    known = {**read_outcomes(path), **{one.component: one for one in fresh}}
    write_atomically(path, json.dumps([asdict(one) for one in known.values()], indent=1).encode())
