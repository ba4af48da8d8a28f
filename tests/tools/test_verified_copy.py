"""Only the expected bytes are copied, and a wrong copy is never left behind."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from altai_build.tools.verified_copy import copy_verified


def test_other_bytes_are_not_copied(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "new" / "target"
    source.write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    assert copy_verified(source, target, digest, 7) == "" and target.read_bytes() == b"content"
    target.unlink()
    wrong = "source has other bytes than the list of the cache says"
    for sha256, size in ((digest, 6), (digest, 8), ("0" * 64, 7), (digest, 1 << 50)):
        assert copy_verified(source, target, sha256, size) == wrong and not target.exists()


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    with open(tmp_path / "sparse", "wb") as stream:
        stream.truncate(1 << 40)
    target = tmp_path / "target"
    for name in ("fifo", "loop", "missing", "sparse"):
        why = copy_verified(tmp_path / name, target, "0" * 64, 10)
        assert why.startswith(name) and not target.exists()
