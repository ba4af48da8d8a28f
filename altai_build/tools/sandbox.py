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
        words += _host_programs()
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


def _host_programs() -> list[str]:
    """Options that show the host's programs, read-only, and nothing else of it."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        place = Path("/", name)
        if place.is_symlink():
            words += ["--symlink", os.readlink(place), str(place)]
        elif place.is_dir():
            words += ["--ro-bind", str(place), str(place)]
    for seen in ("/etc/alternatives", "/etc/ld.so.cache"):
        words += ["--ro-bind-try", seen, seen]
    return words


# Its own processes, network (none), System V objects and host name; ends with its parent; no inherited environment.
_APART = (
    "--unshare-pid",
    "--unshare-net",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",
    "--clearenv",
    "--hostname",
    BUILD_HOST,
)


@dataclass(frozen=True)
class InstallView:
    """The host's programs with a root to install into and packages to install, as root: scriptlets run in here."""

    root: str  # where the root is on the host
    packages: Path

    ROOT = "/target"
    PACKAGES = "/packages"

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in here; the root is at ROOT, the packages at PACKAGES."""
        require_bubblewrap()
        words = ["bwrap", *_APART, *_host_programs(), "--bind", self.root, self.ROOT]
        words += [
            "--dev",
            f"{self.ROOT}/dev",
            "--proc",
            f"{self.ROOT}/proc",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
        ]
        words += ["--ro-bind", str(self.packages), self.PACKAGES, "--tmpfs", "/tmp"]  # noqa: S108
        for name, value in {**_FIXED, "HOME": "/nonexistent", "USER": "root", "LOGNAME": "root"}.items():
            words += ["--setenv", name, value]
        return [*words, "--", *argv]


@dataclass(frozen=True)
class RootView:
    """A buildroot as `/`, with a writable BUILD_DIR; commands run as the unprivileged build user."""

    root: str
    build_dir: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in here.

        bwrap starts as root so that the buildroot keeps its real owners; chroot(1) of the buildroot's own coreutils
        then becomes the build user, and bwrap has already set no_new_privs, so nothing leads back.
        """
        require_bubblewrap()
        words = ["bwrap", *_APART, "--bind", self.root, "/", "--dev", "/dev", "--proc", "/proc"]
        words += ["--bind", str(self.build_dir), BUILD_DIR, "--chdir", BUILD_DIR]
        for name, value in {**_FIXED, **self.environment}.items():
            words += ["--setenv", name, value]
        user = f"--userspec={BUILD_UID}:{BUILD_UID}"
        return [*words, "--", "chroot", user, f"--groups={BUILD_UID}", "/", *argv]


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
