"""A job as a message to workers, and a worker's message as the result of a job. Bytes stay outside of both."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

from altai_build import __version__
from altai_build.errors import DistrustedError, InputError
from altai_build.model.build import BuildOutcome, BuildStep, FailureKind
from altai_build.model.variables import get_base_arch
from altai_build.regular_files import read_regular_file
from altai_build.stages.build.environment import BuildEnvironment
from altai_build.stages.build.jobs import BuildJob, JobResult, examine_result
from altai_build.tools.dask.messages import (
    LONGEST_OUTCOME,
    BuilderConfig,
    BuildLimits,
    Description,
    FileReference,
    Outcome,
    Package,
    decode,
)
from altai_build.tools.dask.served_jobs import OUTCOME, Attempt, check_arrived
from altai_build.tools.files import sha256_file
from altai_build.tools.mock.config import MockConfig
from altai_build.tools.rpm.signatures import find_damaged_packages
from altai_build.tools.solver.package_files import fetch_resolved_packages
from altai_build.tools.solver.pool import ResolvedPackage

# Behind the name of an offer: as many jobs that ask what a build requires, beside the builds.
ASKING = ", questions"
# Bytes: it only helps to explain a failure.
_LONGEST_GOOD_LOG = 8 << 20
FindFile = Callable[[], Path]


def make_offer(builder: str, builder_version: str, arch: str) -> str:
    """What a worker offers and a job needs, as the name of a resource of Dask's.

    The versions are in it, so that no job meets a worker whose packages would not be those of its build key.
    """
    return f"altai-build {__version__}, {builder} {builder_version}, {arch}"


def find_offer(environment: BuildEnvironment) -> str:
    """What the jobs of a target need."""
    arch = get_base_arch(environment.definition.config.target_arch)
    return make_offer(environment.builder.name, environment.builder.version(), arch)


class JobWriter:
    """Describes the jobs of a run's targets, and says where the files are that a description names."""

    def __init__(self) -> None:
        self._packages: dict[tuple[str, ...], _FetchedPackages] = {}  # by their lines

    def describe(
        self, job: BuildJob, environment: BuildEnvironment
    ) -> tuple[Description, dict[str, FindFile]]:
        """The description, and the files by digest."""
        files: dict[str, FindFile] = {}
        definition, request = environment.definition, job.request
        resolves = environment.builder.resolves_dependencies

        def refer(path: Path) -> FileReference:
            reference = refer_to(path)
            files[reference.sha256] = lambda: path
            return reference

        description = Description(
            program=__version__,
            builder=environment.builder.name,
            builder_version=environment.builder.version(),
            config=_describe_config(definition.config, with_repositories=resolves),
            macros=definition.settings.macros,
            limits=BuildLimits(**asdict(definition.settings.limits)),
            component=request.component,
            step=request.step.value,
            srpm=refer(request.srpm),
            # Others install exactly the packages of the buildroot.
            local=tuple(map(refer, request.local_rpms)) if resolves else (),
            good_log=refer(request.good_log) if _is_short(request.good_log) and request.good_log else None,
            source_date_epoch=request.source_date_epoch,
            request_macros=request.macros,
            base=() if resolves else self._describe_packages(job.buildroot.base, environment, files),
            extra=() if resolves else self._describe_packages(job.buildroot.extra, environment, files),
            nodocs=job.buildroot.nodocs,
            directories=job.buildroot.directories,
            files=job.buildroot.files,
        )
        return description, files

    def _describe_packages(
        self, packages: Sequence[ResolvedPackage], environment: BuildEnvironment, files: dict[str, FindFile]
    ) -> tuple[Package, ...]:
        key = tuple(package.line for package in packages)
        if key not in self._packages:
            self._packages[key] = _FetchedPackages(tuple(packages), environment.definition.settings.packages)
        fetched = self._packages[key]
        found = []
        for number, package in enumerate(packages):
            reference = fetched.references[number]
            files[reference.sha256] = partial(fetched.find, number)
            nevra = package.nevra
            found.append(
                Package(
                    name=nevra.name,
                    epoch=nevra.epoch,
                    version=nevra.version,
                    release=nevra.release,
                    arch=nevra.arch,
                    checksum=str(package.checksum),
                    file=reference,
                )
            )
        return tuple(found)


class _FetchedPackages:
    """The packages of a buildroot, which are fetched, and their signatures checked, when a worker lacks the first."""

    def __init__(self, packages: tuple[ResolvedPackage, ...], cache: Path) -> None:
        self._packages = packages
        self._cache = cache
        self._paths: list[Path] = []
        self._lock = threading.Lock()
        self.references = [self._refer(number, package) for number, package in enumerate(packages)]

    def find(self, number: int) -> Path:
        """The file of a package."""
        with self._lock:
            if not self._paths:
                self._paths = fetch_resolved_packages(self._packages, self._cache)
            return self._paths[number]

    def _refer(self, number: int, package: ResolvedPackage) -> FileReference:
        name = package.nevra.filename
        if package.checksum.algorithm == "sha256":
            return FileReference(name=name, sha256=package.checksum.value, size=package.size)
        # What old repositories have is not enough to trust a file by.
        path = self.find(number)
        return FileReference(name=name, sha256=sha256_file(path), size=path.stat().st_size)


def refer_to(path: Path) -> FileReference:
    """A file by its content."""
    status = path.stat()
    return FileReference(
        name=path.name, sha256=_hash(path, status.st_mtime_ns, status.st_size), size=status.st_size
    )


@cache
def _hash(path: Path, _time: int, _size: int) -> str:
    return sha256_file(path)


def _is_short(path: Path | None) -> bool:
    return path is not None and path.is_file() and path.stat().st_size <= _LONGEST_GOOD_LOG


def _describe_config(config: MockConfig, *, with_repositories: bool) -> BuilderConfig:
    """What a builder reads. Raises InputError where a worker would get a password or a path of a client's key."""
    if with_repositories:
        secret = [
            section.id
            for section in config.repositories
            if section.connection.password
            or section.connection.sslclientkey
            or "@" in (section.connection.proxy or "")
        ]
        if secret:
            raise InputError(
                f"the mock configuration {config.name} has a password or a client certificate for {', '.join(secret)}",
                why="workers would get it, because mock downloads packages itself there",
                todo="build with --builder chroot: workers then get the packages from this machine; or with "
                "--executor local",
            )
    return BuilderConfig(
        name=config.name,
        root=config.root,
        basedir=config.basedir,
        target_arch=config.target_arch,
        legal_host_arches=config.legal_host_arches,
        macros=config.macros,
        environment=config.environment,
        use_bootstrap=config.use_bootstrap,
        rpmbuild_timeout=config.rpmbuild_timeout,
        rpmbuild_arch=config.rpmbuild_arch,
        rpmbuild_command=config.rpmbuild_command,
        rpmbuild_opts=config.rpmbuild_opts,
        run_check=config.run_check,
        flat=config.flat if with_repositories else "",
        digest=config.digest,
    )


def read_result(job: BuildJob, attempt: Attempt, digest: str, *, chooses_packages: bool) -> JobResult:
    """The result that an attempt has sent, with its files moved into the job's folder and examined like local ones.

    Unless its builder `chooses_packages` itself, those of the buildroot must be the ones that it was given.
    Raises DistrustedError, naming the worker, where files are missing, are others than announced, contradict the
    outcome, or are damaged packages; InputError for an outcome that cannot be read.
    """
    path = attempt.folder / OUTCOME
    data = read_regular_file(path, limit=LONGEST_OUTCOME) if digest and digest == attempt.outcome else b""
    if sha256(data).hexdigest() != digest:
        raise DistrustedError(f"the worker {attempt.worker} did not send the outcome that it announced")
    outcome = decode(data, Outcome, limit=LONGEST_OUTCOME, sender=f"the worker {attempt.worker}")
    names = {reference.name for reference in outcome.files}
    wrong = check_arrived(attempt, outcome.files)
    wrong += [f"{name} is no file that it sent" for name in sorted({*outcome.rpms} - names)]
    wrong += _find_contradictions(outcome, job.request.step)
    if not chooses_packages and outcome.buildroot not in ((), job.buildroot.lines):
        wrong.append("its buildroot had other packages than the run chose")
    if wrong:
        raise DistrustedError(f"the worker {attempt.worker} sent a wrong result", why="\n".join(wrong[:20]))
    folder = job.request.result_dir
    for path in folder.iterdir():
        path.unlink()
    for name in sorted(names):
        os.rename(attempt.folder / name, folder / name)
    built = BuildOutcome(
        failure=FailureKind(outcome.failure) if outcome.failure is not None else None,
        rpms=tuple(folder / name for name in sorted(outcome.rpms)),
        log=folder / outcome.log if outcome.log else None,
        reason=outcome.reason,
        seconds=outcome.seconds,
        buildroot=outcome.buildroot,
        causes=outcome.causes,
        is_conclusive=outcome.is_conclusive,
    )
    if job.request.step is not BuildStep.PACKAGES:
        return JobResult(folder=folder, outcome=built, rpms=(), requires=outcome.requires)
    result = examine_result(job, built)
    # Memory or disk of the worker may be the cause: that another one builds it shows whether it is.
    if built.failure is None and result.outcome.failure and (damaged := find_damaged_packages(built.rpms)):
        raise DistrustedError(
            f"the worker {attempt.worker} sent damaged packages",
            why="\n".join(f"{path.name} is damaged: {why}" for path, why in damaged[:20]),
        )
    return result


def _find_contradictions(outcome: Outcome, step: BuildStep) -> list[str]:
    """What no build can have done."""
    packages = step is BuildStep.PACKAGES
    found = {
        "a build that succeeded made no package": outcome.failure is None and packages and not outcome.rpms,
        "a build that failed made packages": outcome.failure is not None
        and bool(outcome.rpms or outcome.requires),
        "it made packages where only requirements were asked for": bool(outcome.rpms) and not packages,
        "it names a package twice": len(set(outcome.rpms)) != len(outcome.rpms),
        "its log is no file that it sent": outcome.log is not None
        and outcome.log not in {reference.name for reference in outcome.files},
        "it fails each time, and there is no log": outcome.is_conclusive
        and (outcome.failure is None or outcome.log is None),
    }
    return [text for text, is_so in found.items() if is_so]


def make_lost_result(job: BuildJob, reason: str) -> JobResult:
    """The result of a job that no worker brought to an end."""
    outcome = BuildOutcome(
        failure=FailureKind.BUILDROOT, rpms=(), log=None, reason=reason, seconds=0.0, buildroot=()
    )
    return JobResult(folder=job.request.result_dir, outcome=outcome, rpms=())
