"""What crosses from a run to the place where a builder works: a job there, its result back, both plain values."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from altai_build.errors import InputError
from altai_build.model.build import BuildOutcome, BuildRequest, BuildStep, FailureKind
from altai_build.model.package import LocalRpm, RpmHeader
from altai_build.tools.builder import Builder
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.files import sha256_file, sync_tree
from altai_build.tools.rpm.header import read_built_headers

T = TypeVar("T")


@dataclass(frozen=True)
class BuildJob:
    """One call of a builder. It holds no open files or connections and no functions, so it may be sent anywhere."""

    target: str  # the name of the target whose builder is called
    request: BuildRequest
    buildroot: Buildroot


@dataclass(frozen=True)
class JobResult:
    """What came of a job; on success each package was checked and is on the disk."""

    folder: Path  # with the packages and the logs; what is moved out of it is kept
    outcome: BuildOutcome
    rpms: tuple[LocalRpm, ...]  # none where the build failed
    requires: tuple[str, ...] = ()  # of a step that asks what the build requires; `!x` for a conflict with x


# A procedure that asks for jobs to be run, is sent the result of each, and returns its own result at the end.
Steps = Generator[BuildJob, JobResult, T]


def run_job(job: BuildJob, builder: Builder) -> JobResult:
    """Call the builder, and read what it made; this is what runs wherever an executor sends a job.

    A failed build is a result, unsound packages are a failed build. Raises MissingToolError or InputError for faults of
    the machine or of the configuration.
    """
    return examine_result(job, builder.build(job.request, job.buildroot))


def examine_result(job: BuildJob, outcome: BuildOutcome) -> JobResult:
    """Read what a builder made of a job, here or on another machine: the packages are in the job's result folder.

    Unsound packages are a failed build.
    """
    folder = job.request.result_dir
    headers: list[RpmHeader] = []
    if outcome.failure is None:
        try:
            headers = read_built_headers(outcome.rpms)
            _require_no_sources(job, headers)
        except InputError as error:
            headers = []
            outcome = replace(outcome, failure=FailureKind.BUILD, reason=error.what)
    if job.request.step is not BuildStep.PACKAGES:
        for path in outcome.rpms:
            path.unlink()  # with all sources, where only the header is needed
        return JobResult(
            folder=folder,
            outcome=outcome,
            rpms=(),
            requires=list_build_requires(headers[0]) if headers else (),
        )
    rpms = tuple(
        LocalRpm(path=path, header=header, sha256=sha256_file(path))
        for path, header in zip(outcome.rpms, headers)
    )
    if rpms:
        sync_tree(folder)
    return JobResult(folder=folder, outcome=outcome, rpms=rpms)


def _require_no_sources(job: BuildJob, headers: list[RpmHeader]) -> None:
    """Raise InputError for source packages among the packages of a build: clients cannot install them."""
    sources = [str(header.nevra) for header in headers if header.is_source]
    if sources and job.request.step is BuildStep.PACKAGES:
        raise InputError(f"the build made source packages: {', '.join(sources)}")


def list_build_requires(header: RpmHeader) -> tuple[str, ...]:
    """What a source package says that its build requires and, with a `!`, conflicts with."""
    return (*map(str, header.requires), *(f"!{conflict}" for conflict in header.conflicts))


def run_steps(steps: Steps[T], run: Callable[[BuildJob], JobResult]) -> T:
    """Run a procedure to its end, each of its jobs by `run`, one after another."""
    job_result: JobResult | None = None
    try:
        while True:
            try:
                job = next(steps) if job_result is None else steps.send(job_result)
            except StopIteration as stop:
                result: T = stop.value
                return result
            job_result = run(job)
    finally:
        steps.close()
