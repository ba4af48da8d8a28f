"""Finished work: which inputs gave which artefacts, in an append-only file that is read at the start of a run.

Read by hand and not with msgspec: that refuses names from git that are not UTF-8, and saves 25 ms of 10 MB where its
import costs 9 ms.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from altai_build.regular_files import read_regular_file
from altai_build.tools.files import CannotWriteError, make_directory, sync_directory, write_atomically
from altai_build.tools.sealed_json import dump_sealed, load_sealed, read_sealed

# What reading a document of another form raises; the last for numbers without end.
_PARSE_ERRORS = (ValueError, KeyError, TypeError, OverflowError)


@dataclass(frozen=True)
class Artefact:
    """A file that was made: its base name, SHA-256 and size in bytes."""

    file: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Record:
    """One piece of finished work. `inputs`: everything that the key was computed from, by name, for explanations."""

    # srpm, the BuildStep whose result it is, or FAILURE_KIND.
    kind: str
    key: str
    component: str
    commit: str
    inputs: tuple[tuple[str, str], ...]
    artefacts: tuple[Artefact, ...]
    seconds: float
    nevra: str = ""  # of the source package


@dataclass(frozen=True)
class ComponentOutcome:
    """What became of a component in the last run that built it; the keys of outcomes.json."""

    component: str
    commit: str
    status: str
    reason: str
    # Of the build that its packages came from, in this run or the last one that had any; "" where there is none.
    key: str
    time: int  # seconds since the epoch
    before: str = ""  # the `key` that the run found
    log: str = ""  # its path below the workspace; "" where there is none


class Ledger:
    """The records of one workspace; safe to append to from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._records: dict[tuple[str, str], Record] = {}
        self._by_component: dict[tuple[str, str], list[Record]] = {}
        self._torn = False
        self._load_records()

    def _load_records(self) -> None:
        try:
            data = read_regular_file(self.path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise CannotWriteError(self.path, error) from error
        # A run that was killed while writing leaves half a line; the work of that line is done again.
        self._torn = not data.endswith(b"\n") and bool(data)
        for line in data.split(b"\n"):
            record = _parse(line)
            if record is not None:
                self._index_record(record)

    def _index_record(self, record: Record) -> None:
        # Removed first, so that the newest records come last.
        self._records.pop((record.kind, record.key), None)
        self._records[record.kind, record.key] = record
        self._by_component.setdefault((record.kind, record.component), []).append(record)

    def find(self, kind: str, key: str) -> Record | None:
        """The newest record of this kind and key."""
        return self._records.get((kind, key))

    def all(self, kind: str) -> tuple[Record, ...]:
        """The newest record of each key of a kind."""
        return tuple(record for record in self._records.values() if record.kind == kind)

    def latest(self, kind: str, component: str) -> Record | None:
        """The newest record of a component, of any key."""
        return next(iter(self.history(kind, component)), None)

    def history(self, kind: str, component: str) -> tuple[Record, ...]:
        """All records of a component, the newest first."""
        return tuple(reversed(self._by_component.get((kind, component), ())))

    def append(self, *records: Record) -> None:
        """Add records; they are on the disk when this returns. Call it after the artefacts have their final names."""
        lines = b"".join(map(_serialize, records))
        with self._lock:
            try:
                make_directory(self.path.parent)
                with open(self.path, "ab") as stream:
                    is_new = stream.tell() == 0
                    stream.write(b"\n" + lines if self._torn else lines)
                    stream.flush()
                    os.fsync(stream.fileno())
                if is_new:
                    sync_directory(self.path.parent)
            except OSError as error:
                raise CannotWriteError(self.path, error) from error
            self._torn = False
            for record in records:
                self._index_record(record)

    def compact(self, keep: Callable[[Record], bool]) -> None:
        """Keep the newest record of each key for which `keep` is true; drop the others and what cannot be read.

        The caller holds the workspace. A record that a verb without the lock adds at the same time may be lost; its
        work is then done again.
        """
        kept = [record for record in self._records.values() if keep(record)]
        text = b"".join(_serialize(record) for record in kept)
        if len(text) == (self.path.stat().st_size if self.path.exists() else 0):
            return
        with self._lock:
            write_atomically(self.path, text)
            self._records, self._by_component, self._torn = {}, {}, False
            for record in kept:
                self._index_record(record)


def _serialize(record: Record) -> bytes:
    return dump_sealed(asdict(record)) + b"\n"


def _parse(line: bytes) -> Record | None:
    """The record in a line; None for half a line, and for one in which a single digit has changed."""
    tree = load_sealed(line)
    return None if tree is None else parse_record(tree)


def parse_record(tree: Mapping[str, Any]) -> Record | None:
    """The record that `asdict` made this of; None for what is no record."""
    try:
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
                Artefact(file=str(file["file"]), sha256=str(file["sha256"]), size=int(file["size"]))
                for file in tree["artefacts"]
            ),
            seconds=seconds,
            nevra=str(tree["nevra"]),
        )
    except _PARSE_ERRORS:
        return None


def read_outcomes(path: Path) -> dict[str, ComponentOutcome]:
    """The last outcome of each component; {} where there are none or they cannot be read."""
    document = read_sealed(path)
    if document is None:
        return {}
    try:
        outcomes = [
            ComponentOutcome(
                component=str(row["component"]),
                commit=str(row["commit"]),
                status=str(row["status"]),
                reason=str(row["reason"]),
                key=str(row["key"]),
                time=int(row["time"]),
                before=str(row.get("before", "")),
                log=str(row.get("log", "")),
            )
            for row in document["outcomes"]
        ]
    except (AttributeError, *_PARSE_ERRORS):
        return {}
    return {outcome.component: outcome for outcome in outcomes}


def write_outcomes(path: Path, outcomes: Iterable[ComponentOutcome]) -> None:
    """Replace the outcomes of the components of a run; those of other components stay."""
    known = {**read_outcomes(path), **{outcome.component: outcome for outcome in outcomes}}
    write_atomically(path, dump_sealed({"outcomes": [asdict(outcome) for outcome in known.values()]}))
