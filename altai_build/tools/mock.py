"""mock, the production builder: one clean chroot per build, driven by options and understood by exit codes."""

from __future__ import annotations

import grp
import hashlib
import itertools
import os
import pwd
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from altai_build.errors import AltaiError, InputError, ToolMissing
from altai_build.model.limits import Limits
from altai_build.model.plan import BuildOutcome, BuildRequest, Failure
from altai_build.model.release import Compat
from altai_build.tools import files, process
from altai_build.tools.buildlog import first_error_line
from altai_build.tools.buildroot import overlay_works
from altai_build.tools.limits import limited
from altai_build.tools.mockconfig import MockConfig
from altai_build.tools.repodata import write_repodata
from altai_build.tools.rpmfile import read_header
from altai_build.tools.sandbox import BUILD_HOST

GRACE = 60.0  # seconds for mock to end what runs in its chroot and to unmount it
OUTPUT = "mock.log"  # in the result directory, beside mock's own build.log, root.log and state.log

# mockbuild/exception.py lists these. What is not here, and 1, mock hands on from rpmbuild or from itself: see _judge.
_FAILURES = {
    10: Failure.BUILD,
    11: Failure.BUILD,  # rpmbuild ran into the configured timeout
    20: Failure.BUILDROOT,
    25: Failure.BUILDROOT,  # LVM
    30: Failure.DEPENDENCIES,
    31: Failure.DEPENDENCIES,
    40: Failure.SRPM,
    60: Failure.BUSY,
    65: Failure.BUSY,  # LVM pool
    90: Failure.BUILDROOT,  # bootstrap
    110: Failure.BUILDROOT,
}
_ENDED = (129, 141, 143)  # SIGHUP, SIGPIPE and SIGTERM, on which mock cleans up and leaves


@dataclass(frozen=True)
class _Fault:
    """What no package is guilty of and every other build would meet too."""

    what: str
    todo: str
    error: type[AltaiError] = ToolMissing


_FAULTS = {
    2: _Fault(
        "mock was started without the privileges it needs",
        "install mock with its setuid wrapper (the package)",
    ),
    3: _Fault(
        "mock does not accept the configuration",
        "let `mock --debug-config --root FILE` show what it reads",
        InputError,
    ),
    5: _Fault(
        "mock does not know one of the options it is given", "update mock; version 2.0 or later is needed"
    ),
    6: _Fault(
        "this machine cannot build for the architecture",
        "install qemu-user-static, or build on that hardware",
    ),
    50: _Fault("mock is not installed completely", "reinstall it: /etc/mock/logging.ini belongs to it"),
    70: _Fault(
        "mock cannot write its result directory",
        "give a workspace (--workspace) that the user who runs mock can enter and write",
        InputError,
    ),
    80: _Fault("mock cannot make namespaces", "run on a machine, or in a container, that allows unshare(2)"),
    120: _Fault("mock lacks a plugin of its package manager", "install dnf-plugins-core (or yum-utils)"),
}
_PRIVILEGE = (
    "add the user that builds to the group mock (usermod --append --groups mock NAME) and log in again; as root use "
    "sudo from such a user; or build with --builder chroot"
)


class MockBuilder:
    """Builds SRPMs with the installed mock; one object may run many builds at the same time."""

    name = "mock"

    def __init__(
        self,
        config: MockConfig,
        *,
        workspace_dir: Path,
        macros: Sequence[tuple[str, str]] = (),
        limits: Limits | None = None,
        busy_patience: float = 300.0,
    ) -> None:
        """`macros` (the target's own) win over those of the configuration; `busy_patience` is in seconds."""
        self.config = config
        self.limits = limits or Limits()
        self.workspace = workspace_dir / "mock"
        self.macros = tuple(macros)
        self.busy_patience = busy_patience
        self._slots: set[int] = set()
        self._slots_lock = threading.Lock()
        self._layers = workspace_dir / "roots" / "mock"

    @staticmethod
    def available() -> bool:
        """Whether there is a mock on PATH; says nothing about the right to use it."""
        return process.find("mock") is not None

    def check(self) -> None:
        """Raise ToolMissing when mock is absent or will refuse to work for this user."""
        if not self.available():
            raise process.missing("mock")
        if os.geteuid() == 0:
            if not (os.environ.get("SUDO_UID") or os.environ.get("USERHELPER_UID")):
                raise ToolMissing(
                    "mock does not run for plain root",
                    why="it drops to the user who called it, and neither SUDO_UID nor USERHELPER_UID names one",
                    todo=_PRIVILEGE,
                )
        elif _mock_group() not in os.getgroups():
            raise ToolMissing(
                "this user may not run mock",
                why=f"{pwd.getpwuid(os.geteuid()).pw_name} is not in the group mock",
                todo=_PRIVILEGE,
            )

    def version(self) -> str:
        """`mock 6.7`, and a digest of what the user's own mock configuration adds, for build keys.

        mock reads ~/.config/mock.cfg and ~/.mock/user.cfg last of all and has no option against it.
        """
        self.check()
        version = process.run(["mock", "--version"], env=_environment(), ok=()).text.strip() or "unknown"
        home = Path(pwd.getpwuid(_caller()).pw_dir)
        own = [path for path in (home / ".mock/user.cfg", home / ".config/mock.cfg") if path.is_file()]
        return " ".join(["mock", version, *(f"{path.name}:{files.sha256_file(path)}" for path in own)])

    @cached_property
    def overlays(self) -> bool:
        """Whether chroots can be layers on one base instead of copies of it: as root, where overlayfs is to be had.

        mock's plugin also calls modprobe, loaded or not.
        """
        return os.geteuid() == 0 and process.find("modprobe") is not None and overlay_works(self.workspace)

    def prepare(self) -> None:
        """Have mock clean what runs that were interrupted left; no other run is at work in this workspace."""
        for left in sorted((self.workspace / "used").glob("*")):
            for config in left.glob("*.cfg"):
                arguments = ["mock", "--configdir", str(left), "--root", config.stem]
                process.run(
                    [*arguments, "--uniqueext", left.name, "--clean"], env=_environment(), ok=(), grace=GRACE
                )
            files.remove_tree(left)

    def build(self, request: BuildRequest) -> BuildOutcome:
        """Build one SRPM; its RPMs and logs are put into the request's result directory.

        A failure that the package, its dependencies or a taken chroot can cause is an outcome. Raises ToolMissing or
        InputError for faults of the machine and of the configuration, which every other build would meet too.
        """
        self.check()
        started = time.monotonic()
        with self._slot() as unique:
            for left in self.workspace.glob(f"{unique}.*"):  # by a run that was killed
                files.remove_tree(left)
            with files.scratch_directory(self.workspace, unique) as scratch:
                os.chmod(scratch, 0o755)  # noqa: S103 - mock reads and writes in it as the user that it drops to
                arguments = self._arguments(request, scratch, unique)
                used = self.workspace / "used" / unique
                shutil.copytree(scratch / "config", used, dirs_exist_ok=True)
                status = self._run_patiently(request, arguments, scratch / "result")
                if status >= 0 and status not in _ENDED:
                    files.remove_tree(used)  # mock has cleaned the chroot
                _take_results(scratch / "result", request.result_dir)
        return self._outcome(request, status, time.monotonic() - started)

    @contextmanager
    def _slot(self) -> Iterator[str]:
        """The name of a chroot that no other build has: one for each build that runs at the same time.

        So there are never more chroots than builds, and what a run that was killed left in one is cleaned by the
        next, which gives the same names.
        """
        with self._slots_lock:
            number = next(one for one in itertools.count() if one not in self._slots)
            self._slots.add(number)
        place = hashlib.sha256(os.fsencode(self.workspace)).hexdigest()[:10]
        try:
            yield f"altai-{place}-{number}"
        finally:
            with self._slots_lock:
                self._slots.discard(number)

    def _arguments(self, request: BuildRequest, scratch: Path, unique: str) -> list[str]:
        """mock's command line; what it names is made in the scratch directory."""
        arguments = [
            "mock",
            "--configdir", str(self._write_config(request, scratch / "config", unique)),
            "--root", self.config.name,
            "--uniqueext", unique,
            "--resultdir", str(scratch / "result"),
            "--cleanup-after",
        ]  # fmt: skip
        if not self.config.use_bootstrap:
            arguments.append("--no-bootstrap-chroot")
        if request.local_rpms:
            arguments += ["--addrepo", _local_repository(request, scratch / "local").as_uri()]
        for name, value in self._all_macros(request).items():
            arguments += ["--define", f"{name} {value}"]
        return [*arguments, "--rebuild", str(request.srpm)]

    def _all_macros(self, request: BuildRequest) -> Mapping[str, str]:
        """What makes the packages the same wherever they are built, and the target's own macros."""
        return {
            "_buildhost": BUILD_HOST,
            "use_source_date_epoch_as_buildtime": "1",
            "clamp_mtime_to_source_date_epoch": "1",
            "_smp_mflags": f"-j{request.jobs}",
            "_smp_build_ncpus": str(request.jobs),
            **dict(self.macros),
            **dict(request.macros),
        }

    def _write_config(self, request: BuildRequest, directory: Path, unique: str) -> Path:
        """A configuration directory that holds what was read, and counted into the build key, and nothing else.

        The chroot's name carries the digest, because mock keeps one cached chroot per name, and the file the age of
        what it was made from, because mock throws the cached chroot away when a configuration is younger.
        """
        name = f"{self.config.root}-{self.config.digest[:12]}"
        text = (
            self.config.flat
            + f"config_opts['root'] = {name!r}\n"
            + f"config_opts['environment']['SOURCE_DATE_EPOCH'] = {str(request.source_date_epoch)!r}\n"
            # Where the host has dnf and the target asks for yum, mock would wait for a key to be pressed.
            + "config_opts['dnf_warning'] = False\n"
            + f"config_opts['rpmbuild_timeout'] = {int(self.limits.seconds or 0)}\n"
            # Without this it does not say what was in the chroot.
            + "config_opts['plugin_conf']['package_state_enable'] = True\n"
            + "config_opts['plugin_conf']['package_state_opts']['installed_pkgs'] = True\n"
        )
        if self.overlays:
            # Of its own for each chroot: the plugin lets one at a time into a directory, and fails the others.
            layers = files.make_directory(self._layers / unique)
            os.utime(layers)  # `clean` removes what is not used
            options = {"base_dir": str(layers), "touch_rpmdb": False, "trace_hooks": False}
            text += (
                "config_opts['plugin_conf']['root_cache_enable'] = False\n"
                "config_opts['plugin_conf']['overlayfs_enable'] = True\n"
                f"config_opts['plugin_conf']['overlayfs_opts'] = {options!r}\n"
            )
        path = directory / f"{self.config.name}.cfg"
        files.write_whole(path, text.encode("utf-8", "surrogatepass"))
        age = max((file.stat().st_mtime for file in self.config.files), default=0.0)
        os.utime(path, (age, age))
        return directory

    def _run_patiently(self, request: BuildRequest, arguments: Sequence[str], result: Path) -> int:
        """Run mock, again and again while another process holds the chroot, and return its exit status."""
        deadline, pause = time.monotonic() + self.busy_patience, 1.0
        while True:
            files.remove_tree(result)  # mock adds to logs that are there
            files.make_directory(result)
            if os.geteuid() == 0:
                os.chown(result, _caller(), -1)
            with open(request.result_dir / OUTPUT, "wb") as output:
                status = process.run(
                    [*limited(self.limits), *arguments],
                    env=_environment(),
                    stdout=output,
                    merge_stderr=True,
                    ok=(),
                    grace=GRACE,
                ).returncode
            if _FAILURES.get(status) is not Failure.BUSY or time.monotonic() >= deadline:
                return status
            time.sleep(min(pause, max(deadline - time.monotonic(), 0)))
            pause = min(pause * 2, 15.0)

    def _outcome(self, request: BuildRequest, status: int, seconds: float) -> BuildOutcome:
        """What the exit status and the files in the result directory say together."""
        directory = request.result_dir
        failure = _judge(request, status, self.config)
        rpms = tuple(sorted(directory.glob("*.rpm"))) if failure is None else ()
        buildroot = _installed(directory / "installed_pkgs.log")
        if failure is None and not buildroot:
            raise ToolMissing(
                "mock does not say which packages were in the chroot",
                why=f"installed_pkgs.log of {request.component} is missing or empty",
                todo="the host's rpm must look for databases in /var/lib/rpm: "
                "echo '%_dbpath /var/lib/rpm' > /etc/rpm/macros.dbpath",
            )
        reason = "" if failure is None else _reason(directory, failure, status)
        if failure is None and not rpms:
            failure, reason = (
                Failure.BUILD,
                "no package was made: the spec has no %files for this architecture",
            )
        return BuildOutcome(
            failure=failure,
            rpms=rpms,
            log=_log_of(directory, failure),
            reason=reason,
            seconds=seconds,
            buildroot=buildroot,
        )


def _judge(request: BuildRequest, status: int, config: MockConfig) -> Failure | None:
    """Which part failed, from mock's exit status.

    mock hands on rpmbuild's own status, mostly 1, and uses 1 for faults of its own: then the files it has left tell
    them apart. The list of installed packages is written just before rpmbuild starts, the logs when the chroot is
    made, and neither when the SRPM cannot be read.
    """
    if status == 0:
        return None
    installed = (request.result_dir / "installed_pkgs.log").is_file()
    if status in _FAULTS and not installed:
        fault = _FAULTS[status]
        output = request.result_dir / OUTPUT
        raise fault.error(
            f"{fault.what} ({config.name})", why=first_error_line(output, Failure.BUILDROOT), todo=fault.todo
        )
    if status in _FAILURES:
        return _FAILURES[status]
    if status < 0 or status in _ENDED:
        return Failure.BUILDROOT
    if installed:
        return Failure.BUILD
    return Failure.BUILDROOT if _is_source_package(request.srpm) else Failure.SRPM


def _is_source_package(path: Path) -> bool:
    """Whether a file's header can be read and is that of a source package."""
    try:
        return read_header(path).is_source
    except InputError:
        return False


def _reason(directory: Path, failure: Failure, status: int) -> str:
    """The line to show for a failure; build.log tells of rpmbuild, mock's own output of everything else."""
    if failure is Failure.BUSY:
        return "another process holds the chroot"
    if status < 0 or status in _ENDED:
        return f"mock {process.describe_exit(min(status, 128 - status))}"
    logs = ("build.log", OUTPUT) if failure is Failure.BUILD else (OUTPUT, "root.log")
    line = first_error_line(directory / logs[0], failure, also=[directory / logs[1]])
    return line or f"mock {process.describe_exit(status)}"


def _log_of(directory: Path, failure: Failure | None) -> Path | None:
    """The log to read first."""
    logs = {
        None: ("build.log",),
        Failure.BUILD: ("build.log",),
        Failure.BUILDROOT: ("root.log",),
        Failure.DEPENDENCIES: ("root.log",),
    }.get(failure, ())
    return next((directory / log for log in (*logs, OUTPUT) if (directory / log).is_file()), None)


def _installed(path: Path) -> tuple[str, ...]:
    """The packages of the chroot as "NEVRA BUILDTIME:SIZE", sorted.

    mock prints `%{nevra} %{buildtime} %{size} installed`; build time and size stand for the header's digest, which
    it does not tell. Keys that are imported into the database are no packages.
    """
    if not path.is_file():
        return ()
    rows = [line.split() for line in path.read_text("utf-8", "replace").splitlines()]
    return tuple(
        sorted(
            f"{row[0]} {row[1]}:{row[2]}"
            for row in rows
            if len(row) == 4 and not row[0].startswith("gpg-pubkey-")
        )
    )


def _take_results(source: Path, destination: Path) -> None:
    """Move packages and logs out of mock's result directory; the SRPM is ours already, mock's copy has other bytes."""
    for path in sorted(source.iterdir()):
        if path.is_symlink() or not path.is_file() or path.name.endswith((".src.rpm", ".nosrc.rpm")):
            continue
        target = destination / path.name
        shutil.move(os.fspath(path), target)
        if os.geteuid() == 0:
            os.chown(target, 0, 0)  # from here on no one but this program changes it


def _local_repository(request: BuildRequest, directory: Path) -> Path:
    """A repository of the RPMs made earlier in this run; mock itself adds it with gpgcheck=0, they are unsigned yet."""
    files.make_directory(directory)
    for rpm in request.local_rpms:
        files.link_or_copy(rpm, directory / rpm.name)
    write_repodata(
        directory, epoch=request.source_date_epoch, compat=Compat.EL6
    )  # gzip: any yum or dnf reads it
    return directory


def _environment() -> dict[str, str]:
    """Who called sudo, and the proxies to fetch packages through; the rest of the environment stays out."""
    wanted = (
        "SUDO_UID",
        "SUDO_GID",
        "SUDO_USER",
        "USERHELPER_UID",
        "http_proxy",
        "https_proxy",
        "ftp_proxy",
        "no_proxy",
    )
    return {name: os.environ[name] for name in wanted if name in os.environ}


def _caller() -> int:
    """The user that mock drops to."""
    return int(os.environ.get("USERHELPER_UID") or os.environ.get("SUDO_UID") or os.getuid())


def _mock_group() -> int:
    """The number of the group mock."""
    try:
        return grp.getgrnam("mock").gr_gid
    except KeyError as error:
        raise ToolMissing(
            "there is no group mock", why="mock's package makes it", todo="install mock from a package"
        ) from error
