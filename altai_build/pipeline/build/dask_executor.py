"""Builds on the workers of a Dask cluster: Dask decides which worker takes a job, files go there and back directly."""

from __future__ import annotations

import itertools
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

from altai_build.errors import DistrustedError, InputError, UnreachableError, describe_cause
from altai_build.model.build import BUILD_LOG, BuildStep
from altai_build.model.cluster import ClusterSettings
from altai_build.pipeline.build.dask_jobs import ASKING, JobWriter, find_offer, make_lost_result, read_result
from altai_build.pipeline.build.executor import JobHandle
from altai_build.pipeline.run import Run
from altai_build.stages.build.environment import BuildEnvironment
from altai_build.stages.build.jobs import BuildJob, JobResult
from altai_build.stages.build.phase import make_phase_reader
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.dask.address import (
    INSECURE_OPTION,
    check_scheduler,
    find_own_address,
    is_loopback,
    make_tls_context,
    parse_listen,
)
from altai_build.tools.dask.client import Done, Event, Failed, Killed, SchedulerClient
from altai_build.tools.dask.file_server import FileServer
from altai_build.tools.dask.messages import Answer, FileReference, Task, decode, encode
from altai_build.tools.dask.served_jobs import Attempt, ServedJob, make_token
from altai_build.tools.files import make_directory, scratch_directory, write_atomically
from altai_build.tools.progress import ProgressReporter

# Seconds that a run waits for a worker where there is none.
PATIENCE = 300.0
# Seconds for workers to hear that they are to stop.
_STOP_PATIENCE = 10.0
# How often a job is sent, the tries included after which a worker could not do it, or sent a wrong result.
MOST_TRIES = 3
# Of a worker in succession, after which others are preferred.
MOST_FAULTS = 3
# How many requests that were refused are reported.
MOST_REFUSALS = 50
_LONGEST_ANSWER = 4000
_MOST_RESULT_BYTES = 64 << 30  # of one job, where repos.yaml sets no smaller limit


@dataclass
class _SentJob:
    job: BuildJob
    environment: BuildEnvironment
    priority: float
    served: ServedJob
    name: str  # at the file server
    description: FileReference
    tries: int = 0
    failed_on: set[str] = field(default_factory=set)  # workers


class DaskExecutor:
    """Sends jobs to workers that offer the same builder, of the same version, for the architecture of the target."""

    cpus_per_job = 1  # a worker knows how many processors it has

    def __init__(
        self,
        settings: ClusterSettings,
        environments: Mapping[str, BuildEnvironment],
        limit: int,
        reporter: ProgressReporter,
        stack: ExitStack,
    ) -> None:
        self._environments = environments
        self._limit = limit
        self._reporter = reporter
        self._stack = stack
        definition = next(iter(environments.values())).definition
        self._folder = definition.settings.workspace
        scratch = stack.enter_context(scratch_directory(definition.settings.scratch, "dask"))
        scratch.chmod(0o711)  # the client's child works below it as another user
        # Before the scheduler is asked, which takes longer.
        self._server = _open_server(settings, reporter)
        stack.callback(self._server.close)
        self._client = SchedulerClient(settings, scratch)
        stack.callback(self._client.close)
        self._descriptions = make_directory(scratch / "descriptions")
        self._offers = {name: find_offer(environment) for name, environment in environments.items()}
        self._writer = JobWriter()
        self._numbers = itertools.count()
        self._run_id = secrets.token_hex(4)
        self._sent: dict[str, tuple[JobHandle, _SentJob]] = {}  # by the task's key
        self._by_folder: dict[Path, _SentJob] = {}  # by that of the job's result
        self._without_workers: float | None = None  # since when
        # How often a worker could not do a job, or sent a wrong result, since it did one.
        self._faults: Counter[str] = Counter()
        self._refusals: set[str] = set()
        self._wait_for_workers()

    @classmethod
    def open(cls, run: Run, environments: Mapping[str, BuildEnvironment], limit: int) -> DaskExecutor:
        """Connect to the scheduler that the run names; returns when there is a worker that can build.

        Raises UsageError, InputError, UnreachableError.
        """
        with ExitStack() as stack:
            executor = cls(run.cluster or ClusterSettings(), environments, limit, run.reporter, stack)
            # From now on it closes these itself.
            executor._stack = stack.pop_all()
            return executor

    @property
    def slots(self) -> int:
        """Of all workers that can build for one of the targets now."""
        return max(1, min(self._count_slots(), self._limit))

    def prepare(self, target: str, base: Buildroot) -> None:
        """Workers make the base buildroot when they build in it first."""

    def submit(self, job: BuildJob, priority: float = 0.0) -> JobHandle:
        """Describe a job, and have the scheduler find a worker for it."""
        environment = self._environments[job.target]
        description, files = self._writer.describe(job, environment)
        data = encode(description)
        number = next(self._numbers)
        path = self._descriptions / f"{number}.json"
        write_atomically(path, data, durable=False)
        reference = FileReference(name=path.name, sha256=sha256(data).hexdigest(), size=len(data))
        limits = environment.definition.settings.limits
        incoming = make_directory(job.request.result_dir.with_name("incoming"), mode=0o700)
        served = ServedJob(
            token=make_token(),
            files={**files, reference.sha256: lambda: path},
            incoming=incoming,
            live_log=job.request.result_dir / BUILD_LOG,
            most_bytes=min(_MOST_RESULT_BYTES, (limits.file or _MOST_RESULT_BYTES) * 2),
            keep_free=limits.free or 0,
        )
        sent = _SentJob(job, environment, priority, served, self._server.add(served), reference)
        self._by_folder[job.request.result_dir] = sent
        handle = JobHandle(number)
        self._send(handle, sent)
        return handle

    def make_phase_reader(self, job: BuildJob) -> Callable[[], str]:
        """The worker, and what its log says."""
        return partial(self._describe_phase, job, make_phase_reader(job))

    def wait(self) -> list[tuple[JobHandle, JobResult]]:
        """Wait for the next result.

        Raises UnreachableError when the scheduler, or for long every worker, is lost, InputError when the disk is full.
        """
        while True:
            event = self._client.take(1.0)
            if (fault := self._server.fault) is not None:
                raise InputError(
                    f"results of workers cannot be stored in {self._folder}", why=str(fault), todo=fault.todo
                )
            self._watch_workers()
            self._report_refusals()
            result = self._handle(event) if event is not None else None
            if result is not None:
                return [result]

    def cancel(self) -> None:
        """Tell the workers to stop, and wait until they know."""
        self._server.stop_all(_STOP_PATIENCE)

    def close(self) -> None:
        """Disconnect from scheduler and workers."""
        for _, sent in self._sent.values():
            sent.served.end()
        self._stack.close()

    def _send(self, handle: JobHandle, sent: _SentJob) -> None:
        sent.tries += 1
        task = Task(
            format=1,
            url=self._server.url,
            job=sent.name,
            token=sent.served.token,
            description=sent.description,
        )
        asks = sent.job.request.step is not BuildStep.PACKAGES
        # Dask notes how long tasks take by the words that their keys begin with.
        key = f"altai-{'question' if asks else 'build'}-{self._run_id}-{handle}-{sent.tries}"
        self._sent[key] = handle, sent
        avoided = sent.failed_on | {worker for worker, count in self._faults.items() if count >= MOST_FAULTS}
        offer = self._offers[sent.job.target] + (ASKING if asks else "")
        self._client.submit(key, encode(task), offer, sent.priority, avoided)

    def _handle(self, event: Event) -> tuple[JobHandle, JobResult] | None:
        """The result that an event brings; None for one that brings none, or after which a job is sent again."""
        if not isinstance(event, (Done, Killed, Failed)) or event.key not in self._sent:
            return None
        handle, sent = self._sent.pop(event.key)
        if isinstance(event, Killed):
            workers = ", ".join(sent.served.list_workers()) or "unknown"
            return self._end(
                handle, sent, make_lost_result(sent.job, f"workers ended while they built it: {workers}")
            )
        try:
            if isinstance(event, Failed):
                raise InputError(f"the worker's Dask failed: {event.text}")
            answer, attempt = self._read(sent, event.answer)
            try:
                with sent.served.reading():
                    chooses = sent.environment.builder.resolves_dependencies
                    result = read_result(sent.job, attempt, answer.outcome, chooses_packages=chooses)
                    sent.served.end()
            except InputError:
                self._note_fault(sent, attempt.worker)
                raise
            del self._faults[attempt.worker]
            self._log_workers(sent, attempt)
            return self._end(handle, sent, result)
        except InputError as error:
            return self._try_again(handle, sent, error)

    def _read(self, sent: _SentJob, text: str) -> tuple[Answer, Attempt]:
        """What a worker says that it has done, and the attempt. Raises InputError for all but a result."""
        answer = decode(text.encode(), Answer, limit=_LONGEST_ANSWER * 4, sender="a worker")
        attempt = sent.served.attempts.get(answer.attempt)
        worker = attempt.worker if attempt is not None else "a worker"
        if answer.error:
            self._note_fault(sent, worker)
            raise InputError(f"{worker}: {answer.error}")
        if attempt is None:
            raise DistrustedError("a worker returned the result of an attempt that it has not begun")
        return answer, attempt

    def _log_workers(self, sent: _SentJob, done: Attempt) -> None:
        """Note where a job was done, and where it had been begun too."""
        begun = sent.served.list_workers()
        begun.remove(done.worker)
        request = sent.job.request
        before = f"; it was begun before on {', '.join(begun)}" if begun else ""
        self._reporter.log(f"{request.component} ({request.step.value}) was done on {done.worker}{before}")

    def _note_fault(self, sent: _SentJob, worker: str) -> None:
        sent.failed_on.add(worker)
        self._faults[worker] += 1
        if self._faults[worker] == MOST_FAULTS:
            self._reporter.warn(
                f"the worker {worker} failed {MOST_FAULTS} times in succession: others are preferred"
            )

    def _try_again(
        self, handle: JobHandle, sent: _SentJob, error: InputError
    ) -> tuple[JobHandle, JobResult] | None:
        why = "; ".join((*error.what.splitlines(), *error.why.splitlines()))
        if sent.tries >= MOST_TRIES:
            return self._end(
                handle, sent, make_lost_result(sent.job, f"{sent.tries} tries on workers failed; {why}")
            )
        self._reporter.warn(f"{sent.job.request.component} is sent to a worker again: {why}")
        self._send(handle, sent)
        return None

    def _end(self, handle: JobHandle, sent: _SentJob, result: JobResult) -> tuple[JobHandle, JobResult]:
        sent.served.end()
        self._by_folder.pop(sent.job.request.result_dir, None)
        return handle, result

    def _describe_phase(self, job: BuildJob, read: Callable[[], str]) -> str:
        sent = self._by_folder.get(job.request.result_dir)
        attempt = self._server.find_running(sent.name) if sent is not None else None
        return f"{attempt.worker}: {read()}" if attempt is not None else "waits for a worker"

    def _count_slots(self) -> int:
        wanted = set(self._offers.values())
        return sum(
            worker.slots
            for worker in self._client.workers
            if any(offer + ASKING in worker.offers for offer in wanted.intersection(worker.offers))
        )

    def _wait_for_workers(self) -> None:
        """Wait until a worker can build for one of the targets. Raises InputError where all are of other versions."""
        while not self._count_slots():
            self._watch_workers()
            self._client.take(1.0)

    def _watch_workers(self) -> None:
        """Say when no worker is left that can build; raise UnreachableError when that lasts."""
        if self._count_slots():
            self._without_workers = None
            return
        now = time.monotonic()
        others = [worker for worker in self._client.workers if worker.offers]
        why = "\n".join(
            [
                *(f"needed: {offer}" for offer in sorted(set(self._offers.values()))),
                *(
                    f"{worker.name} offers: {'; '.join(offer for offer in worker.offers if not offer.endswith(ASKING))}"
                    for worker in others[:10]
                ),
            ]
        )
        if others and not self._sent:
            raise InputError(
                f"no worker of {self._client.address} can build this",
                why=why,
                todo="install the same versions of altai-build and of its builder's programs on workers and here",
            )
        if self._without_workers is None:
            self._without_workers = now
            self._reporter.warn(f"{self._client.address} has no worker that can build; waiting for one")
        elif now - self._without_workers > PATIENCE:
            raise UnreachableError(
                f"{self._client.address} had no worker that can build for {PATIENCE:g} seconds",
                why=why,
                todo=f"start one: altai-build worker --scheduler {self._client.address} --slots N",
            )

    def _report_refusals(self) -> None:
        """Each once, and not without end: anyone in the network can ask."""
        while self._server.refusals:
            refusal = self._server.refusals.pop(0)
            if refusal not in self._refusals and len(self._refusals) < MOST_REFUSALS:
                self._refusals.add(refusal)
                self._reporter.warn(f"refused a worker's request: {refusal}")


def _open_server(settings: ClusterSettings, reporter: ProgressReporter) -> FileServer:
    """The server for the files, where workers reach this machine. Raises UsageError, InputError, UnreachableError."""
    address, scheduler = check_scheduler(settings)
    host, port = parse_listen(settings.listen) if settings.listen else (find_own_address(scheduler), 0)
    is_encrypted = address.startswith("tls:")
    if not is_encrypted and not settings.allows_insecure and not is_loopback(host):
        raise InputError(
            f"workers would get files from {host} without TLS",
            why=f"dask.listen names an address that others reach, and the scheduler {address} has no TLS",
            todo=f"use a scheduler with TLS, or, in a network that only trusted people reach, {INSECURE_OPTION}",
        )
    context = make_tls_context(settings.tls, for_server=True) if is_encrypted and settings.tls else None
    try:
        server = FileServer(host, port, context)
    except OSError as error:
        raise InputError(
            f"cannot listen at {host}:{port} for workers",
            why=describe_cause(error),
            todo="set dask.listen in repos.yaml to an address of this machine and a free port",
        ) from error
    if is_loopback(server.address) and not is_loopback(scheduler):
        reporter.warn(
            f"workers on other machines cannot reach {server.url}: {settings.listen or scheduler} means "
            f"{server.address} here; set dask.listen in repos.yaml to an address of this machine"
        )
    return server
