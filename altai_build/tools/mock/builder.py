"""mock, the production builder: one clean chroot per build, driven by options and understood by exit codes."""

from __future__ import annotations

import hashlib
import itertools
import os
import pwd
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from altai_build.errors import MissingToolError
from altai_build.model.build import (
    BuilderSettings,
    BuildOutcome,
    BuildRequest,
    FailureKind,
    HostSupport,
)
from altai_build.model.compat import Compat
from altai_build.model.limits import Limits
from altai_build.tools import commands, files, process
from altai_build.tools.mock.config import MockConfig
from altai_build.tools.mock.host import calling_user, mock_environment, read_mock_version, require_mock
from altai_build.tools.mock.option_check import UnsupportedOption
from altai_build.tools.mock.result import (
    MOCK_OUTPUT,
    TERMINATED_STATUSES,
    choose_log,
    classify_exit,
    find_failure_reasons,
    installed_packages,
    is_chroot_locked,
    is_conclusive,
    link_log,
)
from altai_build.tools.repo.repodata import write_repodata
from altai_build.tools.sandbox.bubblewrap import BUILD_HOSTNAME
from altai_build.tools.sandbox.cgroup import open_group
from altai_build.tools.sandbox.limits import find_disk_excess, get_disk_pause, limit_command, make_log_watch
from altai_build.tools.sandbox.overlay import can_mount_overlay

TERMINATE_SCRIPT = Path(__file__).with_name("ending.sh")
# Seconds for mock to end the processes in its chroot and to unmount it.
TERMINATION_GRACE = 60.0

# Names of chroots in use. Several builders may have one configuration: targets can share it.
_chroots_in_use: set[str] = set()
_chroots_in_use_lock = threading.Lock()


class MockBuilder:
    """Builds SRPMs with the installed mock; one object may run many builds at the same time."""

    name: ClassVar[str] = "mock"
    resolves_dependencies: ClassVar[bool] = True

    def __init__(
        self,
        config: MockConfig,
        *,
        directory: Path,
        roots: Path,
        macros: Sequence[tuple[str, str]] = (),
        limits: Limits | None = None,
        lock_timeout: float = 300.0,
    ) -> None:
        """A builder that works below `directory` and keeps chroots below `roots`.

        `macros` (the target's) override those of the configuration; `lock_timeout` is in seconds.
        """
        self.config = config
        self.limits = limits or Limits()
        self.directory = directory
        self.macros = tuple(macros)
        self.lock_timeout = lock_timeout
        self._layers = roots

    @classmethod
    def open(cls, config: MockConfig, settings: BuilderSettings) -> MockBuilder:
        """A builder with the settings of a run."""
        return cls(
            config,
            directory=settings.workspace / "mock",
            roots=settings.roots / "mock",
            macros=settings.macros,
            limits=settings.limits,
        )

    @classmethod
    def is_installed(cls) -> bool:
        """Whether mock is on PATH; this user may still lack the right to use it."""
        return commands.find_program("mock") is not None

    @classmethod
    def inspect_host(cls, scratch: Path) -> HostSupport:
        """mock's version. Raises MissingToolError as `require_usable` does."""
        cls.require_usable()
        return HostSupport(found=f"mock {read_mock_version()}")

    @classmethod
    def find_unsupported(cls, config: MockConfig) -> tuple[UnsupportedOption, ...]:
        """Nothing: mock carries out its own options."""
        return ()

    @classmethod
    def require_usable(cls) -> None:
        """Raise MissingToolError when mock is absent or refuses to work for this user."""
        require_mock()

    def version(self) -> str:
        """`mock 6.7`, with digests of the user's own mock configuration.

        mock always reads ~/.config/mock.cfg and ~/.mock/user.cfg, after all other files.
        """
        self.require_usable()
        home = Path(pwd.getpwuid(calling_user()).pw_dir)
        own = [path for path in (home / ".mock/user.cfg", home / ".config/mock.cfg") if path.is_file()]
        digests = (f"{path.name}:{files.sha256_file(path)}" for path in own)
        return " ".join(["mock", self._version, *digests])

    @cached_property
    def _version(self) -> str:
        return read_mock_version()

    @cached_property
    def supports_overlays(self) -> bool:
        """Whether mock's overlayfs plugin works: as root, on a file system that supports it, and with modprobe."""
        return (
            os.geteuid() == 0
            and commands.find_program("modprobe") is not None
            and can_mount_overlay(self.directory)
        )

    def prepare(self, base: object = None) -> None:
        """Let mock clean the chroots of interrupted runs; no other run is at work in this workspace."""
        for left in sorted((self.directory / "used").glob("*")):
            self._clean_interrupted(left)

    def _clean_interrupted(self, used: Path) -> None:
        """Clean the chroot of a mock that was killed; `used` has the configuration that it ran with."""
        self._remove_stale_mount_markers(used.name)
        for config in used.glob("*.cfg"):
            arguments = ["mock", "--configdir", str(used), "--root", config.stem]
            process.run(
                [*arguments, "--uniqueext", used.name, "--clean"],
                env=mock_environment(),
                ok=process.ANY_END,
                grace=TERMINATION_GRACE,
            )
        files.remove_tree(used)

    def _remove_stale_mount_markers(self, unique: str) -> None:
        """Remove the files by which the overlayfs plugin knows what is mounted.

        A killed mock leaves them, and then every build fails. Its mounts ended with its mount namespace.
        """
        for flag in (self._layers / unique / "layers").glob("*/.root-mounted"):
            flag.unlink(missing_ok=True)

    def build(self, request: BuildRequest, buildroot: object = None) -> BuildOutcome:
        """Build one SRPM in a chroot; mock chooses the packages of the chroot.

        RPMs and logs are moved to the request's result directory. A failure of the package, of its dependencies or of
        a locked chroot is an outcome. Raises MissingToolError or InputError for errors of the machine and of the
        configuration, which every other build would have too.
        """
        self.require_usable()
        started = time.monotonic()
        with self._reserve_chroot_name() as unique:
            for leftover in self.directory.glob(f"{unique}.*"):  # of killed runs
                files.remove_tree(leftover)
            with files.scratch_directory(self.directory, unique) as scratch:
                # mock reads and writes in it as the calling user.
                os.chmod(scratch, 0o755)  # noqa: S103
                arguments = self._arguments(request, scratch, unique)
                used = self.directory / "used" / unique
                # An earlier mock was killed, for example when memory ran out.
                if used.is_dir():
                    self._clean_interrupted(used)
                self._remove_stale_mount_markers(unique)
                shutil.copytree(scratch / "config", used, dirs_exist_ok=True)
                # The layers are those of the overlayfs plugin.
                places = [self._chroot_of(unique), self._layers / unique, scratch]
                with link_log(request, scratch / "result"):
                    status, stopped = self._run_with_lock_retry(request, arguments, places)
                # mock has cleaned the chroot.
                if status >= 0 and status not in TERMINATED_STATUSES:
                    files.remove_tree(used)
                _take_results(scratch / "result", request.result_dir)
        return self._make_result(request, status, stopped, time.monotonic() - started)

    @contextmanager
    def _reserve_chroot_name(self) -> Iterator[str]:
        """A chroot name (--uniqueext) that no running build has.

        Names are numbered, so there are never more chroots than parallel builds, and the next run uses the names of a
        killed one again and cleans its chroots. Every configuration has names of its own.
        """
        digest = hashlib.sha256(os.fsencode(self.directory) + self.config.digest.encode()).hexdigest()
        with _chroots_in_use_lock:
            numbered = (f"altai-{digest[:10]}-{number}" for number in itertools.count())
            unique = next(name for name in numbered if name not in _chroots_in_use)
            _chroots_in_use.add(unique)
        try:
            yield unique
        finally:
            with _chroots_in_use_lock:
                _chroots_in_use.discard(unique)

    def _arguments(self, request: BuildRequest, scratch: Path, unique: str) -> list[str]:
        """mock's command line; the files that it names are written to the scratch directory."""
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
        """Macros that make packages the same on every machine, and the target's macros."""
        return {
            "_buildhost": BUILD_HOSTNAME,
            "use_source_date_epoch_as_buildtime": "1",
            "clamp_mtime_to_source_date_epoch": "1",
            "_smp_mflags": f"-j{request.jobs}",
            "_smp_build_ncpus": str(request.jobs),
            **dict(self.macros),
            **dict(request.macros),
        }

    def _write_config(self, request: BuildRequest, directory: Path, unique: str) -> Path:
        """A configuration directory with exactly the configuration that is part of the build key.

        The chroot's name contains the digest, because mock keeps one cached chroot for each name. The file gets the
        modification time of the original files, because mock removes a cached chroot that is older.
        """
        text = (
            self.config.flat
            + f"config_opts['root'] = {self._root_name!r}\n"
            + f"config_opts['environment']['SOURCE_DATE_EPOCH'] = {str(request.source_date_epoch)!r}\n"
            # Else mock waits for a key where the host has dnf and the configuration says yum.
            + "config_opts['dnf_warning'] = False\n"
            + f"config_opts['rpmbuild_timeout'] = {int(self.limits.seconds or 0)}\n"
            # So that mock lists the packages of the chroot.
            + "config_opts['plugin_conf']['package_state_enable'] = True\n"
            + "config_opts['plugin_conf']['package_state_opts']['installed_pkgs'] = True\n"
        )
        if self.supports_overlays:
            # A directory for each chroot: of builds that share one, the overlayfs plugin fails all but the first, and
            # the yum_cache plugin makes them wait.
            own = files.make_directory(self._layers / unique)
            # `clean` removes directories by the time of their last use.
            os.utime(own)
            options = {"base_dir": str(own / "layers"), "touch_rpmdb": False, "trace_hooks": False}
            text += (
                f"config_opts['cache_topdir'] = {str(own / 'cache')!r}\n"
                "config_opts['plugin_conf']['root_cache_enable'] = False\n"
                "config_opts['plugin_conf']['overlayfs_enable'] = True\n"
                f"config_opts['plugin_conf']['overlayfs_opts'] = {options!r}\n"
            )
        path = directory / f"{self.config.name}.cfg"
        files.write_atomically(path, text.encode("utf-8", "surrogatepass"))
        age = max((file.stat().st_mtime for file in self.config.files), default=0.0)
        os.utime(path, (age, age))
        return directory

    @property
    def _root_name(self) -> str:
        return f"{self.config.root}-{self.config.digest[:12]}"

    def _chroot_of(self, unique: str) -> Path:
        """Where mock makes a chroot; with the overlayfs plugin its content is in layers."""
        return Path(self.config.basedir, f"{self._root_name}-{unique}")

    def _run_with_lock_retry(
        self, request: BuildRequest, arguments: Sequence[str], places: Sequence[Path]
    ) -> tuple[int, str]:
        """Run mock, repeatedly while another process holds the chroot.

        `places` are what the build fills, its scratch directory last. Returns mock's exit status, and the limit that it
        exceeded, if it did.
        """
        result = places[-1] / "result"
        log_watch = make_log_watch(
            self.limits, lambda: [request.result_dir / MOCK_OUTPUT, *result.glob("*.log")]
        )

        def find_excess() -> str:
            # On different file systems, perhaps.
            reasons = (find_disk_excess(self.limits, [place]) for place in places if place.is_dir())
            return log_watch.find_reason() or next(filter(None, reasons), "")

        def get_pause() -> float:
            return min(get_disk_pause(self.limits, place) for place in places if place.is_dir())

        deadline, pause = time.monotonic() + self.lock_timeout, 1.0
        while True:
            # mock appends to existing logs.
            files.remove_tree(result)
            files.make_directory(result)
            if os.geteuid() == 0:
                os.chown(result, calling_user(), -1)
            with (
                open(request.result_dir / MOCK_OUTPUT, "wb") as output,
                open_group(self.limits, kills_all=False) as group,
            ):
                # The kernel's limits of processes count where mock puts its chroot into another group.
                prefix = [*_terminate_with_parent_prefix(), *group.prefix, *limit_command(self.limits)]
                done = process.run(
                    [*prefix, *arguments],
                    env=mock_environment(),
                    stdout=output,
                    merge_stderr=True,
                    ok=process.ANY_END,
                    watch=process.Watch(find_excess, get_pause),
                    grace=TERMINATION_GRACE,
                )
                # It may have ended before the watch looked for the first time.
                stopped = done.stopped or log_watch.find_reason() or group.describe_end()
            if stopped or not is_chroot_locked(done.returncode) or time.monotonic() >= deadline:
                return done.returncode, stopped
            time.sleep(min(pause, max(deadline - time.monotonic(), 0)))
            pause = min(pause * 2, 15.0)

    def _make_result(self, request: BuildRequest, status: int, stopped: str, seconds: float) -> BuildOutcome:
        """The outcome that exit status and result directory show, or why the build was stopped."""
        directory = request.result_dir
        failure = FailureKind.BUILD if stopped else classify_exit(request, status, self.config)
        rpms = tuple(sorted(directory.glob("*.rpm"))) if failure is None else ()
        buildroot = installed_packages(directory / "installed_pkgs.log")
        if failure is None and not buildroot:
            raise MissingToolError(
                "mock does not list the packages of the chroot",
                why=f"installed_pkgs.log of {request.component} is missing or empty",
                todo="let the host's rpm look for databases in /var/lib/rpm: "
                "echo '%_dbpath /var/lib/rpm' > /etc/rpm/macros.dbpath",
            )
        causes: tuple[str, ...] = (stopped,) if stopped else ()
        if failure is not None and not stopped:
            causes = find_failure_reasons(directory, failure, status, request.good_log)
        reason = "".join(causes[:1])
        if failure is None and not rpms:
            failure = FailureKind.BUILD
            reason = "mock made no package: the spec has no %files for this architecture"
        return BuildOutcome(
            failure=failure,
            rpms=rpms,
            log=choose_log(directory, failure),
            reason=reason,
            seconds=seconds,
            buildroot=buildroot,
            causes=causes,
            is_conclusive=not stopped and is_conclusive(directory, failure, status, self.config),
        )


def _take_results(source: Path, destination: Path) -> None:
    """Move packages and logs out of mock's result directory, but not mock's copy of the SRPM, which has other bytes."""
    for path in sorted(source.iterdir()):
        if path.is_symlink() or not path.is_file() or path.name.endswith((".src.rpm", ".nosrc.rpm")):
            continue
        target = destination / path.name
        shutil.move(os.fspath(path), target)
        # From now on only this program can change it.
        if os.geteuid() == 0:
            os.chown(target, 0, 0)


def _local_repository(request: BuildRequest, directory: Path) -> Path:
    """A repository of the RPMs that this run made before, not signed yet: mock adds it with gpgcheck=0."""
    files.make_directory(directory)
    for rpm in request.local_rpms:
        files.link_or_copy(rpm, directory / rpm.name)
    # Every yum and dnf can read gzip.
    write_repodata(directory, epoch=request.source_date_epoch, compat=Compat.EL6)
    return directory


def _terminate_with_parent_prefix() -> list[str]:
    """A prefix for mock that sends it SIGTERM, on which it cleans up, when this program is killed.

    Only for root: the signal does not reach the setuid wrapper that starts mock for other users.
    """
    return ["setpriv", "--pdeathsig", "USR1", "bash", str(TERMINATE_SCRIPT)] if os.geteuid() == 0 else []
