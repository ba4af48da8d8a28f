"""Notes of which digest a file has that was made of some state, so that it need not be made again."""

from __future__ import annotations

from pathlib import Path

from altai_build.tools.files import write_atomically
from altai_build.tools.sealed_json import dump_sealed, read_sealed


def read_digest(notes: Path, name: str, state: str) -> str | None:
    """The SHA-256 that the file `name` had when it was made of this state; None where that is not noted."""
    known = read_sealed(_find_note(notes, name)) or {}
    return str(known["sha256"]) if known.get("state") == state and "sha256" in known else None


def write_digest(notes: Path, name: str, state: str, sha256: str) -> None:
    """Note the SHA-256 of a file in the folder `notes`."""
    text = dump_sealed({"state": state, "sha256": sha256})
    write_atomically(_find_note(notes, name), text, durable=False)


def _find_note(notes: Path, name: str) -> Path:
    return notes / name.replace("/", ",")
