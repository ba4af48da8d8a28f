"""The files in a package's payload, read with limits: for small packages whose content others wrote."""

from __future__ import annotations

import posixpath
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.limits import Limits
from altai_build.tools.files import scratch_directory
from altai_build.tools.sandbox.bubblewrap import BUILD_DIR, HostSandbox
from altai_build.tools.sandbox.limits import run_with_output
from altai_build.tools.sandbox.trial import find_start_fault

# Seconds, bytes. rpm2cpio prints a hundred megabytes a second.
_TIMEOUT = 60.0
_MEMORY_LIMIT = 1 << 30
_HEADER_SIZE = 110
# The magic of the two forms, then thirteen numbers of eight digits.
_HEADER = re.compile(rb"07070[12][0-9A-Fa-f]{104}")
_END = "TRAILER!!!"


def read_payload(package: Path, *, limit: int, scratch: Path) -> dict[str, bytes]:
    """The contents of the regular files of a package by their paths; links, devices and hard links are left out.

    Nothing is unpacked: rpm2cpio runs in a sandbox, and what it prints, `limit` bytes at most, is read here. Raises
    InputError for a payload that cannot be read or is larger.
    """
    limits = Limits(seconds=_TIMEOUT, memory=_MEMORY_LIMIT, log=limit)
    with scratch_directory(scratch, "payload") as home:
        # No link: the build user becomes the owner of what is there, and could write to a released file.
        shutil.copyfile(package, home / "package.rpm")
        done = run_with_output(
            HostSandbox(writable=home, now=0), ["rpm2cpio", f"{BUILD_DIR}/package.rpm"], limits
        )
    if done.stopped or done.returncode != 0:
        fault = find_start_fault(f"{package.name} was not read", done)
        if fault is not None:
            raise fault
        raise InputError(f"{package.name} cannot be read", why=done.stopped or done.error_text)
    try:
        return dict(_parse_archive(done.stdout))
    except ValueError as error:
        raise InputError(f"the payload of {package.name} cannot be read", why=str(error)) from error


def _parse_archive(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The regular files of an archive in cpio's `newc` format (cpio(5)). Raises ValueError."""
    at = 0
    while True:
        header = data[at : at + _HEADER_SIZE]
        if not _HEADER.fullmatch(header):
            raise ValueError(f"there is no cpio header at byte {at}")
        fields = [int(header[6 + 8 * number : 14 + 8 * number], 16) for number in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = (
            data[at + _HEADER_SIZE : at + _HEADER_SIZE + name_size]
            .rstrip(b"\0")
            .decode("utf-8", "surrogateescape")
        )
        if name == _END:
            return
        start = _align(at + _HEADER_SIZE + name_size)
        if start + size > len(data):
            raise ValueError(f"{name!r} is cut off")
        if stat.S_ISREG(mode):
            yield posixpath.normpath(f"/{name}"), data[start : start + size]
        at = _align(start + size)


def _align(offset: int) -> int:
    return offset + -offset % 4
