"""A worker's part of a build: a task becomes a call of the builder, and its files go to the run that sent it."""

from __future__ import annotations

import os
import platform
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import altai_build
from altai_build import __version__
from altai_build.errors import AltaiError, InputError, MissingToolError
from altai_build.model.build import BuilderSettings, BuildRequest, BuildStep
from altai_build.model.checksum import Checksum
from altai_build.model.limits import Limits
from altai_build.model.nevra import Nevra
from altai_build.model.variables import get_base_arch
from altai_build.pipeline.build.builders import BUILDERS, find_builder
from altai_build.pipeline.build.dask_jobs import make_offer, refer_to
from altai_build.regular_files import read_regular_file
from altai_build.stages.build.jobs import BuildJob, JobResult, run_job
from altai_build.tools import process
from altai_build.tools.builder import Builder
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.commands import find_program
from altai_build.tools.dask.address import is_loopback
from altai_build.tools.dask.file_client import FileClient, JobIsOver
from altai_build.tools.dask.log_sender import LogSender
from altai_build.tools.dask.messages import (
    LONGEST_DESCRIPTION,
    LONGEST_TASK,
    Answer,
    BuilderConfig,
    Description,
    FileReference,
    Outcome,
    Package,
    Task,
    decode,
    encode,
)
from altai_build.tools.dask.store import FileStore, Get
from altai_build.tools.files import link_or_copy, make_directory, scratch_directory
from altai_build.tools.mock.config import MockConfig
from altai_build.tools.solver.pool import ResolvedPackage
from altai_build.workspace import Workspace

_LONGEST_ERROR = 900
# Seconds. Where a cluster ends a worker, it ends the processes of its builds at the same time, or a moment before.
END_GRACE = 0.5


@dataclass
class _Fetching(threading.local):
    """Where the builder's packages come from, in the thread of a job."""

    files: dict[str, FileReference] = field(default_factory=dict)  # by the checksum in their repository
    client: FileClient | None = None
    get: Get | None = None  # from the worker's store


@dataclass
class JobRunner:
    """Runs the jobs that tasks name, several at the same time; `run` is called by Dask's threads."""

    workspace: Workspace
    name: str
    builders: Sequence[str]  # their names: no other is used
    cpus: int  # processors for each job
    store: FileStore
    context: ssl.SSLContext | None  # None: without TLS
    allows_insecure: bool = False
    _builders: dict[tuple[object, ...], Builder] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _fetching: _Fetching = field(default_factory=_Fetching)
    _threads: set[int] = field(default_factory=set)  # that run a job now
    _threads_lock: threading.Lock = field(default_factory=threading.Lock)
    # When the versions were read that this worker offers.
    _programs: tuple[object, ...] = field(default_factory=lambda: identify_programs())

    def run(self, message: bytes) -> bytes:
        """Do what a task says; the answer is a message too. Whatever goes wrong here is an answer."""
        thread = threading.get_ident()
        with self._threads_lock:
            self._threads.add(thread)
        try:
            return self._answer(message)
        finally:
            # Its number may be that of another thread afterwards.
            with self._threads_lock:
                self._threads.remove(thread)
                process.release_thread(thread)

    def stop(self) -> None:
        """End the jobs that run now, and wait for their processes."""
        with self._threads_lock:
            for thread in self._threads:
                process.stop_thread(thread)

    def wait(self, seconds: float) -> None:
        """Wait, at most so long, until stopped jobs have removed their files."""
        deadline = time.monotonic() + seconds
        while self._threads and time.monotonic() < deadline:
            time.sleep(0.02)

    def _answer(self, message: bytes) -> bytes:
        attempt = ""
        try:
            task = decode(message, Task, limit=LONGEST_TASK, sender="the run")
            client = self._connect(task)
            attempt = client.begin(self.name)
            outcome = self._run_attempt(task, client, attempt)
            client.send_outcome(attempt, outcome_data := encode(outcome))
            return encode(Answer(attempt=attempt, outcome=sha256(outcome_data).hexdigest()))
        except JobIsOver:
            error = "the run no longer wants it"
        except KeyboardInterrupt:
            error = "the worker was stopped"
        except (AltaiError, OSError) as fault:
            error = f"{fault}"[:_LONGEST_ERROR]
        return encode(Answer(attempt=attempt, error=error))

    def _connect(self, task: Task) -> FileClient:
        place = urlsplit(task.url)
        if self.context is not None and place.scheme != "https":
            raise InputError(f"{task.url} has no TLS, which this worker demands")
        if self.context is None and place.scheme == "https":
            raise InputError(f"{task.url} needs certificates, and this worker has none")
        if self.context is None and not (self.allows_insecure or is_loopback(place.hostname or "")):
            raise InputError(f"{task.url} is on another machine and has no TLS")
        return FileClient(task.url, task.job, task.token, self.context)

    def _run_attempt(self, task: Task, client: FileClient, attempt: str) -> Outcome:
        with scratch_directory(self.workspace.scratch, "job") as scratch:
            scratch.chmod(0o755)  # builders work as other users
            client.receive_file(task.description, scratch / "description.json")
            data = read_regular_file(scratch / "description.json", limit=LONGEST_DESCRIPTION)
            description = decode(data, Description, limit=LONGEST_DESCRIPTION, sender="the run")
            self._require_same_programs()
            builder = self._open_builder(description)
            with self.store.hold() as get:
                job = _receive_job(description, client, scratch, get, self.cpus)
                with self._offer_packages(description, client, get):
                    result = self._build(job, builder, partial(client.send_log, attempt))
            self._require_same_programs()
            outcome = _make_outcome(result)
            for reference in outcome.files:
                client.send_file(attempt, reference, result.folder / reference.name)
        self.store.prune()
        return outcome

    def _build(self, job: BuildJob, builder: Builder, send: Callable[[bytes], None]) -> JobResult:
        """Call the builder while its log goes to the run, and end it when the run no longer wants it."""
        end = partial(process.stop_thread, threading.get_ident())
        sender = LogSender(job.request.result_dir, send, on_end=end)
        try:
            with sender:
                result = run_job(job, builder)
        except KeyboardInterrupt:
            sender.raise_if_ended()
            raise
        sender.raise_if_ended()
        if result.outcome.failure is not None:
            # Was it the build, or the end of the worker?
            time.sleep(END_GRACE)
            process.end_stopped_thread()
        return result

    def _require_same_programs(self) -> None:
        """Raise InputError when what is part of the build key was upgraded since this worker offered it."""
        if identify_programs() != self._programs:
            raise InputError(
                "altai-build, rpm or mock was upgraded on this worker while it worked",
                todo="start the worker again",
            )

    def _open_builder(self, description: Description) -> Builder:
        """The builder that a description names. Raises InputError where its results would be other ones."""
        if description.program != __version__ or description.builder not in self.builders:
            raise InputError(
                f"this worker has altai-build {__version__} with {', '.join(self.builders)}; the run needs "
                f"{description.program} with {description.builder}",
                todo="install the same version of altai-build on the worker",
            )
        key = (encode(description.config), description.macros, description.limits)
        with self._lock:
            builder = self._builders.get(key)
            if builder is None:
                settings = replace(
                    _make_settings(self.workspace),
                    macros=description.macros,
                    limits=Limits(**{name: getattr(description.limits, name) for name in asdict(Limits())}),
                    fetch_packages=self._fetch_packages,
                )
                builder = find_builder(description.builder).open(_make_config(description.config), settings)
                self._builders[key] = builder
        if builder.version() != description.builder_version:
            raise InputError(
                f"this worker builds with {builder.name} {builder.version()}; the run needs "
                f"{description.builder_version}",
                todo="install the same version of the builder's programs (rpm, mock) on the worker",
            )
        return builder

    @contextmanager
    def _offer_packages(self, description: Description, client: FileClient, get: Get) -> Iterator[None]:
        """Let the builder fetch the packages of this job, in this thread."""
        self._fetching.files = {
            package.checksum: package.file for package in (*description.base, *description.extra)
        }
        self._fetching.client, self._fetching.get = client, get
        try:
            yield
        finally:
            self._fetching.files, self._fetching.client, self._fetching.get = {}, None, None

    def _fetch_packages(self, packages: Sequence[ResolvedPackage]) -> list[Path]:
        """The files of packages that a root lacks, under their own names."""
        client, get = self._fetching.client, self._fetching.get
        assert client is not None and get is not None
        return [get(self._fetching.files[str(package.checksum)], client.receive_file) for package in packages]


def _receive_job(
    description: Description, client: FileClient, scratch: Path, get: Get, cpus: int
) -> BuildJob:
    """The job, with its files here."""

    def place(reference: FileReference, folder: str) -> Path:
        path = make_directory(scratch / folder) / reference.name
        link_or_copy(get(reference, client.receive_file), path)
        return path

    result_dir = make_directory(scratch / "result")
    request = BuildRequest(
        component=description.component,
        srpm=place(description.srpm, "srpm"),
        local_rpms=tuple(place(reference, "local") for reference in description.local),
        result_dir=result_dir,
        source_date_epoch=description.source_date_epoch,
        jobs=cpus,
        macros=description.request_macros,
        step=BuildStep(description.step),
        good_log=place(description.good_log, "good") if description.good_log is not None else None,
    )
    buildroot = Buildroot(
        base=tuple(map(_make_package, description.base)),
        extra=tuple(map(_make_package, description.extra)),
        nodocs=description.nodocs,
        directories=description.directories,
        files=description.files,
    )
    return BuildJob(target="", request=request, buildroot=buildroot)


def identify_programs() -> tuple[object, ...]:
    """What differs after an upgrade of the programs whose versions are part of the build key."""
    found = (find_program(name) for name in ("rpm", "mock"))
    paths = [altai_build.__file__, *filter(None, found)]
    status = [(path, os.stat(path)) for path in paths]
    return tuple((path, one.st_ino, one.st_size, one.st_mtime_ns) for path, one in status)


def list_offers(builder: str, workspace: Workspace) -> dict[str, list[str]]:
    """Builder → what a worker with it offers, for each architecture; of those that work on this machine.

    `builder` is a name, or `auto` for all of them. Raises MissingToolError where none works, InputError.
    """
    faults: list[MissingToolError] = []
    offers: dict[str, list[str]] = {}
    for name in BUILDERS if builder == "auto" else (builder,):
        kind = find_builder(name)
        if not kind.is_installed() and builder == "auto":
            continue
        try:
            kind.require_usable()
            version = kind.open(_NO_CONFIG, _make_settings(workspace)).version()
        except MissingToolError as error:
            faults.append(error)
            continue
        machine = platform.machine()
        arches = [get_base_arch(machine), *(["i386"] if machine == "x86_64" else [])]
        offers[name] = [make_offer(name, version, arch) for arch in arches]
    if not offers:
        raise faults[0]
    return offers


def _make_settings(workspace: Workspace) -> BuilderSettings:
    return BuilderSettings(
        workspace=workspace.root,
        scratch=workspace.scratch,
        roots=workspace.buildroots,
        packages=workspace.cache / "packages",
    )


def _make_package(package: Package) -> ResolvedPackage:
    """A package without its repository: its bytes come from the run, which has checked its signature."""
    algorithm, _, value = package.checksum.partition(":")
    nevra = Nevra(package.name, package.epoch, package.version, package.release, package.arch)
    return ResolvedPackage(
        nevra=nevra,
        metadata=None,
        location=package.file.name,
        checksum=Checksum(algorithm, value),
        size=package.file.size,
    )


def _make_config(config: BuilderConfig) -> MockConfig:
    return MockConfig(
        name=config.name,
        files=(),
        root=config.root,
        basedir=config.basedir,
        target_arch=config.target_arch,
        legal_host_arches=config.legal_host_arches,
        chroot_setup_cmd=(),
        additional_packages=(),
        macros=config.macros,
        environment=config.environment,
        use_bootstrap=config.use_bootstrap,
        rpmbuild_timeout=config.rpmbuild_timeout,
        rpmbuild_arch=config.rpmbuild_arch,
        rpmbuild_command=config.rpmbuild_command,
        rpmbuild_opts=config.rpmbuild_opts,
        run_check=config.run_check,
        more_buildreqs=(),
        extra_chroot_dirs=(),
        extra_files=(),
        main=(),
        repositories=(),
        variables=(),
        unsupported=(),
        flat=config.flat,
        digest=config.digest,
    )


# For a builder that is only asked for its version.
_NO_CONFIG = _make_config(
    BuilderConfig(
        name="none",
        root="none",
        basedir="",
        target_arch="noarch",
        legal_host_arches=(),
        macros=(),
        environment=(),
        use_bootstrap=False,
        rpmbuild_timeout=0,
        rpmbuild_arch="noarch",
        rpmbuild_command="",
        rpmbuild_opts=(),
        run_check=False,
        flat="",
        digest="0" * 64,
    )
)


def _make_outcome(result: JobResult) -> Outcome:
    """What became of a job, with the files that are worth keeping: packages and logs."""
    outcome = result.outcome
    paths = sorted(path for path in result.folder.iterdir() if path.is_file() and not path.is_symlink())
    return Outcome(
        failure=outcome.failure.value if outcome.failure is not None else None,
        reason=outcome.reason[:16384],
        seconds=outcome.seconds,
        buildroot=outcome.buildroot,
        causes=tuple(cause[:16384] for cause in outcome.causes[:4096]),
        is_conclusive=outcome.is_conclusive,
        log=outcome.log.name if outcome.log is not None else None,
        rpms=tuple(rpm.path.name for rpm in result.rpms),
        requires=result.requires,
        files=tuple(map(refer_to, paths)),
    )
