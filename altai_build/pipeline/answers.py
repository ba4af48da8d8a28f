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
from altai_build.model.component import SRPM_RECIPE, SrpmResult
from altai_build.model.plan import Status
from altai_build.tools import process
from altai_build.tools.files import write_whole
from altai_build.workspace import Workspace

SAME = "nothing that made it has changed"


@dataclass(frozen=True)
class Question:
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
            SRPM_RECIPE,
            self.commit,
            str(self.superproject),
            str(self.definition),
            _program("rpmbuild"),
            _program("git"),
        ]
        digest = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape") + definition).hexdigest()
        return self.workspace.cache / "answers" / digest

    def remember(self, rows: Sequence[SrpmResult]) -> None:
        """Keep an answer in which nothing failed."""
        if all(row.status is not Status.FAILED for row in rows):
            tree = [
                [
                    row.component,
                    row.commit,
                    row.status.value,
                    row.srpm,
                    row.nevra,
                    row.reason,
                    _seen(row.srpm),
                ]
                for row in rows
            ]
            write_whole(self.place, json.dumps(tree).encode())

    def recall(self) -> list[SrpmResult] | None:
        """The kept answer, if every source package it names is still there; None where there is none."""
        try:
            tree = json.loads(self.place.read_bytes())
            return [_row(one) for one in tree]
        except (OSError, ValueError, TypeError):
            return None


def _row(one: list[object]) -> SrpmResult:
    component, commit, status, srpm, nevra, reason, seen = one
    if srpm is not None:
        path = str(srpm)
        if _seen(path) != seen:
            raise ValueError(f"{path} was changed")
        os.utime(os.path.dirname(path))  # `clean` removes what is not used
        status, reason = Status.REUSED, SAME
    return SrpmResult(
        component=str(component),
        commit=str(commit),
        status=Status(status),
        srpm=None if srpm is None else str(srpm),
        nevra=None if nevra is None else str(nevra),
        reason=str(reason),
    )


def _seen(path: str | None) -> list[int] | None:
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


def _program(name: str) -> str:
    """Which file a program is, and its age: another version is another file."""
    for folder in process.environment()["PATH"].split(os.pathsep):
        try:
            status = os.stat(os.path.join(folder, name))
        except OSError:
            continue
        return f"{folder}/{name} {status.st_ino} {status.st_mtime_ns} {status.st_size}"
    return name
