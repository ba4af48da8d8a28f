"""Where hostile code runs: bubblewrap with no network, no home, no keys, its own processes and host name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from altai_build.errors import ToolMissing
from altai_build.tools import process

# The names that get into packages; fixed, so that the same inputs give the same bytes on every machine.
BUILD_HOST = "altai-build.localdomain"
BUILD_USER = "mockbuild"
BUILD_UID = 1000
BUILD_DIR = "/builddir"
_ACCOUNTS = f"root:x:0:0::/root:/bin/sh\n{BUILD_USER}:x:{BUILD_UID}:{BUILD_UID}::{BUILD_DIR}:/bin/sh\n"
_GROUPS = f"root:x:0:\n{BUILD_USER}:x:{BUILD_UID}:\n"


@dataclass(frozen=True)
class HostView:
    """The host seen read-only, with one writable directory at BUILD_DIR: for reading specs and making SRPMs."""

    writable: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in here as an unprivileged user.

        Seen are /usr and what it needs to start programs; not seen are /home, /root, /etc, /var and every socket.
        """
        require_bubblewrap()
        words = [
            "bwrap",
            "--unshare-all",
            "--unshare-user",
            "--die-with-parent",
            "--new-session",
            "--clearenv",
        ]
        words += ["--uid", str(BUILD_UID), "--gid", str(BUILD_UID), "--hostname", BUILD_HOST]
        words += ["--ro-bind", "/usr", "/usr"]
        for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
            place = Path("/", name)
            if place.is_symlink():
                words += ["--symlink", os.readlink(place), str(place)]
            elif place.is_dir():
                words += ["--ro-bind", str(place), str(place)]
        for seen in ("/etc/alternatives", "/etc/ld.so.cache"):
            words += ["--ro-bind-try", seen, seen]
        accounts, groups = self._account_files()
        words += ["--ro-bind", str(accounts), "/etc/passwd", "--ro-bind", str(groups), "/etc/group"]
        words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/var/tmp"]  # noqa: S108
        words += ["--bind", str(self.writable), BUILD_DIR, "--chdir", BUILD_DIR]
        for name, value in {**_FIXED, **self.environment}.items():
            words += ["--setenv", name, value]
        return [*words, "--", *argv]

    def _account_files(self) -> tuple[Path, Path]:
        accounts, groups = self.writable / ".passwd", self.writable / ".group"
        accounts.write_text(_ACCOUNTS)
        groups.write_text(_GROUPS)
        return accounts, groups


_FIXED = {
    "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
    "HOME": BUILD_DIR,
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "USER": BUILD_USER,
    "LOGNAME": BUILD_USER,
}


def require_bubblewrap() -> None:
    """Raise ToolMissing when there is no bubblewrap: without it no spec is evaluated."""
    if process.find("bwrap") is None:
        raise ToolMissing(
            "bubblewrap (bwrap) is not installed",
            why="a spec is program text and is only ever evaluated in a sandbox",
            todo="install it: apt-get install bubblewrap, or dnf install bubblewrap",
        )


def check() -> str:
    """Start and leave a sandbox; "" when that works, else what the kernel or bwrap said."""
    if process.find("bwrap") is None:
        return "bwrap is not installed"
    probe = ["bwrap", "--unshare-all", "--unshare-user", "--ro-bind", "/", "/", "--", "/bin/true"]
    tried = process.run(probe, ok=())
    return "" if tried.returncode == 0 else tried.complaint
