"""Builds on the workers of a cluster are those of this machine: the same keys, reused afterwards; faults are named."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from altai_build import __version__
from altai_build.errors import InputError, UnreachableError
from altai_build.ledger import Ledger
from altai_build.model.cluster import ClusterSettings
from altai_build.model.component_status import ComponentStatus
from altai_build.pipeline.build import dask_executor
from altai_build.pipeline.build.dask_jobs import ASKING
from altai_build.pipeline.build.job_runner import JobRunner
from altai_build.pipeline.build.run import BuildRun
from altai_build.tools.dask.client import Done, Event, Failed, Killed, SchedulerLost, Worker
from altai_build.tools.dask.file_server import FileServer
from altai_build.tools.dask.store import FileStore
from altai_build.workspace import Workspace
from tests.kit.builders import HostSite, noarch_component
from tests.kit.certificates import make_cluster_certificates
from tests.kit.clusters import Cluster

OFFER = f"altai-build {__version__}, host 1, x86_64"
Play = Callable[["PlayedScheduler", str, bytes], "Event | None"]


@dataclass
class PlayedScheduler:
    """Stands for scheduler and workers: tasks run at once in this process, or whatever `play` says."""

    runner: JobRunner
    play: Play | None = None
    offers: tuple[str, ...] = (OFFER, OFFER + ASKING)
    address: str = "tcp://127.0.0.1:8786"
    host: str = "127.0.0.1"
    events: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue)
    messages: list[bytes] = field(default_factory=list)
    priorities: list[float] = field(default_factory=list)
    avoided: list[set[str]] = field(default_factory=list)
    closed: bool = False

    @property
    def workers(self) -> tuple[Worker, ...]:
        return (Worker(name="w", slots=2, offers=self.offers),) if self.offers else ()

    def submit(self, key: str, message: bytes, offer: str, priority: float, avoided: Collection[str]) -> None:
        assert offer == (OFFER + ASKING if key.startswith("altai-question-") else OFFER)
        self.avoided.append(set(avoided))
        self.messages.append(message)
        self.priorities.append(priority)
        event = self.play(self, key, message) if self.play is not None else self.run(key, message)
        if event is not None:
            self.events.put(event)

    def run(self, key: str, message: bytes) -> Done:
        return Done(key=key, answer=self.runner.run(message).decode())

    def take(self, timeout: float | None = None) -> Event | None:
        try:
            event = self.events.get(timeout=0.01)
        except queue.Empty:
            return None
        if isinstance(event, SchedulerLost):
            raise UnreachableError("the scheduler was lost")
        return event

    def close(self) -> None:
        self.closed = True


@dataclass
class Played:
    """A superproject whose builds go to a played cluster."""

    site: HostSite
    scheduler: PlayedScheduler

    def build(self, *names: str) -> BuildRun:
        return self.site.build(*names)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostSite]:
    """A superproject with one component."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        site = HostSite.create(tmp_path_factory.mktemp("site"), monkeypatch)
        site.world.component("repos/lib", noarch_component("lib"))
        site.world.pin()
        yield site


@pytest.fixture
def played(site: HostSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    there = Workspace(tmp_path / "worker")
    runner = JobRunner(
        workspace=there,
        name="w",
        builders=("host",),
        cpus=1,
        store=FileStore(there.cache / "store", 1 << 30),
        context=None,
    )
    scheduler = PlayedScheduler(runner)
    monkeypatch.setattr(dask_executor, "SchedulerClient", lambda settings, scratch: scheduler)
    run = replace(
        site.run,
        workspace=Workspace(tmp_path / "here"),
        executor="dask",
        cluster=ClusterSettings(scheduler=scheduler.address),
    )
    return Played(HostSite(site.world, run), scheduler)


def test_a_worker_gets_what_it_lacks_and_nothing_else(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "s3cret")
    logged: list[str] = []
    played.site.run.reporter.log = logged.append
    first = played.build()
    assert [line for line in logged if "was done on" in line] == [
        "lib (spec-requires) was done on w",
        "lib (build) was done on w",
    ]
    assert [row.status for row in first.rows] == [ComponentStatus.BUILT], first.rows
    # Over the scheduler go addresses and digests.
    for message in played.scheduler.messages:
        document = json.loads(message)
        assert set(document) == {"format", "url", "job", "token", "description"} and len(message) < 500
        assert str(played.site.run.workspace.root) not in message.decode()
    there = played.scheduler.runner.workspace
    assert all(priority > 0 for priority in played.scheduler.priorities)
    assert list(there.scratch.iterdir()) == []
    names = {path.name for path in there.root.rglob("*") if path.is_file()}
    assert not names & {"ledger.jsonl", "secring.gpg"} and not (there.root / "gnupg").exists()
    texts = [path.read_bytes() for path in there.root.rglob("*") if path.is_file()]
    assert not any(b"s3cret" in text for text in texts)
    # What was built there is known here.
    again = played.build()
    assert [row.status for row in again.rows] == [ComponentStatus.REUSED]


def change_answer(**fields: Any) -> Callable[[PlayedScheduler, str, bytes], Event]:
    def make(scheduler: PlayedScheduler, key: str, message: bytes) -> Event:
        done = scheduler.run(key, message)
        return Done(key=key, answer=json.dumps({**json.loads(done.answer), **fields}))

    return make


WRONG: tuple[tuple[Callable[[PlayedScheduler, str, bytes], Event], str], ...] = (
    (lambda s, key, m: Failed(key=key, text="RuntimeError: x"), "the worker's Dask failed: RuntimeError: x"),
    (lambda s, key, m: Done(key=key, answer="not JSON"), "a worker sent a message that is refused"),
    (
        lambda s, key, m: Done(key=key, answer="{}"),
        "a worker returned the result of an attempt that it has not begun",
    ),
    (change_answer(attempt="unknown"), "a worker returned the result of an attempt that it has not begun"),
    (change_answer(outcome="a" * 64), "the worker w did not send the outcome that it announced"),
    (
        change_answer(error="it cannot be written\nno space is left"),
        "w: it cannot be written; no space is left",
    ),
)


def test_wrong_answers_are_named_and_the_job_is_sent_again(
    played: Played, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dask_executor, "MOST_TRIES", len(WRONG) + 1)
    events = iter(event for event, _ in WRONG)

    def play(scheduler: PlayedScheduler, key: str, message: bytes) -> Event:
        return next(events, PlayedScheduler.run)(scheduler, key, message)

    played.scheduler.play = play
    assert [row.status for row in played.build().rows] == [ComponentStatus.BUILT]
    printed = [line for line in capsys.readouterr().err.splitlines() if "is sent to a worker again" in line]
    for line, (_, why) in zip(printed, WRONG):
        assert f"lib is sent to a worker again: {why}" in line
    assert len(printed) == len(WRONG)
    # Where it failed it goes only if there is no other worker.
    assert played.scheduler.avoided == [set()] * 5 + [{"w"}] * 2 + [set()]


def test_a_job_is_not_sent_for_ever(played: Played) -> None:
    tries = []

    def play(scheduler: PlayedScheduler, key: str, message: bytes) -> Event:
        tries.append(key)
        return Failed(key=key, text="x")

    played.scheduler.play = play
    [row] = played.build().rows
    assert len(tries) == 3 and len(set(tries)) == 3
    assert (row.status, row.reason) == (
        ComponentStatus.FAILED,
        "3 tries on workers failed; the worker's Dask failed: x",
    )
    assert list(played.site.run.workspace.builds.glob("*")) == []


def test_a_package_that_kills_workers_is_named(played: Played) -> None:
    def play(scheduler: PlayedScheduler, key: str, message: bytes) -> Event:
        scheduler.run(key, message)
        return Killed(key=key, text="died")

    played.scheduler.play = play
    [row] = played.build().rows
    assert (row.status, row.reason) == (ComponentStatus.FAILED, "workers ended while they built it: w")


def test_workers_of_other_versions_are_refused_with_both_named(played: Played) -> None:
    played.scheduler.offers = ("altai-build 9.9, host 1, x86_64",)
    with pytest.raises(InputError, match=r"no worker of tcp://127\.0\.0\.1:8786 can build this") as caught:
        played.build()
    assert caught.value.why == f"needed: {OFFER}\nw offers: altai-build 9.9, host 1, x86_64"
    assert played.scheduler.closed


def test_without_workers_a_run_waits_and_says_so(
    played: Played, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    played.scheduler.offers = ()
    monkeypatch.setattr(dask_executor, "PATIENCE", 0.05)
    with pytest.raises(UnreachableError, match="had no worker that can build") as caught:
        played.build()
    assert "altai-build worker --scheduler tcp://127.0.0.1:8786" in caught.value.todo
    assert "has no worker that can build; waiting for one" in capsys.readouterr().err


def test_a_lost_scheduler_ends_the_run_and_what_was_built_is_reused(played: Played) -> None:
    played.scheduler.play = lambda scheduler, key, message: SchedulerLost()
    with pytest.raises(UnreachableError, match="the scheduler was lost"):
        played.build()
    assert played.scheduler.closed
    played.scheduler.play = None
    assert [row.status for row in played.build().rows] == [ComponentStatus.BUILT]


def test_refused_requests_are_said_once(
    played: Played, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dask_executor, "MOST_REFUSALS", 2)
    servers: list[FileServer] = []

    def make(*arguments: Any) -> FileServer:
        servers.append(FileServer(*arguments))
        return servers[0]

    def play(scheduler: PlayedScheduler, key: str, message: bytes) -> Event:
        servers[0].refusals += ["a", "a", "b\x1b[31m", "c"]
        return scheduler.run(key, message)

    monkeypatch.setattr(dask_executor, "FileServer", make)
    played.scheduler.play = play
    played.build()
    printed = [line.partition("request: ")[2] for line in capsys.readouterr().err.splitlines()]
    assert [text for text in printed if text] == ["a", "b\\x1b[31m"]


def test_a_full_disk_here_ends_the_run(played: Played, tmp_path: Path) -> None:
    def play(scheduler: PlayedScheduler, key: str, message: bytes) -> Event:
        [folder] = tmp_path.glob("here/builds/.new*/incoming")
        folder.rmdir()
        return scheduler.run(key, message)

    played.scheduler.play = play
    with pytest.raises(InputError, match=r"results of workers cannot be stored in .*/here\n") as caught:
        played.build()
    assert caught.value.why == "the results of w cannot be written here: No such file or directory"
    assert played.scheduler.closed and len(played.scheduler.messages) == 1


def test_where_workers_reach_the_run(
    played: Played, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    local = ClusterSettings(scheduler=played.scheduler.address)
    run = played.site.run
    with pytest.raises(InputError, match=r"workers would get files from 192\.0\.2\.1 without TLS"):
        HostSite(played.site.world, replace(run, cluster=replace(local, listen="192.0.2.1"))).build()
    insecure = replace(local, listen="192.0.2.1", allows_insecure=True)
    with pytest.raises(InputError, match=r"cannot listen at 192\.0\.2\.1:0"):
        HostSite(played.site.world, replace(run, cluster=insecure)).build()
    # As Debian has it for its own name.
    monkeypatch.setattr(dask_executor, "find_own_address", lambda host: "127.0.0.1")
    named = ClusterSettings(scheduler="tcp://head:8786", allows_insecure=True)
    [row] = HostSite(played.site.world, replace(run, cluster=named)).build().rows
    assert row.status is ComponentStatus.BUILT
    assert "head means 127.0.0.1 here; set dask.listen" in capsys.readouterr().err


def test_an_interrupt_ends_the_builds_on_workers(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("altai_build.tools.dask.log_sender.PERIOD", 0.01)
    from altai_build.tools import process
    from tests.kit.builders import HostBuilder

    started, answers = threading.Event(), []

    def build(self: object, request: object, buildroot: object) -> None:
        started.set()
        process.run(["sleep", "600"])

    monkeypatch.setattr(HostBuilder, "build", build)

    def play(scheduler: PlayedScheduler, key: str, message: bytes) -> None:
        thread = threading.Thread(target=lambda: answers.append(scheduler.runner.run(message)))
        thread.start()
        assert started.wait(30)
        monkeypatch.setattr(PlayedScheduler, "take", interrupt)
        played.scheduler.thread = thread  # type: ignore[attr-defined]

    def interrupt(scheduler: PlayedScheduler, timeout: float | None = None) -> None:
        raise KeyboardInterrupt

    played.scheduler.play = play
    with pytest.raises(KeyboardInterrupt):
        played.build()
    played.scheduler.thread.join(30)  # type: ignore[attr-defined]
    assert [json.loads(answer)["error"] for answer in answers] == ["the run no longer wants it"]
    assert list(played.scheduler.runner.workspace.scratch.iterdir()) == []


def test_workers_build_what_this_machine_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole: a scheduler and a worker, each a process of its own, with the certificates of a cluster.

    Each process loads Dask, which is most of what this takes; scripts/prove-workers has more of them.
    """
    tls = make_cluster_certificates(tmp_path / "tls")
    site = HostSite.create(tmp_path, monkeypatch)
    site.world.component("repos/lib", noarch_component("lib"))
    site.world.component("repos/app", noarch_component("app", "lib"))
    site.world.component("repos/broken", noarch_component("broken", build="exit 1"))
    site.world.pin()
    with Cluster(tmp_path / "cluster", tls) as cluster:
        cluster.start_worker("one", slots=2)
        local = site.build()
        cluster.wait_for_log("one", "is connected")
        run = replace(
            site.run,
            workspace=Workspace(tmp_path / "other"),
            executor="dask",
            cluster=ClusterSettings(scheduler=cluster.address, tls=tls),
        )
        assert cluster.address.startswith("tls://")
        sent = HostSite(site.world, run).build()
    assert summarize(sent) == summarize(local)
    assert {key for _, key, _, _ in summarize(sent)} == {key for _, key, _, _ in summarize(local)}
    assert {status for _, _, status, _ in summarize(sent)} == {ComponentStatus.BUILT, ComponentStatus.FAILED}
    assert [record.key for record in Ledger(run.workspace.ledger).history("build", "app")] != []
    again = HostSite(site.world, replace(run, executor="local")).build()
    assert [row.status for row in again.rows if row.component != "broken"] == [ComponentStatus.REUSED] * 2


def summarize(build_run: BuildRun) -> set[tuple[str, str, ComponentStatus, frozenset[str]]]:
    """Component, build key, status and packages of each row."""
    return {
        (row.component, row.key, row.status, frozenset(str(rpm.header.nevra) for rpm in row.rpms))
        for row in build_run.rows
    }
