"""The ids that a user may give to files and processes in a user namespace: subuid(5), subgid(5)."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import NamedTuple

from altai_build.errors import AltaiError
from altai_build.regular_files import read_regular_file
from altai_build.tools import commands, process

SUBORDINATE_UIDS = Path("/etc/subuid")
SUBORDINATE_GIDS = Path("/etc/subgid")
_FIRST_USER_NAMESPACE = 0xEFFFFFFD  # linux/proc_ns.h: PROC_USER_INIT_INO
_LARGEST_FILE = 1 << 20  # bytes


class IdRange(NamedTuple):
    """Consecutive ids."""

    first: int
    size: int


def find_subordinate_ids(file: Path, uid: int) -> tuple[IdRange, ...]:
    """The ranges that a file gives to a user, by name or by number; those of a directory service where it has none.

    Lines that nobody can read are no ranges, as for newuidmap(1).
    """
    names = {str(uid)}
    try:
        names.add(pwd.getpwuid(uid).pw_name)
    except KeyError:
        pass
    try:
        text = read_regular_file(file, limit=_LARGEST_FILE).decode("utf-8", "replace")
    except OSError:
        text = ""
    rows = [line.strip().split(":") for line in text.splitlines()]
    found = [row[1:] for row in rows if len(row) == 3 and row[0] in names]
    return _read_ranges(found) or _ask_directory(file, str(uid))


def _ask_directory(file: Path, user: str) -> tuple[IdRange, ...]:
    """The ranges that getsubids(1) knows, which also asks the service in /etc/nsswitch.conf."""
    if commands.find_program("getsubids") is None:
        return ()
    try:
        option = ["-g"] if file == SUBORDINATE_GIDS else []
        done = process.run(["getsubids", *option, user], ok=process.ANY_END, timeout=20)
    except AltaiError:
        return ()
    # "0: NAME FIRST COUNT"
    rows = [line.split() for line in done.text.splitlines()] if done.returncode == 0 else []
    return _read_ranges([row[2:] for row in rows if len(row) == 4])


def _read_ranges(rows: list[list[str]]) -> tuple[IdRange, ...]:
    numbers = [tuple(map(int, row)) for row in rows if all(word.isdigit() for word in row)]
    return tuple(IdRange(first, count) for first, count in numbers if count > 0)


def make_map_arguments(own: int, ranges: tuple[IdRange, ...]) -> list[str]:
    """The arguments of newuidmap(1): root inside is this user's own id, the next ids are those of the ranges."""
    words, inside = ["0", str(own), "1"], 1
    for one in ranges:
        words += [str(inside), str(one.first), str(one.size)]
        inside += one.size
    return words


def read_outer_root(table: Path = Path("/proc/self/uid_map")) -> int | None:
    """The id that root of this user namespace has in the one around it; None where there is no root here."""
    for line in table.read_text().splitlines():
        inside, outside, _ = map(int, line.split())
        if inside == 0:
            return outside
    return None


def in_user_namespace() -> bool:
    """Whether this process is in another user namespace than the machine's first one."""
    try:
        return os.stat("/proc/self/ns/user").st_ino != _FIRST_USER_NAMESPACE
    except OSError:
        return False


def describe_user(uid: int) -> str:
    """`user NAME`, or `uid NUMBER` of one without a name."""
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"uid {uid}"
