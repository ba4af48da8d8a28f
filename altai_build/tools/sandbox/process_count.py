"""User namespaces in which the kernel counts the processes of a sandbox apart from all others of the same user.

The limit of processes (RLIMIT_NPROC, setrlimit(2)) holds for each user in each user namespace since Linux 5.14. In the
host's namespace a sandbox could start fewer processes the more others run as the same user: a fork bomb in one build
would make another one fail. These namespaces have the users of the host, so that nothing else is different in them.
"""

from __future__ import annotations

import os
import resource
import threading
import weakref
from pathlib import Path

from altai_build.errors import AltaiError
from altai_build.tools import process

_DESCRIPTOR = 8


class _Namespace:
    """A user namespace, which is there as long as this object; `descriptor` is None where none can be made."""

    def __init__(self) -> None:
        self.descriptor = _open_namespace()
        if self.descriptor is not None:
            weakref.finalize(self, os.close, self.descriptor)


# One for each thread, which runs one sandbox after the other.
_of_thread = threading.local()
# Not empty when bubblewrap has entered one.
_entered: list[bool] = []
_entering = threading.Lock()


def count_apart_command() -> tuple[dict[int, str], list[str], list[str]]:
    """What makes the kernel count the processes of a sandbox that this thread starts as root apart from all others.

    Descriptor → the file that bubblewrap is to have open there; the options of bubblewrap; the prefix of the command
    inside. All are empty where that cannot be done.
    """
    if not hasattr(_of_thread, "namespace"):
        _of_thread.namespace = _Namespace()
    descriptor = _of_thread.namespace.descriptor
    if descriptor is None:
        return {}, [], []
    opened = {_DESCRIPTOR: f"/proc/{os.getpid()}/fd/{descriptor}"}
    return opened, ["--userns2", str(_DESCRIPTOR)], ["sh", "-c", f'exec "$@" {_DESCRIPTOR}<&-', "sh"]


def _open_namespace() -> int | None:
    """A descriptor of a new user namespace that bubblewrap can use; None where there is none."""
    # Commands that start no sandbox do without it.
    from altai_build.tools.sandbox.new_namespace import NamespaceRefused, give_same_ids, open_user_namespace

    try:
        # What runs in the namespace counts for its maker too, together with all that root runs.
        highest = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        if highest != resource.RLIM_INFINITY and highest < _read_default_limit():
            return None
        descriptor = open_user_namespace(give_same_ids, ["prlimit", f"--nproc={highest}:{highest}", "--"])
    except (OSError, ValueError, AltaiError, NamespaceRefused):
        return None
    with _entering:
        if not _entered and not _can_enter(descriptor):
            os.close(descriptor)
            return None
        # One is like another.
        _entered.append(True)
    return descriptor


def _read_default_limit() -> int:
    """How many processes a user may have where nobody sets a limit (kernel/fork.c, set_max_threads)."""
    return int(Path("/proc/sys/kernel/threads-max").read_text()) // 2


def _can_enter(descriptor: int) -> bool:
    """Whether bubblewrap can put a program into a namespace."""
    argv = ["sh", "-c", f'exec "$@" {_DESCRIPTOR}<"$0"', f"/proc/{os.getpid()}/fd/{descriptor}", "bwrap"]
    argv += ["--userns2", str(_DESCRIPTOR), "--ro-bind", "/", "/", "--", "/bin/true"]
    return process.run(argv, ok=process.ANY_END).returncode == 0
