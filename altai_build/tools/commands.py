"""Commands: where programs are found, the environment they get, and how they are shown to people."""

from __future__ import annotations

import functools
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence

from altai_build.errors import MissingToolError

# What a child inherits of its parent's environment. Everything else is named by the call that needs it.
INHERITED_VARIABLES = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR")
# createrepo and rpm tools may be there.
_SBIN_PATH = ":/usr/local/sbin:/usr/sbin:/sbin"
# The password in a URL, with the name before it; compiled only where a URL is shown.
_LOGIN_IN_URL = r"(?<=://)[^/\s@]*(?:@[^/\s@]*)*@"
# How rpm and others say that the machine did not let them read a file: it may be sound.
READ_ERROR = re.compile(
    r"BAD, read returned -1|Input/output error|Cannot allocate memory|Too many open files"
)
_CAP_SYS_ADMIN = 21  # linux/capability.h
_MAX_STATUS = 64 << 10  # bytes of a file in /proc, whose size nothing says beforehand
# The user and the group that this process had before it became root of a user namespace.
_caller: list[tuple[int, int]] = []
# Where programs were found, by name and PATH.
_found_programs: dict[tuple[str, str], str] = {}


def find_program(program: str) -> str | None:
    """The path of a program on PATH or in an sbin directory, or None. A found program is looked for only once."""
    path = os.environ.get("PATH", os.defpath) + _SBIN_PATH
    known = _found_programs.get((program, path))
    if known is not None and os.access(known, os.X_OK):
        return known
    # Imported late: its compression modules would slow down every quick verb.
    import shutil

    found = shutil.which(program, path=path)
    if found is not None:
        _found_programs[program, path] = found
    return found


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The child's environment: the allow-list, a fixed locale, and what the call adds."""
    env = {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}
    env["PATH"] = os.environ.get("PATH", os.defpath) + _SBIN_PATH
    env["LC_ALL"] = "C.UTF-8"
    env["TZ"] = "UTC"
    env.update(extra or {})
    return env


def may_mount() -> bool:
    """Whether this process may mount file systems; root of most containers may not."""
    from altai_build.regular_files import read_regular_file  # quick verbs mount nothing

    try:
        status = read_regular_file("/proc/self/status", limit=_MAX_STATUS).decode("ascii", "replace")
    except OSError:
        return False
    rights = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    return bool(int(rights, 16) >> _CAP_SYS_ADMIN & 1)


def remember_caller(uid: int, gid: int) -> None:
    """Note that this process was another user before it became root of a user namespace."""
    _caller[:] = [(uid, gid)]


def caller_prefix() -> list[str]:
    """The prefix of a command that runs as the user who called, where this process has become root since."""
    if not _caller:
        return []
    uid, gid = _caller[0]
    return ["unshare", "--user", f"--map-user={uid}", f"--map-group={gid}", "--"]


def program_missing_error(program: str) -> MissingToolError:
    """The error for a program that is not installed."""
    return MissingToolError(
        f"the program {program} is not installed",
        why="it is neither on PATH nor in an sbin directory",
        todo="install it; `altai-build doctor` lists all missing programs and their packages",
    )


def describe_exit(returncode: int) -> str:
    """`exited with 1` or `was killed by SIGKILL`."""
    if returncode >= 0:
        return f"exited with {returncode}"
    try:
        return f"was killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was killed by signal {-returncode}"


def signal_of_shell(status: int) -> int:
    """The negative number of a signal, for the status of a shell or sandbox whose command it ended: 128 and its number.

    Any other status is returned as it is.
    """
    return 128 - status if status > 128 else status


def find_base_interpreter() -> str:
    """This Python without a virtual environment around it."""
    return str(getattr(sys, "_base_executable", "") or sys.executable)


def quote_command(argv: Sequence[str]) -> str:
    """The command as a person can paste it into a shell; without the passwords in its URLs, for it goes into logs."""
    return " ".join(map(_quote_word, argv))


# Commands of one kind differ in a few words only.
@functools.lru_cache(maxsize=2048)
def _quote_word(word: str) -> str:
    # Imported late: quick verbs have nothing to quote.
    import shlex

    return shlex.quote(re.sub(_LOGIN_IN_URL, "", word) if "://" in word else word)
