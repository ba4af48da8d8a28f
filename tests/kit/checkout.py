"""The files of this checkout."""

from __future__ import annotations

import subprocess

from tests.kit.cli import ROOT


def list_tracked(*paths: str) -> list[str]:
    """The files that git knows, below paths or all."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", *paths]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return sorted(name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file())
