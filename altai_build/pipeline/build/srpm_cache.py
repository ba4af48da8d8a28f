"""What `srpm` answered before: source packages are a pure function of a commit, a definition and two programs.

Only what starts quickly is imported here; the whole of the tool takes longer to load than this takes to look.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from altai_build import __version__
from altai_build.model.build import ComponentStatus
from altai_build.model.component import SRPM_RECIPE_VERSION, SrpmRow
from altai_build.tools import process
from altai_build.tools.files import write_atomically
from altai_build.workspace import Workspace

INPUTS_UNCHANGED = "nothing that made it has changed"


@dataclass(frozen=True)
class SrpmCache:
    """All that the source packages of a superproject commit depend on."""

    superproject: Path
    commit: str
    definition: Path | None  # repos.yaml
    workspace: Workspace

    @property
    def place(self) -> Path:
        """Where the answer is kept."""
        definition = self.definition.read_bytes() if self.definition is not None else b""
        parts = [
            __version__,
            SRPM_RECIPE_VERSION,
            self.commit,
            str(self.superproject),
            str(self.definition),
            _program_state("rpmbuild"),
            _program_state("git"),
        ]
        digest = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape") + definition).hexdigest()
        return self.workspace.cache / "answers" / digest

    def store_rows(self, rows: Sequence[SrpmRow]) -> None:
        """Keep an answer in which nothing failed."""
        if all(row.status is not ComponentStatus.FAILED for row in rows):
            tree = [
                [
                    row.component,
                    row.commit,
                    row.status.value,
                    row.srpm,
                    row.nevra,
                    row.reason,
                    _file_state(row.srpm),
                ]
                for row in rows
            ]
            write_atomically(self.place, json.dumps(tree).encode())

    def load_rows(self) -> list[SrpmRow] | None:
        """The kept answer, if every source package it names is still there; None where there is none."""
        try:
            tree = json.loads(self.place.read_bytes())
            return [_parse_row(one) for one in tree]
        except (OSError, ValueError, TypeError):
            return None


def _parse_row(one: list[object]) -> SrpmRow:
    component, commit, status, srpm, nevra, reason, seen = one
    if srpm is not None:
        path = str(srpm)
        if _file_state(path) != seen:
            raise ValueError(f"{path} was changed")
        os.utime(os.path.dirname(path))  # `clean` removes what is not used
        status, reason = ComponentStatus.REUSED, INPUTS_UNCHANGED
    return SrpmRow(
        component=str(component),
        commit=str(commit),
        status=ComponentStatus(status),
        srpm=None if srpm is None else str(srpm),
        nevra=None if nevra is None else str(nevra),
        reason=str(reason),
    )


def _file_state(path: str | None) -> list[int] | None:
    """What changes with a file's bytes, unless somebody hides it: comparing digests would cost their reading."""
    if path is None:
        return None
    status = os.stat(path)
    return [status.st_ino, status.st_mtime_ns, status.st_size]


def _files(folder: Path) -> list[str]:
    """Every file below a folder with its age and size, sorted."""
    found, pending = [], [os.fspath(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    pending.append(entry.path)
                else:
                    status = entry.stat(follow_symlinks=False)
                    found.append(f"{entry.path} {status.st_mtime_ns} {status.st_size}")
    return sorted(found)


def _program_state(name: str) -> str:
    """Which file a program is, and its age: another version is another file."""
    for folder in process.child_environment()["PATH"].split(os.pathsep):
        try:
            status = os.stat(os.path.join(folder, name))
        except OSError:
            continue
        return f"{folder}/{name} {status.st_ino} {status.st_mtime_ns} {status.st_size}"
    return name
