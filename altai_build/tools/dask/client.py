"""The run's way to the scheduler: orders to a sandboxed child with Dask's client, its events read with limits."""

from __future__ import annotations

import json
import os
import queue
import select
import sys
import threading
import time
from collections.abc import Collection
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated, Union

import msgspec
from msgspec import Meta

from altai_build.errors import InputError, UnreachableError
from altai_build.model.cluster import ClusterSettings, TlsFiles
from altai_build.model.limits import Limits
from altai_build.regular_files import read_regular_file
from altai_build.tools import process
from altai_build.tools.commands import describe_exit, find_base_interpreter, signal_of_shell
from altai_build.tools.dask.address import check_scheduler, find_obstacle
from altai_build.tools.dask.library import make_release_error, require_dask
from altai_build.tools.files import make_directory
from altai_build.tools.sandbox.bubblewrap import NetworkSandbox
from altai_build.tools.sandbox.limits import limit_command

CHILD = Path(__file__).with_name("client_child.py")
CONNECT_TIMEOUT = 15.0  # seconds
# Seconds without an event, of which the child sends one each second: the child or the scheduler hangs.
SILENCE = 60.0
# Events that were not taken yet: a child that sends more has to wait.
_MOST_EVENTS = 1000
_LONGEST_EVENT = 16 << 20  # bytes; a cluster may have thousands of workers
_LONGEST_PEM = 1 << 20
_LONGEST_REASON = 300  # characters
# Of the child: what it writes is a log of errors.
_LIMITS = Limits(processes=None, memory=4 << 30, file=64 << 20)
# Of the host, for names of schedulers.
_NAME_SERVICE = ("/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf")


_Key = Annotated[str, Meta(max_length=500)]
_Text = Annotated[str, Meta(max_length=4000)]


class Worker(msgspec.Struct, frozen=True):
    """A worker that the scheduler knows; `offers` are the names of its resources."""

    name: Annotated[str, Meta(max_length=500)]
    slots: Annotated[int, Meta(ge=0, le=100_000)]
    offers: Annotated[tuple[str, ...], Meta(max_length=1000)]


class Workers(msgspec.Struct, frozen=True, tag_field="event", tag="workers"):
    """The workers that there are now."""

    workers: Annotated[tuple[Worker, ...], Meta(max_length=100_000)]


class Done(msgspec.Struct, frozen=True, tag_field="event", tag="done"):
    """A task has ended, with a message of the worker's."""

    key: _Key
    answer: _Text


class Killed(msgspec.Struct, frozen=True, tag_field="event", tag="killed"):
    """The scheduler has given a task up: workers were lost while they ran it."""

    key: _Key
    text: _Text


class Failed(msgspec.Struct, frozen=True, tag_field="event", tag="failed"):
    """A task has failed in Dask itself."""

    key: _Key
    text: _Text


class SchedulerLost(msgspec.Struct, frozen=True, tag_field="event", tag="scheduler-lost"):
    """The scheduler is gone, and what it knew with it."""


class Unreachable(msgspec.Struct, frozen=True, tag_field="event", tag="unreachable"):
    """No scheduler answers."""

    text: _Text


class OtherRelease(msgspec.Struct, frozen=True, tag_field="event", tag="other-release"):
    """The scheduler and the client have releases of Dask that do not understand one another."""

    theirs: str
    ours: str


Event = Union[Workers, Done, Killed, Failed, SchedulerLost, Unreachable, OtherRelease]


class SchedulerClient:
    """A connection to a scheduler; its methods are called by one thread."""

    def __init__(self, settings: ClusterSettings, scratch: Path) -> None:
        """Connects; `scratch` is a folder for the child. Raises UsageError, InputError, UnreachableError."""
        self.address, self.host = check_scheduler(settings)
        self._tls = settings.tls
        self._events: queue.Queue[Event | None] = queue.Queue(_MOST_EVENTS)
        self._silence = 0.0  # seconds for which no event was there
        self._nonsense = ""
        self._is_closed = False
        self._stack = ExitStack()
        order = {
            "scheduler": self.address,
            "tls": _read_tls(settings.tls) if settings.tls is not None else None,
            "timeout": CONNECT_TIMEOUT,
        }
        self._errors = scratch / "client.log"
        errors = self._stack.enter_context(self._errors.open("wb"))
        self._child = self._stack.enter_context(
            process.start_child(_make_command(make_directory(scratch / "tmp")), input=b"", stderr=errors)
        )
        self._reader = threading.Thread(target=self._read_events, daemon=True)
        self._reader.start()
        try:
            self._order(order)
            self.workers = self._wait_for_workers()
        except BaseException:
            self.close()
            raise

    def _wait_for_workers(self) -> tuple[Worker, ...]:
        event = self.take(CONNECT_TIMEOUT * 2)
        if isinstance(event, Workers):
            return event.workers
        if isinstance(event, OtherRelease):
            raise make_release_error(self.address, event.theirs, event.ours)
        raise UnreachableError(
            f"the scheduler {self.address} does not answer",
            why=find_obstacle(self.address, self._tls)
            or (event.text if isinstance(event, Unreachable) else self._read_errors()),
            todo="start it (`dask scheduler`), or correct --scheduler or dask.scheduler in repos.yaml; "
            "--executor local builds on this machine",
        )

    def submit(
        self, key: str, message: bytes, offer: str, priority: float, avoided: Collection[str] = ()
    ) -> None:
        """Have a worker with this offer run a task; higher priorities first.

        Workers with an `avoided` name get it only where there is no other. Raises UnreachableError when the child does
        not read it.
        """
        order = {"key": key, "message": message.decode(), "offer": offer, "priority": priority}
        self._order({**order, "avoided": sorted(avoided)})

    def take(self, timeout: float) -> Event | None:
        """The next event; None when there is none in so many seconds.

        What it says of workers is also in `workers`. Raises UnreachableError when the child has ended or says nothing.
        """
        try:
            event = self._events.get(timeout=timeout)
        except queue.Empty:
            # Not by a clock, which goes on while this process is stopped.
            self._silence += timeout
            if self._silence >= SILENCE:
                raise self._lose(f"nothing was heard of it for {SILENCE:g} seconds") from None
            return None
        self._silence = 0.0
        if event is None or isinstance(event, SchedulerLost):
            process.end_stopped_thread()
            raise self._lose("" if event is not None else self._describe_end())
        if isinstance(event, Workers):
            self.workers = event.workers
        return event

    def close(self) -> None:
        """Disconnect: the scheduler then forgets the tasks of this run."""
        self._is_closed = True
        self._stack.close()

    def _lose(self, why: str) -> UnreachableError:
        return UnreachableError(
            f"the connection to the scheduler {self.address} ended",
            why=why,
            todo="start it again and rerun the command: what was built until now is reused",
        )

    def _order(self, order: object) -> None:
        assert self._child.stdin is not None
        pipe = self._child.stdin.fileno()
        os.set_blocking(pipe, False)
        waiting = select.poll()
        waiting.register(pipe, select.POLLOUT)
        data = json.dumps(order).encode() + b"\n"
        while data:
            try:
                data = data[os.write(pipe, data) :]
            except BlockingIOError:
                if not waiting.poll(SILENCE * 1000):
                    raise self._lose(f"its client has read nothing for {SILENCE:g} seconds") from None
            except OSError:
                # It has ended; its last event says why.
                return

    def _read_events(self) -> None:
        stream = self._child.stdout
        assert stream is not None
        try:
            while line := stream.readline(_LONGEST_EVENT):
                self._put(msgspec.json.decode(line, type=Event))
        except (msgspec.MsgspecError, ValueError, OSError, RecursionError) as error:
            self._nonsense = f"its client sent what is no event: {error}"[:_LONGEST_REASON]
        finally:
            self._put(None)

    def _put(self, event: Event | None) -> None:
        while not self._is_closed:
            with suppress(queue.Full):
                self._events.put(event, timeout=1.0)
                return

    def _describe_end(self) -> str:
        """How the child ended, where that is no fault of the scheduler's: perhaps the kernel lacked memory."""
        if self._nonsense:
            return self._nonsense
        deadline = time.monotonic() + 1.0
        while (status := self._child.poll()) is None and time.monotonic() < deadline:
            time.sleep(0.01)
        how = describe_exit(signal_of_shell(status)) if status else ""
        ended = f"its client, a process of this run, {how}" if how else ""
        return "\n".join(filter(None, (ended, self._read_errors())))

    def _read_errors(self) -> str:
        with suppress(OSError):
            return "\n".join(read_regular_file(self._errors).decode("utf-8", "replace").splitlines()[-5:])
        return ""


def _read_tls(tls: TlsFiles) -> dict[str, str]:
    """The texts of the certificates: the child cannot open the files, which may be of another user."""
    found = {}
    for name, path in (("ca", tls.ca), ("cert", tls.cert), ("key", tls.key)):
        try:
            found[name] = read_regular_file(path, limit=_LONGEST_PEM).decode("ascii")
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path} cannot be read",
                why=str(error),
                todo=f"correct dask.security.{name} in repos.yaml: it names a PEM file",
            ) from error
    return found


def _make_command(temporary: Path) -> list[str]:
    visible = {str(CHILD): "/program/child.py", str(require_dask()): "/libraries"}
    visible.update({place: place for place in _NAME_SERVICE if Path(place).exists()})
    if not sys.base_prefix.startswith("/usr"):
        visible[sys.base_prefix] = sys.base_prefix
    argv = [*limit_command(_LIMITS), find_base_interpreter(), "-I", "-S", "-B", "/program/child.py"]
    return NetworkSandbox(visible, temporary).command(argv)
