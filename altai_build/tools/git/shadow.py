"""Private repositories without objects of their own, which borrow those of others (git's alternates)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from altai_build.regular_files import read_regular_file
from altai_build.tools.files import make_directory, write_atomically


def make_shadow(commons: Sequence[Path], shadows: Path, *, is_sha256: bool) -> Path:
    """The repository in `shadows` that borrows the objects of these, which all have one object format.

    It is made again where it is damaged.
    """
    known = ":".join([*map(str, commons), str(64 if is_sha256 else 40)])
    name = hashlib.sha256(known.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    shadow = shadows / name
    config = f"[core]\n\trepositoryformatversion = {int(is_sha256)}\n\tbare = true\n"
    config += "[extensions]\n\tobjectFormat = sha256\n" if is_sha256 else ""
    wanted = {
        "config": config.encode(),
        "objects/info/alternates": b"".join(
            f"{common / 'objects'}\n".encode("utf-8", "surrogateescape") for common in commons
        ),
        "HEAD": b"ref: refs/heads/none\n",
    }
    make_directory(shadow / "refs")
    for file, content in wanted.items():
        if not _has_content(shadow / file, content):
            write_atomically(shadow / file, content, durable=False)
    return shadow


def _has_content(path: Path, content: bytes) -> bool:
    try:
        return read_regular_file(path, limit=len(content)) == content
    except OSError:
        return False
