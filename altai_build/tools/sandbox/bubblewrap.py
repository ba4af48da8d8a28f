"""Sandboxes for foreign code: bubblewrap without network, home or keys, with its own processes and host name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from altai_build.errors import MissingToolError
from altai_build.tools import commands
from altai_build.tools.files import chown_tree, make_directory
from altai_build.tools.sandbox.clock import fixed_date_options
from altai_build.tools.sandbox.process_count import count_apart_command
from altai_build.tools.sandbox.seccomp import filter_command

# These names are in packages: they are fixed, so that the same inputs result in the same bytes on every machine.
BUILD_HOSTNAME = "altai-build.localdomain"
BUILD_USER = "mockbuild"
BUILD_UID = 1000
BUILD_DIR = "/builddir"
_ACCOUNTS = f"root:x:0:0::/root:/bin/sh\n{BUILD_USER}:x:{BUILD_UID}:{BUILD_UID}::{BUILD_DIR}:/bin/sh\n"
_GROUPS = f"root:x:0:\n{BUILD_USER}:x:{BUILD_UID}:\n"


@dataclass(frozen=True)
class HostSandbox:
    """The host's programs, read-only, and one writable directory at BUILD_DIR: for expanding specs and making SRPMs.

    `now` is the time there (seconds since 1970). `replaced` is a folder of the host below /usr, and another one whose
    entries stand there in place of those with their names.
    """

    writable: Path
    now: int
    replaced: tuple[Path, Path] | None = None

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in the sandbox as the unprivileged build user, who then owns the directory.

        Visible are /usr and what programs need to start; /home, /root, /etc, /var and all sockets are not. The command
        is the first process of its namespace: when it ends, the kernel ends everything that it started.
        """
        require_bubblewrap()
        accounts, groups = self._account_files()
        words = ["bwrap", *UNSHARE_OPTIONS, "--as-pid-1"]
        # Directories that bubblewrap makes on the way to a mount only root may enter.
        words += ["--dir", "/etc", "--dir", "/var"]
        words += _host_program_options()
        if self.replaced:
            words += _replace_options(*self.replaced)
        words += ["--ro-bind", str(accounts), "/etc/passwd", "--ro-bind", str(groups), "/etc/group"]
        words += [*_proc_options("/proc"), "--dev", "/dev"]
        # Not a tmpfs, which belongs to root.
        for place in ("/tmp", "/var/tmp"):  # noqa: S108 - of the sandbox
            temporary = make_directory(self.writable / f".{place.strip('/').replace('/', '.')}")
            words += ["--bind", str(temporary), place]
        words += fixed_date_options(self.writable / ".clock", self.now)
        words += ["--bind", str(self.writable), BUILD_DIR, "--chdir", BUILD_DIR, *_NO_SPACE_IN_MEMORY]
        path = f"{BUILD_DIR}/.clock:{_FIXED_ENVIRONMENT['PATH']}"
        own = {"PATH": path, "SOURCE_DATE_EPOCH": str(self.now)}
        for name, value in {**_FIXED_ENVIRONMENT, **own}.items():
            words += ["--setenv", name, value]
        if may_become_build_user():
            chown_tree(self.writable, BUILD_UID)
            # bubblewrap enters the directory before it becomes that user.
            self.writable.chmod(0o711)
        return _as_build_user(words, argv)

    def _account_files(self) -> tuple[Path, Path]:
        accounts, groups = self.writable / ".passwd", self.writable / ".group"
        accounts.write_text(_ACCOUNTS)
        groups.write_text(_GROUPS)
        return accounts, groups


@dataclass(frozen=True)
class EvaluationSandbox:
    """The host's programs and some files, all read-only: for a program that only computes."""

    visible: Mapping[str, str]  # file or directory of the host → where it is seen

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in the sandbox as the unprivileged build user."""
        return _show_files(UNSHARE_OPTIONS, self.visible, (), argv)


@dataclass(frozen=True)
class NetworkSandbox:
    """The same with the host's network and one writable directory at /tmp: for a client of foreign servers."""

    visible: Mapping[str, str]
    temporary: Path

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in the sandbox as the unprivileged build user, who then owns the directory."""
        give_to_build_user(self.temporary)
        words = [word for word in UNSHARE_OPTIONS if word != "--unshare-net"]
        return _show_files(words, self.visible, ("--bind", str(self.temporary), "/tmp"), argv)  # noqa: S108


def _show_files(
    unshared: Sequence[str], visible: Mapping[str, str], writable: Sequence[str], argv: Sequence[str]
) -> list[str]:
    """The command of a sandbox with the host's programs and these files."""
    require_bubblewrap()
    # Not as the first process of the namespace: it would ignore the signals of its limits.
    words = ["bwrap", *unshared, *_host_program_options()]
    words += [*_proc_options("/proc"), "--dev", "/dev", *writable]
    folders = {str(folder) for place in visible.values() for folder in PurePath(place).parents}
    # Directories that bubblewrap makes on the way to a mount only root may enter.
    for folder in sorted(folders - {"/"}):
        words += ["--dir", folder]
    for source, place in visible.items():
        words += ["--ro-bind", source, place]
    words += _NO_SPACE_IN_MEMORY
    for name, value in {**_FIXED_ENVIRONMENT, "HOME": "/nonexistent"}.items():
        words += ["--setenv", name, value]
    return _as_build_user(words, argv)


def _as_build_user(words: Sequence[str], argv: Sequence[str]) -> list[str]:
    """The command that becomes the build user in a sandbox with these options.

    In a user namespace that knows one user only, the build user would still be the host's root to the kernel, which
    asks no more before it lets /proc/sys be written or files of root be read (user_namespaces(7)): root becomes another
    user for good, in a namespace where each user is that of the host.
    """
    if not may_become_build_user():
        prefix, options = filter_command()
        words = [*words, *options]
        return [*prefix, *words, *_ONLY_USER, "--", *argv]
    become = ["setpriv", f"--reuid={BUILD_UID}", f"--regid={BUILD_UID}", "--clear-groups", "--"]
    opened, apart, closing = count_apart_command()
    prefix, options = filter_command(opened=opened)
    words = [*words, *options, *apart, *_capability_options("SETUID", "SETGID")]
    return [*prefix, *DIE_WITH_PARENT, *words, "--", *closing, *become, *argv]


def _host_program_options() -> list[str]:
    """Options that make the host's programs visible, read-only, and nothing else of it."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        folder = Path("/", name)
        if folder.is_symlink():
            words += ["--symlink", os.readlink(folder), str(folder)]
        elif folder.is_dir():
            words += ["--ro-bind", str(folder), str(folder)]
    for place in ("/etc/alternatives", "/etc/ld.so.cache"):
        words += ["--ro-bind-try", place, place]
    return words


def _replace_options(folder: Path, other: Path) -> list[str]:
    """Options that show a folder of the host with the entries of another one in place of those with their names."""
    words = ["--tmpfs", str(folder)]
    entries = {entry.name: entry for place in (folder, other) for entry in os.scandir(place)}
    for name, entry in entries.items():
        if entry.is_symlink():
            words += ["--symlink", os.readlink(entry.path), str(folder / name)]
        else:
            words += ["--ro-bind", entry.path, str(folder / name)]
    return [*words, "--remount-ro", str(folder)]


def _proc_options(place: str) -> list[str]:
    """Options that mount a /proc with the processes of the sandbox, and make the kernel's settings in it read-only.

    Otherwise a process with the user id of root could change them without any capability.
    """
    words = ["--proc", place]
    for name in ("sys", "sysrq-trigger", "fs", "acpi", "scsi", "mtrr"):
        if os.path.exists(f"/proc/{name}"):
            words += ["--ro-bind", f"/proc/{name}", f"{place}/{name}"]
    # The names of keys of every user: keyrings are in no namespace.
    for name in ("keys", "key-users"):
        if os.path.exists(f"/proc/{name}"):
            words += ["--ro-bind", "/dev/null", f"{place}/{name}"]
    return words


def _capability_options(*capabilities: str) -> list[str]:
    """Options that take all privileges but these from root (capabilities(7))."""
    return ["--cap-drop", "ALL", *(word for name in capabilities for word in ("--cap-add", f"CAP_{name}"))]


# bubblewrap's own file systems are in memory, and nothing limits what is written there.
_NO_SPACE_IN_MEMORY = ("--remount-ro", "/", "--remount-ro", "/dev")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = {"fd": "fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}


def _disk_dev_options(folder: Path, place: str) -> list[str]:
    """Options for a /dev in a directory of the host: packages may own files in it, which then are not in memory."""
    words = ["--bind", str(make_directory(folder)), place]
    for name in _DEVICES:
        words += ["--dev-bind", f"/dev/{name}", f"{place}/{name}"]
    for name, target in _DEVICE_LINKS.items():
        words += ["--symlink", f"/proc/self/{target}", f"{place}/{name}"]
    return [*words, "--dir", f"{place}/shm"]


# The only user of a user namespace of its own is the build user.
_ONLY_USER = ("--unshare-user", "--uid", str(BUILD_UID), "--gid", str(BUILD_UID))

# Own processes, no network, own System V objects and host name; ends with its parent; no inherited environment.
UNSHARE_OPTIONS = (
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


# Ends with its parent, however that ends, and its whole process namespace with it. bubblewrap's --die-with-parent does
# not end a process that became another user, because bubblewrap has dropped CAP_KILL by then. bubblewrap looks up its
# child in /proc, so it needs one of that namespace.
DIE_WITH_PARENT = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
)

# What the installation of packages needs; the same capabilities as in containers. Device nodes can be made but not
# opened: bubblewrap mounts everything with nodev.
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
    """The host's programs, a buildroot and packages to install into it, as root: scriptlets run in this sandbox.

    Scriptlets of packages that this run built are as little trusted as builds.
    """

    root: str  # the buildroot's path on the host
    packages: Path
    # A directory of the host for the temporary files and devices of sandboxes, made when it is needed.
    scratch: Path

    ROOT = "/target"
    PACKAGES = "/packages"

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in the sandbox; the buildroot is at ROOT, the packages are at PACKAGES."""
        require_bubblewrap()
        is_alone = not may_become_build_user()
        # Root of a user namespace may have groups of the user outside; one that has one id cannot leave them.
        groups = [] if is_alone else ["setpriv", "--clear-groups", "--"]
        prefix, options = filter_command(ignore_owners=is_alone)
        # New ones for each command: an earlier one may have left a trap.
        own = Path(tempfile.mkdtemp(dir=make_directory(self.scratch)))
        words = [
            *prefix,
            *groups,
            "bwrap",
            *options,
            *UNSHARE_OPTIONS,
            "--as-pid-1",
            *_capability_options(*_INSTALL_CAPABILITIES),
            *_host_program_options(),
        ]
        words += [
            "--bind",
            self.root,
            self.ROOT,
            *_disk_dev_options(own / "dev", f"{self.ROOT}/dev"),
            *_proc_options(f"{self.ROOT}/proc"),
        ]
        words += [*_proc_options("/proc"), "--dev", "/dev", "--ro-bind", str(self.packages), self.PACKAGES]
        words += ["--bind", str(make_directory(own / "tmp")), "/tmp", *_NO_SPACE_IN_MEMORY]  # noqa: S108
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
    # Of a 32-bit target: its programs may need socketcall(2).
    is_32_bit: bool = False

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in the sandbox.

        bwrap starts as root, so that the files of the buildroot keep their owners; chroot(1) of the buildroot's own
        coreutils then becomes the build user. It cannot become root again, because bwrap sets no_new_privs. That
        chroot(1) may be of a package that this run built: it has only the privileges that it needs.

        unshare(1) waits until the kernel has ended the last process of the namespace. bwrap alone ends with the
        command, and a background process could still write to the results for some milliseconds.
        """
        require_bubblewrap()
        is_alone = not may_become_build_user()
        opened, apart, closing = ({}, [], []) if is_alone else count_apart_command()
        prefix, options = filter_command(socketcall=self.is_32_bit, opened=opened)
        words = [*prefix, *DIE_WITH_PARENT, "bwrap", *options, *apart, *UNSHARE_OPTIONS]
        words += _ONLY_USER if is_alone else _capability_options("SETUID", "SETGID", "SYS_CHROOT")
        words += ["--bind", self.root, "/", "--dev", "/dev"]
        # Shared memory is a directory on the disk too: a tmpfs has no limit but the machine's memory.
        words += ["--bind", str(self._make_own_directory("shm")), "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108
        words += _proc_options("/proc")
        if is_alone:
            # The build user owns the whole buildroot, and may write where others may.
            for place in ("/tmp", "/var/tmp"):  # noqa: S108 - of the sandbox
                words += ["--bind", str(self._make_own_directory(place.replace("/", "."))), place]
            words += ["--remount-ro", "/"]
        words += ["--bind", str(self.build_dir), BUILD_DIR, "--chdir", BUILD_DIR]
        for name, value in {**_FIXED_ENVIRONMENT, **self.environment}.items():
            words += ["--setenv", name, value]
        if is_alone:
            return [*words, "--", *argv]
        user = f"--userspec={BUILD_UID}:{BUILD_UID}"
        return [*words, "--", "chroot", user, f"--groups={BUILD_UID}", "/", *closing, *argv]

    def _make_own_directory(self, name: str) -> Path:
        """A directory of the build user beside its home."""
        path = make_directory(
            self.build_dir.with_name(f"{self.build_dir.name}.{name.lstrip('.')}"), mode=0o700
        )
        give_to_build_user(path)
        return path


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
    if commands.find_program("bwrap") is None:
        raise MissingToolError(
            "bubblewrap (bwrap) is not installed",
            why="specs and mock configurations are programs: they are only ever run in a sandbox",
            todo="install it: apt-get install bubblewrap, or dnf install bubblewrap",
        )


def may_become_build_user() -> bool:
    """True for a root that can give files to the build user; that of `unshare --map-root-user` knows no other user."""
    if os.geteuid() != 0:
        return False
    try:
        rows = [tuple(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    except (OSError, ValueError):
        # Without /proc the kernel's own answer to chown decides.
        return True
    return any(first <= BUILD_UID < first + count for first, _, count in rows)


def give_to_build_user(*paths: Path) -> None:
    """Make the build user the owner of files; where there are no other users it is already."""
    if may_become_build_user():
        for path in paths:
            os.chown(path, BUILD_UID, BUILD_UID)
