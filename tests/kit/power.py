"""A disk that can lose its power: a file system in a file, of which only that counts which has been written to it.

What programs have written and not flushed is in the memory of the mounted file system, and not in the file. A copy of
the file is therefore what is on the disk when the power is cut at that moment. Needs root and loop devices.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


class Disk:
    """A mounted disk; `top` is its root directory."""

    def __init__(self, folder: Path, mounts: ExitStack, megabytes: int) -> None:
        self._folder = folder
        self._mounts = mounts
        self._image = folder / "disk"
        self._cuts = 0
        with open(self._image, "wb") as image:
            image.truncate(megabytes << 20)
        _run("mkfs.ext4", "-q", "-m", "0", str(self._image))
        self.top = self._mount(self._image, "top")
        _run("sync", "--file-system", str(self.top))

    def cut_power(self) -> Path:
        """The root directory of the disk as it comes back after a power cut now; this one stays as it is."""
        self._cuts += 1
        image = self._folder / f"disk-{self._cuts}"
        _run("cp", "--sparse=always", str(self._image), str(image))
        return self._mount(image, f"after-{self._cuts}")

    def write_names(self) -> None:
        """Have the kernel write what it would write a few seconds later: the names of files, before their content."""
        with open(self.top / "other", "wb") as other:
            os.fsync(other)

    def _mount(self, image: Path, name: str) -> Path:
        place = self._folder / name
        place.mkdir()
        _run("mount", "-o", "loop", str(image), str(place))
        self._mounts.callback(_run, "umount", "--lazy", str(place))
        return place


@contextmanager
def make_disk(folder: Path, *, megabytes: int = 64) -> Iterator[Disk]:
    """A disk in an empty folder, unmounted at the end. Raises CalledProcessError where that is not possible."""
    folder.mkdir()
    with ExitStack() as mounts:
        yield Disk(folder, mounts, megabytes)


def _run(*argv: str) -> None:
    subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=True)
