"""A private repository without objects, through which those of others are read (git's alternates)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from altai_build.errors import InputError
from altai_build.regular_files import read_regular_file
from altai_build.tools.files import make_directory, write_atomically

# Bytes of a path that Linux takes, less those of the longest name that git appends to that of its repository.
_LONGEST_PATH = 4095 - 256


def make_shadow(shadows: Path, *, is_sha256: bool) -> Path:
    """The repository in `shadows` for one object format; it is made again where it is damaged.

    Raises InputError where it cannot be, also because its path is too long: git would then find no object in it.
    """
    shadow = shadows / ("sha256" if is_sha256 else "sha1")
    if len(os.fsencode(shadow.absolute())) > _LONGEST_PATH:
        raise InputError(
            f"the path {shadow} is too long for git",
            todo="use a workspace with a shorter path (--workspace DIR)",
        )
    config = f"[core]\n\trepositoryformatversion = {int(is_sha256)}\n\tbare = true\n"
    config += "[extensions]\n\tobjectFormat = sha256\n" if is_sha256 else ""
    for folder in ("objects", "refs"):
        make_directory(shadow / folder)
    for file, content in {"config": config.encode(), "HEAD": b"ref: refs/heads/none\n"}.items():
        if not _has_content(shadow / file, content):
            write_atomically(shadow / file, content, durable=False)
    return shadow


def name_objects(commons: Sequence[Path]) -> dict[str, str]:
    """The environment in which git reads the objects of these repositories, which all have one object format."""
    places = (f"{common / 'objects'}".replace("\\", "\\\\").replace('"', '\\"') for common in commons)
    # In quotes a path may contain anything (git(1)).
    return {"GIT_ALTERNATE_OBJECT_DIRECTORIES": ":".join(f'"{place}"' for place in places)}


def _has_content(path: Path, content: bytes) -> bool:
    try:
        return read_regular_file(path, limit=len(content)) == content
    except OSError:
        return False
