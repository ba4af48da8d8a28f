"""`verify --remember FILE`: what it needs, and what it says of the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import UsageError

if TYPE_CHECKING:
    from altai_build.pipeline.published.remembered import RememberedVerification
    from altai_build.pipeline.run import Run


def refuse_useless_memory(run: Run, file: Path, keys: Sequence[str]) -> None:
    """Raise UsageError without a key to trust, InputError for a file that is damaged: before anything is downloaded."""
    from altai_build.pipeline.published.remembered import read_remembered

    if not keys and not any(key.is_signing_key for key in run.config.keys.values()):
        raise UsageError(
            "--remember needs a key to trust",
            why="whoever serves a release could have signed it, and what is remembered would be theirs",
            todo="name the key file that you have from elsewhere with --key FILE, or use repos.yaml",
        )
    read_remembered(file)


def describe_memory(remembered: RememberedVerification, file: Path) -> str:
    """What changed in the file, and whether a copy that gets no more releases would be noticed."""
    before, now = remembered.before, remembered.now
    if now is None:
        return f"{file}: nothing is remembered"
    text = f"{file}: {now.release}"
    if before is None:
        text += ", seen for the first time"
    elif before.release != now.release:
        text += f", after {before.release}"
    if now.expected_by is None:
        return f"{text}; it does not say when the next release is expected, so a copy that gets none is not noticed"
    return f"{text}; the next release is expected by {now.expected_by}"
