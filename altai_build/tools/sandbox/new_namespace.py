"""Makes user namespaces: a child makes one and holds it until it has its ids and a descriptor keeps it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from altai_build.tools import process
from altai_build.tools.pipes import Pipes

_START_TIMEOUT = 20.0  # seconds


class NamespaceRefused(Exception):
    """The kernel made no user namespace, or gave it no ids; the text says what it or a program said."""


def open_user_namespace(set_ids: Callable[[Path], None], prefix: Sequence[str] = ()) -> int:
    """A descriptor of a new user namespace; `set_ids` gets /proc/PID of the child that holds it.

    `prefix` is that of the command of the child. Raises NamespaceRefused, OSError, and what `set_ids` raises.
    """
    # It ends when its standard input is closed.
    argv = [*prefix, "unshare", "--user", "--", "sh", "-c", "echo; exec cat"]
    with (
        process.start_child(argv, input=b"") as child,
        Pipes(None, child.stdout, child.stderr, b"") as pipes,
    ):
        deadline = time.monotonic() + _START_TIMEOUT
        while not pipes.read(child.stdout):
            if not pipes.transfer(deadline):
                said = pipes.read(child.stderr).decode("utf-8", "replace").strip()
                raise NamespaceRefused(said or "unshare ended without a word")
        directory = Path("/proc", str(child.pid))
        set_ids(directory)
        return os.open(directory / "ns/user", os.O_RDONLY | os.O_CLOEXEC)


def give_same_ids(directory: Path) -> None:
    """Give the namespace of a process (/proc/PID) all ids of this one, with the same numbers (user_namespaces(7))."""
    for name in ("uid_map", "gid_map"):
        rows = (line.split() for line in Path("/proc/self", name).read_text().splitlines())
        table = "".join(f"{inside} {inside} {count}\n" for inside, _, count in rows)
        (directory / name).write_text(table)
