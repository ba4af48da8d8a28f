"""What workers do wrong, and what is done to them: workers that are slow, hang, kill, or send wrong results."""

from __future__ import annotations

import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyte

from altai_build.tools.dask.log_sender import PATIENCE
from tests.kit.worker_machines import find_processes, list_descendants, wait_for
from tests.kit.worker_proof import ENDLESS, WORKERS, NotTriedError, Proof, expect, make_superproject

_LAST = WORKERS[-1]
_OTHERS = WORKERS[:-1]
# Seconds of each second in which a slow worker has no processor.
_STOPPED = 0.9
# Seconds between the end of a build and that of its worker.
_MOMENT = 0.1
_TTL = "15s"
_MOST_DEATHS = 4  # distributed.scheduler.allowed-failures, and the first one
_SCREEN = (100, 30)
# Programs of workers, before their command line.
_MAIN = "\nfrom altai_build.cli.main import main\nmain()\n"
_FLIP = """\
def flip(path):
    data = bytearray(path.read_bytes())
    data[-50] ^= 1
    path.write_bytes(data)
"""
_CORRUPT_ON_THE_WAY = f"""\
from altai_build.tools.dask.file_client import FileClient
{_FLIP}
send = FileClient.send_file
def corrupt(self, attempt, reference, path):
    if reference.name.endswith(".rpm"):
        flip(path)
    return send(self, attempt, reference, path)
FileClient.send_file = corrupt
"""
_CORRUPT_BEFORE = f"""\
from altai_build.pipeline.build import job_runner
{_FLIP}
run = job_runner.run_job
def corrupt(job, builder):
    result = run(job, builder)
    for path in result.outcome.rpms:
        if path.exists():
            flip(path)
    return result
job_runner.run_job = corrupt
"""
_MOCK_SPECS = {
    "low": {},
    "other": {},
    "high": {
        "tags": "BuildArch: noarch\nBuildRequires: low",
        "build": "test -f /usr/share/low/README",
    },
}
_OTHER_VERSION = "import altai_build\naltai_build.__version__ = '9.9'\n"


def _signal_all(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and all below it."""
    for one in (pid, *list_descendants(pid)):
        with suppress(ProcessLookupError):
            os.kill(one, number)


@contextmanager
def _slowed_down(pid: int) -> Iterator[None]:
    """A process and all below it get the processor a tenth of the time."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            _signal_all(pid, signal.SIGSTOP)
            ended.wait(_STOPPED)
            _signal_all(pid, signal.SIGCONT)
            time.sleep(1 - _STOPPED)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def cancelled_worker(proof: Proof) -> str:
    """All processes of a worker get SIGTERM, as by a cluster, those of the build a moment before the worker."""
    superproject, run = proof.start("cancelled-worker")
    worker = proof.machines.workers[_LAST].process.pid
    for pid in list_descendants(worker):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    time.sleep(_MOMENT)
    os.kill(worker, signal.SIGTERM)
    try:
        answer = proof.check_rescheduled(superproject, run)
    finally:
        proof.restart(_LAST)
    expect("is sent to a worker again" not in run.read(), f"it answered: {run.read()[-500:]}")
    return answer


def slow_worker(proof: Proof) -> str:
    """A worker gets the processor a tenth of the time."""
    with _slowed_down(proof.machines.workers[_LAST].process.pid):
        superproject, run = proof.start("slow-worker")
        answer = proof.check(superproject, run)
    done = [line for line in superproject.list_done() if f"was done on {_LAST}" in line]
    expect(done, f"{_LAST} built nothing")
    return f"{answer}; {len(done)} built by the slow worker"


def frozen_worker(proof: Proof) -> str:
    """A worker hangs in the middle of a build until the run has ended, and works again then."""
    machines = proof.machines
    assert machines.scheduler is not None
    machines.scheduler.stop()
    for name in WORKERS:
        machines.workers[name].stop()
    machines.start_scheduler(environment={"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": _TTL})
    for name in WORKERS:
        machines.start_worker(name)
    superproject, run = proof.start("frozen-worker")
    pid = machines.workers[_LAST].process.pid
    _signal_all(pid, signal.SIGSTOP)
    try:
        answer = proof.check_rescheduled(superproject, run)
    finally:
        _signal_all(pid, signal.SIGCONT)
    machines.wait_for_connections(_LAST, 2)
    proof.check(*proof.start("after-frozen-worker"))
    return f"{answer}; it connected again, and built for the next run"


def killing_package(proof: Proof) -> str:
    """Each worker that builds one package is killed."""
    superproject = proof.make_endless("killing-package", "killer")
    run = superproject.build_by(proof.machines)
    killed: list[str] = []
    try:
        while len(killed) < _MOST_DEATHS:
            name = proof.find_endless_build(run)
            proof.machines.workers[name].kill()
            killed.append(name)
            wait_for("the end of its build", lambda: not find_processes(ENDLESS))
            proof.machines.start_worker(name)
        code = run.finish()
    finally:
        run.stop()
    expect(code == 5, f"exit {code} instead of 5: {run.read()[-500:]}")
    reason = f"workers ended while they built it: {', '.join(killed)}"
    expect(reason in " ".join(run.read().split()), f"not {reason!r}: {run.read()[-500:]}")
    good = [line for line in superproject.list_done() if line.partition("good (build) was done on ")[1]]
    expect(good, "the other component was not built")
    return f"exit 5, killer: {reason}; the other component was built"


def orphans(proof: Proof) -> str:
    """The run is killed in the middle of a build that would last ten minutes, and not started again."""
    superproject = proof.make_endless("orphans", "endless")
    run = superproject.build_by(proof.machines)
    name = proof.find_endless_build(run)
    run.kill()
    begun = time.monotonic()
    worker = proof.machines.workers[name].process.pid
    wait_for("the end of its build", lambda: not find_processes(ENDLESS) and not list_descendants(worker))
    seconds = time.monotonic() - begun
    # The rest is for a busy machine.
    expect(PATIENCE * 0.9 < seconds < PATIENCE * 1.3, f"the build ended after {seconds:.0f} seconds")
    scratch = proof.machines.folder / "workers" / name / "tmp"
    wait_for("an empty folder for jobs", lambda: not [*scratch.glob("job*")])
    return f"after {seconds:.0f} seconds no process of the build and no file of the job was left"


def corrupted_results(proof: Proof) -> str:
    """A worker damages packages, first on their way and then before it says what they are."""
    answers = []
    for name, program, words in (
        ("corrupt-on-the-way", _CORRUPT_ON_THE_WAY, "other bytes than announced"),
        ("corrupt-before", _CORRUPT_BEFORE, "is damaged"),
    ):
        proof.machines.workers[_LAST].stop()
        proof.machines.start_worker(_LAST, program=["-c", program + _MAIN])
        try:
            superproject = proof.small.copy(name)
            run = superproject.release_by(proof.machines)
            answers.append(proof.check(superproject, run))
        finally:
            proof.restart(_LAST)
        said = [line for line in run.read().splitlines() if words in line and _LAST in line]
        expect(said, f"the run does not say that {_LAST} sent {words}: {run.read()[-500:]}")
        done = [line for line in superproject.list_done() if f"(build) was done on {_LAST}" in line]
        expect(not done, f"results of {_LAST} were taken: {done}")
    return f"{answers[-1]}, both times; the run names {_LAST}"


def other_version(proof: Proof) -> str:
    """Workers have another version: first all of them, then one."""
    machines = proof.machines
    for name in WORKERS:
        machines.workers[name].stop()
    try:
        machines.start_worker(_LAST, program=["-c", _OTHER_VERSION + _MAIN])
        superproject = proof.small.copy("other-version")
        run = superproject.release_by(machines)
        code = run.finish()
        expect(code == 3, f"exit {code} instead of 3: {run.read()[-500:]}")
        for words in ("can build this", f"{_LAST} offers: altai-build 9.9", "install the same versions"):
            expect(words in run.read(), f"the run does not say {words!r}: {run.read()[-500:]}")
        for name in _OTHERS:
            machines.start_worker(name)
        answer = proof.check(superproject, superproject.release_by(machines))
        done = [line for line in superproject.list_done() if f"was done on {_LAST}" in line]
        expect(not done, f"a worker of another version did something: {done}")
    finally:
        for name in WORKERS:
            proof.restart(name)
    return f"exit 3 with both versions; beside workers of the same one: {answer}"


def mock(proof: Proof) -> str:
    """Two workers build by mock, a package and another one that needs it."""
    if shutil.which("mock") is None:
        raise NotTriedError("mock is not installed")
    machines = proof.machines
    superproject = make_superproject(machines.folder / "mock", proof.testbed, _MOCK_SPECS, "mock")
    superproject.prepare("k", machines)
    local = proof.release_here(superproject)
    for name in WORKERS:
        machines.workers[name].stop()
    try:
        for name in _OTHERS:
            machines.start_worker(name, builder="mock")
        by_workers = superproject.copy("mock-by-workers")
        answer = proof.check(by_workers, by_workers.release_by(machines), local)
    finally:
        for name in WORKERS:
            proof.restart(name)
    done = {line.partition(" was done on ")[2].partition(";")[0] for line in by_workers.list_done()}
    expect(done == set(_OTHERS), f"done on {', '.join(sorted(done))}")
    return answer


def live_view(proof: Proof) -> str:
    """The run has a terminal, which shows on which worker each package is built."""
    superproject = proof.small.copy("live-view")
    columns, lines = _SCREEN
    words = [*superproject.by_workers, "release", "1.0.1"]
    command = f"stty cols {columns} rows {lines}; exec {' '.join(words)}"
    environment = {"TERM": "xterm-256color", "CI": "", "NO_COLOR": "1"}
    run = proof.machines.start_run(
        "live-view",
        ["script", "--quiet", "--flush", "--return", "--command", command, os.devnull],
        environment,
    )
    seen: set[str] = set()

    def look() -> bool:
        shown = look_at(run.log, columns, lines)
        seen.update(re.findall(r"(w\d): %build +c\d", "\n".join(shown)))
        return seen == set(WORKERS) or run.ended

    wait_for("all workers on the screen", look)
    screen = look_at(run.log, columns, lines)
    expect(seen == set(WORKERS), f"builds of {sorted(seen)} were seen; the screen: {screen}")
    return proof.check(superproject, run) + f"; the screen showed {', '.join(sorted(seen))} with their builds"


def look_at(log: Path, columns: int, lines: int) -> list[str]:
    """The lines that a terminal shows which got these bytes, without those that are empty."""
    screen = pyte.Screen(columns, lines)
    pyte.ByteStream(screen).feed(log.read_bytes())
    return [line.rstrip() for line in screen.display if line.strip()]
