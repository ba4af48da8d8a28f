"""Directories with installed buildroots, shared by all builds that need the same packages."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.limits import Limits
from altai_build.regular_files import read_regular_file
from altai_build.tools import commands, notices, process
from altai_build.tools.buildlog.reading import read_ends
from altai_build.tools.chroot.file_list import NoFileList, find_change, get_list_path, write_file_list
from altai_build.tools.chroot.file_owners import describe_other_owners, list_devices, read_headers
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.files import (
    file_lock,
    link_or_copy,
    lock_descriptor,
    make_directory,
    remove_tree,
    scratch_directory,
    write_atomically,
)
from altai_build.tools.sandbox.bubblewrap import (
    BUILD_DIR,
    BUILD_UID,
    BUILD_USER,
    InstallSandbox,
    may_become_build_user,
)
from altai_build.tools.sandbox.id_ranges import in_user_namespace
from altai_build.tools.sandbox.limits import run_script, run_with_log
from altai_build.tools.sandbox.overlay import Overlay, OverlayKind
from altai_build.tools.sandbox.user_namespace import has_one_id
from altai_build.tools.solver.package_files import fetch_resolved_packages
from altai_build.tools.solver.pool import ResolvedPackage
from altai_build.tools.tree import walk_tree

_SCRIPT_TIMEOUT = 60.0  # seconds
_LOG_TAIL_SIZE = 1 << 14  # bytes
_MAX_ACCOUNTS = 16 << 20  # bytes


@dataclass(frozen=True)
class RootCache:
    """Installed buildroots, each in a directory named by the key of its content; never changed afterwards."""

    directory: Path
    packages: Path  # the cache of downloaded RPMs
    limits: Limits = field(default_factory=Limits)  # of scriptlets, as of builds
    # Bytes of all layers: each has a whole rpm database. Those in use count, and stay.
    layers_limit: int = 2 << 30
    # As in BuilderSettings.
    fetch_packages: Callable[[Sequence[ResolvedPackage]], list[Path]] | None = None
    # Those that were made by this process, or that it has found unchanged.
    _checked: set[Path] = field(default_factory=set, compare=False)

    def ensure_base(self, buildroot: Buildroot, *, check: bool = True) -> Path:
        """The base buildroot, installed if it is not there. The log of the installation is beside it.

        One of an earlier run whose files have changed is installed again. Without `check` that is left to those who
        build in it: a run that finds all its builds in the cache does not wait for it.
        """
        self._restrict_access()
        self._require_owners()
        place = self.directory / "base" / buildroot.base_cache_key
        with file_lock(self.directory / "base" / f"{buildroot.base_cache_key}.lock"):
            if place.is_dir() and (not check or self._is_unchanged(place)):
                os.utime(place)
                return place
            with scratch_directory(self.directory / "base", ".new") as scratch:
                root = make_directory(scratch / "root")
                # The build user must enter it, whatever the umask is.
                root.chmod(0o755)
                log = self.directory / "base" / f"{buildroot.base_cache_key}.log"
                self._install_packages(root, buildroot.base, log, buildroot.nodocs)
                # For those who copy the root elsewhere, and need them no more.
                digests = "".join(f"{package.checksum.value}\n" for package in buildroot.base)
                write_atomically(get_packages_path(place), digests.encode(), durable=False)
                set_up_base_root(root)
                self._add_files(root, buildroot)
                self._move_to_place(root, place)
        return place

    def open_layer(
        self, buildroot: Buildroot, stack: ExitStack, kind: OverlayKind = OverlayKind.KERNEL
    ) -> Path | None:
        """The overlay layer with the packages of `extra`, installed if it is not there; None without any.

        It stays as long as `stack` is open; others may be removed, those first that were not used for the longest time.
        """
        if not buildroot.extra:
            return None
        base = self.ensure_base(buildroot)
        suffix = "" if kind is OverlayKind.KERNEL else f"-{kind.value}"
        place = self.directory / "layers" / f"{buildroot.extra_cache_key}{suffix}"
        with file_lock(place.with_name(f"{place.name}.lock")):
            if place.is_dir() and self._is_unchanged(place):
                os.utime(place)
                stack.enter_context(_in_use(place))
                return place
            with scratch_directory(self.directory / "layers", ".new") as scratch:
                overlay = Overlay.create(scratch, [base], kind)
                log = place.with_name(f"{place.name}.log")
                self._install_packages(overlay.merged, buildroot.extra, log, buildroot.nodocs, overlay.prefix)
                self._move_to_place(scratch / "upper", place)
                os.utime(place)
            size = str(_measure(place)).encode()
            write_atomically(place.with_name(f"{place.name}.size"), size, durable=False)
            stack.enter_context(_in_use(place))
        self.prune_layers()
        return place

    def prune_layers(self) -> None:
        """Remove the layers that were not used for the longest time, until the others are small enough."""
        with file_lock(self.directory / "layers.lock", blocking=False) as is_only_one:
            # Otherwise another job removes them, and what it removes cannot be measured here.
            if is_only_one:
                self._prune_layers()

    def _prune_layers(self) -> None:
        layers = self.directory / "layers"
        places = [path for path in layers.iterdir() if not path.name.startswith(".") and path.is_dir()]
        sizes = {place: _read_size(place) for place in places}
        total = sum(sizes.values())
        for place in sorted(places, key=lambda path: path.stat().st_mtime):
            if total <= self.layers_limit:
                return
            with file_lock(layers / f"{place.name}.lock", blocking=False) as is_free:
                if is_free and _remove_unused(place):
                    total -= sizes[place]

    def copy_root(self, buildroot: Buildroot, destination: Path) -> None:
        """Make a private copy of the whole buildroot, for file systems that overlayfs does not support."""
        base = self.ensure_base(buildroot)
        process.run(
            ["cp", "--archive", "--reflink=auto", "--no-target-directory", str(base), str(destination)]
        )
        if buildroot.extra:
            log = destination.with_name("install.log")
            self._install_packages(destination, buildroot.extra, log, buildroot.nodocs)

    def _is_unchanged(self, place: Path) -> bool:
        """Whether a root is as it was made; removes it when it is not. The caller holds its lock."""
        if place in self._checked:
            return True
        try:
            change = find_change(place)
        except NoFileList:
            change = (
                "nothing says what its files were when it was made (earlier versions wrote no list of them)"
            )
            notices.inform(f"the buildroot {place} is made again: {change}")
        else:
            if change:
                notices.notify(f"the buildroot {place} is made again, because {change}")
        if change:
            # Half of it, should this be interrupted, is not taken for the whole.
            get_list_path(place).unlink(missing_ok=True)
            remove_tree(place)
            return False
        self._checked.add(place)
        return True

    def _move_to_place(self, root: Path, place: Path) -> None:
        """Rename a root when all of it is on the disk: one that a power cut has emptied would be used for ever."""
        write_file_list(root, place)
        # One system call for tens of thousands of files.
        process.run(["sync", "--file-system", str(root)])
        os.rename(root, place)
        self._checked.add(place)

    def _restrict_access(self) -> None:
        """Keep other users of this machine out: buildroots contain setuid programs."""
        make_directory(self.directory, mode=0o700).chmod(0o700)

    def _require_owners(self) -> None:
        """Raise InputError where files cannot be given to other users, as on most network file systems."""
        if self._checked or not may_become_build_user():
            return
        with scratch_directory(self.directory, ".probe") as probe:
            try:
                os.chown(probe, BUILD_UID, BUILD_UID)
                os.chown(probe, 0, 0)
            except OSError as error:
                raise InputError(
                    f"files in {self.directory} cannot be given to other users, which buildroots need",
                    why=f"{error.strerror}: its file system does not allow that, as most network file systems",
                    todo="name a directory on a local disk with --workspace DIR",
                ) from error

    def _install_packages(
        self,
        root: Path,
        packages: Sequence[ResolvedPackage],
        log: Path,
        nodocs: bool,
        prefix: Sequence[str] = (),
    ) -> None:
        """Install exactly these packages with the host's rpm; all of them are verified first."""
        fetch = self.fetch_packages or partial(fetch_resolved_packages, cache=self.packages)
        paths = fetch(packages)
        with scratch_directory(self.directory, ".packages") as folder:
            names = []
            for path in paths:
                link_or_copy(path, folder / path.name)
                names.append(f"{InstallSandbox.PACKAGES}/{path.name}")
            view = InstallSandbox(root=str(root), packages=folder, scratch=folder / ".scratch")
            argv = ["rpm", "--root", InstallSandbox.ROOT, "--define", "_dbpath /var/lib/rpm", "--noplugins"]
            argv += ["--nosignature", "--install", "--verbose"]
            if nodocs:
                argv.append("--excludedocs")
            if in_user_namespace():
                argv += _leave_out(paths)
            done = run_with_log(
                [*prefix, *view.command([*argv, *names])], self.limits, log, [root.parent, folder]
            )
        if done.returncode != 0:
            stopped = done.error_text if done.stderr else describe_signal("rpm", done.returncode)
            raise RpmInstallFailed(log, done.returncode, stopped)

    def _add_files(self, root: Path, buildroot: Buildroot) -> None:
        """Make directories and files of the configuration, with the root's own programs: links lead nowhere else."""
        if not buildroot.directories and not buildroot.files:
            return
        with scratch_directory(self.directory, ".packages") as folder:
            view = InstallSandbox(root=str(root), packages=folder, scratch=folder / ".scratch")

            def run(script: str, *arguments: str, input: bytes = b"") -> None:
                words = ["chroot", InstallSandbox.ROOT, "/bin/sh", "-euc", script, "sh", *arguments]
                run_script(view.command(words), self.limits, input=input, timeout=_SCRIPT_TIMEOUT)

            if buildroot.directories:
                run('mkdir -p -- "$@"', *(f"/{path.lstrip('/')}" for path in buildroot.directories))
            for path, text in buildroot.files:
                script = '[ -e "$1" ] || { mkdir -p -- "${1%/*}/"; cat >"$1"; }'
                run(script, f"/{path.lstrip('/')}", input=text.encode("utf-8", "surrogateescape"))


def get_packages_path(place: Path) -> Path:
    """Where the checksums of the packages of a base buildroot are, a line for each."""
    return place.with_name(f"{place.name}.packages")


def _leave_out(paths: Sequence[Path]) -> list[str]:
    """Options of rpm that leave out what root of a user namespace may not make or change: device nodes, and /proc.

    Says which packages cannot have their owners.
    """
    headers = read_headers(paths)
    if has_one_id() and (text := describe_other_owners(headers)):
        notices.notify(text)
    devices = [f"--excludepath={path}" for path in list_devices(headers)]
    return ["--define", "_netsharedpath /proc", *devices]


@contextmanager
def _in_use(place: Path) -> Iterator[None]:
    """Keep a layer from being removed, also by other runs that share it."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock_descriptor(descriptor, shared=True)
        yield
    finally:
        os.close(descriptor)


def _remove_unused(place: Path) -> bool:
    """Remove a layer; False for one that a build uses, or that cannot be renamed (in an image of a container)."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not lock_descriptor(descriptor, blocking=False):
            return False
        with scratch_directory(place.parent, ".new") as scratch:
            os.rename(place, scratch / "layer")
    except OSError:
        return False
    finally:
        os.close(descriptor)
    place.with_name(f"{place.name}.size").unlink(missing_ok=True)
    get_list_path(place).unlink(missing_ok=True)
    return True


def _read_size(place: Path) -> int:
    """The bytes of a layer, as measured when it was made; layers of earlier versions are measured now."""
    try:
        return int(read_regular_file(place.with_name(f"{place.name}.size"), limit=32))
    except (OSError, ValueError):
        return _measure(place)


def _measure(place: Path) -> int:
    return sum(entry.stat().st_blocks * 512 for entry in walk_tree(place))


class RpmInstallFailed(InputError):
    """rpm did not install the packages that the solver chose; the log says why.

    `stopped` says which limit or signal ended rpm; "" when it ended by itself.
    """

    def __init__(self, log: Path, returncode: int, stopped: str) -> None:
        ending = stopped or f"rpm {commands.describe_exit(returncode)}"
        super().__init__(
            "cannot install the buildroot",
            why="\n".join([f"{ending}:", *_log_tail(log)]),
            todo=f"read {log}",
        )
        self.log = log
        self.stopped = stopped


def describe_signal(program: str, returncode: int) -> str:
    """`rpm was killed by SIGKILL`, and why that may be; "" for an exit status of the program's own.

    In a sandbox the status may be that of bubblewrap: 128 and the number of the signal.
    """
    status = commands.signal_of_shell(returncode)
    if status >= 0:
        return ""
    why = "; the kernel does that when memory is short: see `dmesg`" if status == -signal.SIGKILL else ""
    return f"{program} {commands.describe_exit(status)}{why}"


def _log_tail(log: Path) -> list[str]:
    """The end of a log, where rpm says why it failed."""
    tail = read_ends(log, 0, _LOG_TAIL_SIZE)[2]
    return tail.decode("utf-8", "replace").splitlines()[-4:]


def set_up_base_root(root: Path) -> None:
    """Add what every build expects: the build user, the build directory, /etc/hosts.

    Raises InputError where /etc is a symbolic link: from here, it leads to a directory of the host.
    """
    if (root / "etc").is_symlink():
        raise InputError(
            "the base buildroot's /etc is a symbolic link", todo="remove the package that contains it"
        )
    _append_account(root / "etc/passwd", f"{BUILD_USER}:x:{BUILD_UID}:{BUILD_UID}::{BUILD_DIR}:/bin/bash\n")
    _append_account(root / "etc/group", f"{BUILD_USER}:x:{BUILD_UID}:\n")
    make_directory(root / BUILD_DIR.lstrip("/"))
    hosts = root / "etc/hosts"
    if not hosts.exists():
        write_atomically(hosts, b"127.0.0.1 localhost localhost.localdomain\n::1 localhost\n")


def _append_account(path: Path, line: str) -> None:
    """Add an account, but not through a symbolic link of a package."""
    if path.is_symlink():
        path.unlink()
    before = _read_accounts(path)
    if line not in before:
        separator = "" if not before or before.endswith("\n") else "\n"
        write_atomically(path, (before + separator + line).encode("utf-8", "surrogateescape"))


def _read_accounts(path: Path) -> str:
    try:
        return read_regular_file(path, limit=_MAX_ACCOUNTS).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise InputError(
            f"the base buildroot's /etc/{path.name} cannot be read",
            why=error.strerror or str(error),
            todo="remove the package that contains it",
        ) from error
