"""Archives name what makes them, because other versions of it may make other bytes."""

from __future__ import annotations

import subprocess
import zlib

from altai_build.tools.archive import archiver


def test_git_and_zlib_are_told() -> None:
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    assert archiver() == f"{git}, zlib {zlib.ZLIB_RUNTIME_VERSION}"
