"""Where hostile code runs: bubblewrap with no network, no home, no keys, its own processes and host name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from altai_build.errors import MissingToolError
from altai_build.tools import process
from altai_build.tools.files import chown_tree, make_directory

# The names that get into packages; fixed, so that the same inputs give the same bytes on every machine.
BUILD_HOSTNAME = "altai-build.localdomain"
BUILD_USER = "mockbuild"
BUILD_UID = 1000
BUILD_DIR = "/builddir"
_ACCOUNTS = f"root:x:0:0::/root:/bin/sh\n{BUILD_USER}:x:{BUILD_UID}:{BUILD_UID}::{BUILD_DIR}:/bin/sh\n"
_GROUPS = f"root:x:0:\n{BUILD_USER}:x:{BUILD_UID}:\n"


@dataclass(frozen=True)
class HostSandbox:
    """The host seen read-only, with one writable directory at BUILD_DIR: for reading specs and making SRPMs."""

    writable: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in here as the unprivileged build user, to whom the directory is given.

        Seen are /usr and what it needs to start programs; not seen are /home, /root, /etc, /var and every socket. The
        command is the first of its processes: when it has ended, so has everything that it started.
        """
        require_bubblewrap()
        accounts, groups = self._account_files()
        words = ["bwrap", *_UNSHARE_OPTIONS, "--as-pid-1"]
        words += [
            "--dir",
            "/etc",
            "--dir",
            "/var",
        ]  # what bubblewrap makes on the way to a mount only root may enter
        words += _host_program_options()
        words += ["--ro-bind", str(accounts), "/etc/passwd", "--ro-bind", str(groups), "/etc/group"]
        words += [*_proc_options("/proc"), "--dev", "/dev"]
        for place in ("/tmp", "/var/tmp"):  # noqa: S108 - of the sandbox; a tmpfs would be root's alone
            own = make_directory(self.writable / f".{place.strip('/').replace('/', '.')}")
            words += ["--bind", str(own), place]
        words += ["--bind", str(self.writable), BUILD_DIR, "--chdir", BUILD_DIR]
        for name, value in {**_FIXED_ENVIRONMENT, **self.environment}.items():
            words += ["--setenv", name, value]
        if os.geteuid() == 0:
            chown_tree(self.writable, BUILD_UID)
            # bubblewrap enters it before it becomes that user.
            self.writable.chmod(0o711)
        return _as_build_user(words, argv)

    def _account_files(self) -> tuple[Path, Path]:
        accounts, groups = self.writable / ".passwd", self.writable / ".group"
        accounts.write_text(_ACCOUNTS)
        groups.write_text(_GROUPS)
        return accounts, groups


@dataclass(frozen=True)
class EvaluationSandbox:
    """The host's programs and some files, all read-only, for a program that only computes: it can write nowhere."""

    visible: Mapping[str, str]  # file or directory of the host → where it is seen

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in here as the unprivileged build user."""
        require_bubblewrap()
        # Not as the first of its processes: to that one the kernel does not send the signals of its limits.
        words = ["bwrap", *_UNSHARE_OPTIONS, *_host_program_options()]
        words += [*_proc_options("/proc"), "--dev", "/dev"]
        folders = {str(folder) for place in self.visible.values() for folder in PurePath(place).parents}
        # Directories that bubblewrap makes on the way to a mount only root may enter.
        for folder in sorted(folders - {"/"}):
            words += ["--dir", folder]
        for source, place in self.visible.items():
            words += ["--ro-bind", source, place]
        for name, value in {**_FIXED_ENVIRONMENT, "HOME": "/nonexistent"}.items():
            words += ["--setenv", name, value]
        return _as_build_user(words, argv)


def _as_build_user(words: Sequence[str], argv: Sequence[str]) -> list[str]:
    """The command that becomes the build user in a sandbox with these options.

    In a user namespace the build user would still be the host's root to the kernel, which asks no more before it lets
    /proc/sys be written or files of root be read (user_namespaces(7)): root becomes another user for good.
    """
    if os.geteuid() != 0:
        return [*words, "--unshare-user", "--uid", str(BUILD_UID), "--gid", str(BUILD_UID), "--", *argv]
    become = ["setpriv", f"--reuid={BUILD_UID}", f"--regid={BUILD_UID}", "--clear-groups", "--"]
    return [*_DIE_WITH_PARENT, *words, *_capability_options("SETUID", "SETGID"), "--", *become, *argv]


def _host_program_options() -> list[str]:
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


def _proc_options(place: str) -> list[str]:
    """Options that show the processes of the sandbox; what the kernel is set by from there cannot be written.

    It would obey a process that is root by its number alone, without any capability.
    """
    words = ["--proc", place]
    for name in ("sys", "sysrq-trigger", "fs", "acpi", "scsi", "mtrr"):
        if os.path.exists(f"/proc/{name}"):
            words += ["--ro-bind", f"/proc/{name}", f"{place}/{name}"]
    return words


def _capability_options(*capabilities: str) -> list[str]:
    """Options that leave root no other privileges than these (capabilities(7)): not to mount, not to reach devices."""
    return ["--cap-drop", "ALL", *(word for name in capabilities for word in ("--cap-add", f"CAP_{name}"))]


# Its own processes, network (none), System V objects and host name; ends with its parent; no inherited environment.
_UNSHARE_OPTIONS = (
    "--unshare-pid",
    "--unshare-net",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",
    "--clearenv",
    "--hostname",
    BUILD_HOSTNAME,
)


# Ends with its parent, however that ends, and its whole process namespace with it: bubblewrap's --die-with-parent does
# not reach a process that has become another user, for bubblewrap itself has no CAP_KILL by then. It gets a /proc of
# that namespace, for it looks its own child up there.
_DIE_WITH_PARENT = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
)

# What packages need of root to be installed; the same that containers have proved enough for decades of them. Device
# nodes can be made and not opened: bubblewrap mounts without them.
_INSTALL_CAPABILITIES = (
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)


@dataclass(frozen=True)
class InstallSandbox:
    """The host's programs with a root to install into and packages to install, as root: scriptlets run in here.

    Those of packages that were built a moment ago are no better than any other build's commands.
    """

    root: str  # where the root is on the host
    packages: Path

    ROOT = "/target"
    PACKAGES = "/packages"

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in here; the root is at ROOT, the packages at PACKAGES."""
        require_bubblewrap()
        words = [
            "bwrap",
            *_UNSHARE_OPTIONS,
            "--as-pid-1",
            *_capability_options(*_INSTALL_CAPABILITIES),
            *_host_program_options(),
        ]
        words += [
            "--bind",
            self.root,
            self.ROOT,
            "--dev",
            f"{self.ROOT}/dev",
            *_proc_options(f"{self.ROOT}/proc"),
        ]
        words += [*_proc_options("/proc"), "--dev", "/dev"]
        words += ["--ro-bind", str(self.packages), self.PACKAGES, "--tmpfs", "/tmp"]  # noqa: S108
        for name, value in {
            **_FIXED_ENVIRONMENT,
            "HOME": "/nonexistent",
            "USER": "root",
            "LOGNAME": "root",
        }.items():
            words += ["--setenv", name, value]
        return [*words, "--", *argv]


@dataclass(frozen=True)
class BuildrootSandbox:
    """A buildroot as `/`, with a writable BUILD_DIR; commands run as the unprivileged build user."""

    root: str
    build_dir: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in here.

        bwrap starts as root so that the buildroot keeps its real owners; chroot(1) of the buildroot's own coreutils
        then becomes the build user, and bwrap has already set no_new_privs, so nothing leads back. That chroot(1) may
        be a package's of this very run: it has no more privileges than it needs.

        unshare(1) waits until the kernel has ended the last process in there. bwrap alone goes when the command does,
        and what the command left in the background could for some milliseconds still write to the results.
        """
        require_bubblewrap()
        words = [*_DIE_WITH_PARENT, "bwrap", *_UNSHARE_OPTIONS]
        words += _capability_options("SETUID", "SETGID", "SYS_CHROOT")
        words += ["--bind", self.root, "/", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/dev/shm"]  # noqa: S108
        words += _proc_options("/proc")
        words += ["--bind", str(self.build_dir), BUILD_DIR, "--chdir", BUILD_DIR]
        for name, value in {**_FIXED_ENVIRONMENT, **self.environment}.items():
            words += ["--setenv", name, value]
        user = f"--userspec={BUILD_UID}:{BUILD_UID}"
        return [*words, "--", "chroot", user, f"--groups={BUILD_UID}", "/", *argv]


_FIXED_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
    "HOME": BUILD_DIR,
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "USER": BUILD_USER,
    "LOGNAME": BUILD_USER,
}


def require_bubblewrap() -> None:
    """Raise MissingToolError when there is no bubblewrap: without it nothing foreign is run."""
    if process.find_program("bwrap") is None:
        raise MissingToolError(
            "bubblewrap (bwrap) is not installed",
            why="specs and mock configurations are programs: they are only ever run in a sandbox",
            todo="install it: apt-get install bubblewrap, or dnf install bubblewrap",
        )


def try_sandbox() -> str:
    """Start a sandbox; returns "" when that works, else what the kernel or bwrap says."""
    if process.find_program("bwrap") is None:
        return "bwrap is not installed"
    around, user = (_DIE_WITH_PARENT, []) if os.geteuid() == 0 else ((), ["--unshare-user"])
    probe = [*around, "bwrap", *_UNSHARE_OPTIONS, *user, "--ro-bind", "/", "/", "--", "/bin/true"]
    tried = process.run(probe, ok=process.ANY_END)
    return "" if tried.returncode == 0 else tried.error_text
