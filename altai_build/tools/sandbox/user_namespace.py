"""Become root for buildroots: of the machine, or of a user namespace with many ids or with one.

A user namespace gives this process no right over anything that its user may not change anyway, but the ids that
/etc/subuid and /etc/subgid give to the user: files and processes of buildroots have them.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from enum import Enum
from functools import cache
from pathlib import Path
from typing import NamedTuple

from altai_build.errors import AltaiError, MissingToolError
from altai_build.tools import commands, process
from altai_build.tools.sandbox.bubblewrap import BUILD_UID, may_become_build_user
from altai_build.tools.sandbox.id_ranges import (
    SUBORDINATE_GIDS,
    SUBORDINATE_UIDS,
    IdRange,
    describe_user,
    find_subordinate_ids,
    make_map_arguments,
    read_outer_root,
)
from altai_build.tools.sandbox.new_namespace import NamespaceRefused, give_same_ids, open_user_namespace
from altai_build.tools.sandbox.refusals import explain_namespace_refusal
from altai_build.tools.sandbox.seccomp import is_known_machine

_CLONE_NEWUSER = 0x10000000  # linux/sched.h
# Of nobody, the last one that distributions use.
_USUAL_COUNT = 65536


class Way(str, Enum):
    """A way to become root."""

    ROOT = "root of the machine"
    RANGE = "user namespace with many ids"
    ONE_ID = "user namespace with one id"


class Attempt(NamedTuple):
    """What came of a way: what was `found`, and what to do where it is not `usable`."""

    way: Way
    usable: bool
    found: str
    todo: str = ""


class _Unusable(Exception):
    """A way that this machine does not offer."""

    def __init__(self, found: str, todo: str) -> None:
        super().__init__(found)
        self.todo = todo


@cache
def become_root() -> tuple[Attempt, ...]:
    """Enter a user namespace where this process is not root of the machine; returns the ways that were tried.

    The last one was taken if it is usable. Must be called before any thread is started; the kernel refuses it later.
    """
    attempts: list[Attempt] = []
    for way, take in ((Way.ROOT, _take_root), (Way.RANGE, _take_range), (Way.ONE_ID, _take_one_id)):
        try:
            attempts.append(Attempt(way, True, take()))
            break
        except _Unusable as error:
            attempts.append(Attempt(way, False, str(error), error.todo))
    return tuple(attempts)


def has_one_id() -> bool:
    """Whether this is a root without other users: files of buildroots then belong to one user."""
    return os.geteuid() == 0 and not may_become_build_user()


def require_root() -> None:
    """Raise MissingToolError where this process can be root in no way."""
    attempts = become_root()
    if not attempts[-1].usable:
        raise MissingToolError(
            "the chroot builder cannot be root here, neither of the machine nor of a user namespace",
            why="\n".join(f"{attempt.way.value}: {attempt.found}" for attempt in attempts),
            todo="; or ".join(dict.fromkeys(attempt.todo for attempt in reversed(attempts)))
            + "; or use mock (--builder mock) as a member of its group",
        )


def describe_way() -> str:
    """The way in which this process is root."""
    last = become_root()[-1]
    return last.way.value if last.way is Way.ROOT else f"{last.way.value} ({last.found})"


def _take_root() -> str:
    if os.geteuid() != 0:
        raise _Unusable(f"this is the {describe_user(os.geteuid())}", "run altai-build as root")
    if not commands.may_mount():
        raise _Unusable(
            "this root may not mount, as that of a container", "start the container with --privileged"
        )
    if not may_become_build_user():
        raise _Unusable(
            "this is root of a user namespace that has no other user (/proc/self/uid_map)",
            "run altai-build outside of it",
        )
    return "this is root"


def _take_range() -> str:
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        if not may_become_build_user():
            raise _Unusable("this user namespace has one id", "enter one with more ids")
        _enter(_open(give_same_ids))
        return "a user namespace with the ids of this container"
    users = find_subordinate_ids(SUBORDINATE_UIDS, uid)
    groups = find_subordinate_ids(SUBORDINATE_GIDS, uid)
    missing = [
        str(file)
        for file, ranges in ((SUBORDINATE_UIDS, users), (SUBORDINATE_GIDS, groups))
        if sum(one.size for one in ranges) < BUILD_UID
    ]
    if missing:
        name = describe_user(uid)
        word = name.split()[1]
        raise _Unusable(
            f"no range of ids for {name} in {' and '.join(missing)}",
            f"as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {word} (a range that no "
            "other user has)",
        )
    absent = [program for program in ("newuidmap", "newgidmap") if commands.find_program(program) is None]
    if absent:
        raise _Unusable(
            f"{' and '.join(absent)} not installed", "apt-get install uidmap, or dnf install shadow-utils"
        )

    def set_ids(directory: Path) -> None:
        for program, own, ranges in (("newuidmap", uid, users), ("newgidmap", gid, groups)):
            done = process.run(
                [program, directory.name, *make_map_arguments(own, ranges)], ok=process.ANY_END, timeout=20
            )
            if done.returncode != 0 and directory.exists():
                raise _Unusable(
                    f"{program} failed: {done.error_text}",
                    f"check that {program} has its privileges (setuid, or file capabilities) and that this process "
                    "may gain them (no_new_privs, mount option nosuid)",
                )

    _enter(_open(set_ids), caller=(uid, gid))
    return _describe_ranges(users)


def _describe_ranges(ranges: tuple[IdRange, ...]) -> str:
    count = sum(one.size for one in ranges)
    few = (
        f"; packages with files of ids above {count} cannot be installed" if count < _USUAL_COUNT - 1 else ""
    )
    return f"{count} ids from {ranges[0].first}{few}"


def _take_one_id() -> str:
    if not is_known_machine(os.uname().machine):
        raise _Unusable(
            f"it needs a filter of system calls, and there is none for {os.uname().machine}",
            "use one of the other ways",
        )
    uid, gid = os.geteuid(), os.getegid()
    if uid != 0:

        def set_ids(directory: Path) -> None:
            # setgroups(2) would take the rights away that a group does not have (user_namespaces(7)).
            (directory / "setgroups").write_text("deny")
            (directory / "uid_map").write_text(f"0 {uid} 1\n")
            (directory / "gid_map").write_text(f"0 {gid} 1\n")

        _enter(_open(set_ids), caller=(uid, gid))
    elif may_become_build_user():
        raise _Unusable("not for root", "use one of the other ways")
    elif read_outer_root() == 0:
        # To the kernel, builds would be the machine's root.
        raise _Unusable(
            "the one id of this user namespace is that of root outside", "run altai-build outside of it"
        )
    return "all files of buildroots belong to one user"


def _open(set_ids: Callable[[Path], None]) -> int:
    try:
        return open_user_namespace(set_ids)
    except (OSError, NamespaceRefused, AltaiError) as error:
        raise _Unusable(*explain_namespace_refusal(str(error))) from error


def _enter(namespace: int, *, caller: tuple[int, int] | None = None) -> None:
    """Enter a user namespace that is ready, for good. `caller`: the ids of a user who becomes root by that."""
    # os.setns is in Python since 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if libc.setns(namespace, _CLONE_NEWUSER) != 0:
            why = os.strerror(ctypes.get_errno())
            raise _Unusable(f"the user namespace cannot be entered: {why}", "run altai-build as root")
    finally:
        os.close(namespace)
    if caller is not None:
        commands.remember_caller(*caller)
