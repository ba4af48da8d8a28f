"""A Dask worker that runs tasks of this program; the process offers nothing else, and needs no key."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from altai_build.errors import InputError, UnreachableError, escape_control_characters
from altai_build.model.cluster import ClusterSettings
from altai_build.tools.commands import INHERITED_VARIABLES
from altai_build.tools.dask.address import check_scheduler, find_obstacle, is_loopback
from altai_build.tools.dask.client_child import find_other_release
from altai_build.tools.dask.library import make_release_error
from altai_build.tools.mock.host import MOCK_VARIABLES

# Seconds until a scheduler must have answered.
CONNECT_TIMEOUT = 30
# Seconds between attempts to reach a scheduler that was lost.
RETRY_PAUSE = 1.0
_LONGEST_MESSAGE = 4096
Announce = Callable[[str], None]
# What runs tasks in this process: one function, while there is a worker.
_handlers: list[Callable[[bytes], bytes]] = []


@dataclass(frozen=True)
class WorkerOptions:
    """How a worker presents itself to the scheduler."""

    name: str
    slots: int
    offers: Sequence[
        str
    ]  # names of resources, each as often as there are slots; a build takes one, a question another
    host: str  # at which scheduler and other workers reach it; "": the address that leads to the scheduler
    folder: Path  # for Dask's own files
    reconnect: float = 0.0  # seconds in which it tries to reach a scheduler that was lost


def run_task(message: bytes) -> bytes:
    """What the tasks of a run call, by this name (client_child.TASK); `message` and answer are JSON."""
    if not _handlers or not isinstance(message, bytes) or len(message) > _LONGEST_MESSAGE:
        raise ValueError("this is no worker of altai-build, or the message is none of it")
    return _handlers[-1](message)


def run_worker(
    settings: ClusterSettings,
    options: WorkerOptions,
    handle: Callable[[bytes], bytes],
    stop: Callable[[], None],
    announce: Announce,
) -> None:
    """Work until a signal ends it or the scheduler is lost; `stop` ends what `handle` does in other threads.

    Raises UsageError, InputError, UnreachableError.
    """
    address, _ = check_scheduler(settings)
    forget_environment()
    _handlers.append(handle)
    try:
        asyncio.run(_work(address, settings, options, stop, announce))
    finally:
        _handlers.clear()


def forget_environment() -> None:
    """Keep only the variables that programs inherit: neither tokens nor sockets of agents are in reach of tasks.

    Of those that mock needs, proxies with a password are not kept.
    """
    kept = {*INHERITED_VARIABLES, "LANG", "LC_ALL", "TERM", "VIRTUAL_ENV"}
    kept.update(name for name in MOCK_VARIABLES if "@" not in os.environ.get(name, ""))
    for name in set(os.environ) - kept:
        del os.environ[name]


class OneLine(logging.Formatter):
    """What Dask logs, a line for each event: its tracebacks tell a user nothing, and its texts may be of others."""

    def format(self, record: logging.LogRecord) -> str:
        """The message and, of an error, its kind and text."""
        error = record.exc_info[1] if record.exc_info else None
        text = " ".join(record.getMessage().split())
        return escape_control_characters(
            f"Dask: {text}" if error is None else f"Dask: {text} ({type(error).__name__}: {error})", keep=""
        )


class _BuildThreads(ThreadPoolExecutor):
    """Runs tasks; when Dask closes its worker for whatever reason, the builds end first."""

    def __init__(self, threads: int, stop: Callable[[], None]) -> None:
        super().__init__(threads, thread_name_prefix="build")
        self._stop = stop

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As that of every executor, but what waits for a run that is cut off too is not waited for."""
        self._stop()
        super().shutdown(wait=False, cancel_futures=cancel_futures)


async def _work(
    address: str, settings: ClusterSettings, options: WorkerOptions, stop: Callable[[], None], say: Announce
) -> None:
    # Dask reads its settings when it is loaded. Its page for people would be open to all without a certificate.
    os.environ["DASK_DISTRIBUTED__WORKER__HTTP__ROUTES"] = "[]"
    os.environ["DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED"] = "false"
    from distributed import Worker

    logging.getLogger("distributed").setLevel(logging.WARNING)
    # It warns of each build that is ended.
    logging.getLogger("distributed.worker.state_machine").setLevel(logging.ERROR)
    for name in ("distributed", "tornado", "tornado.application"):
        for handler in logging.getLogger(name).handlers:
            handler.setFormatter(OneLine())
    connect = partial(_connect, Worker, address, settings, options, stop)
    worker = await connect()
    # Dask's own handlers would end the process.
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    while worker is not None:
        say(f"worker {options.name} is connected to {address}")
        if not await _finish_first(worker.finished(), stopped):
            await worker.close(timeout=2, executor_wait=False, reason="it was stopped")
            return
        if options.reconnect:
            say(
                f"the connection to the scheduler {address} ended; trying for {options.reconnect:g} seconds to connect"
            )
        worker = await _reconnect(address, connect, options.reconnect, stopped)


async def _connect(
    kind: Any, address: str, settings: ClusterSettings, options: WorkerOptions, stop: Callable[[], None]
) -> Any:
    """Dask's worker, which the scheduler knows. Raises UnreachableError, InputError."""
    _, host = check_scheduler(settings)
    security = _make_security(address, settings)
    try:
        await _refuse_other_release(address, security)
        return await kind(
            address,
            nthreads=2 * options.slots,
            name=options.name,
            resources=dict.fromkeys(options.offers, options.slots),
            host=options.host or ("127.0.0.1" if is_loopback(host) else None),
            local_directory=str(options.folder),
            security=security,
            memory_limit=0,
            death_timeout=CONNECT_TIMEOUT,
            dashboard=False,
            executor=_BuildThreads(2 * options.slots, stop),
        )
    except (OSError, TimeoutError, asyncio.TimeoutError) as error:
        raise UnreachableError(
            f"the scheduler {address} does not answer",
            why=find_obstacle(address, settings.tls) or str(error),
            todo="start it (`dask scheduler`), or correct --scheduler",
        ) from error
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"the scheduler {address} does not take this worker",
            why=str(error.__cause__ or error),
            todo="give it another name with --name, and the same release of `distributed` as the scheduler",
        ) from error


async def _refuse_other_release(address: str, security: Any) -> None:
    """Raise InputError for a scheduler that would take this worker, and lose it with the first task."""
    from distributed import __version__, rpc

    arguments = security.get_connection_args("worker")
    async with rpc(address, timeout=CONNECT_TIMEOUT, connection_args=arguments) as scheduler:
        theirs = await find_other_release(scheduler)
    if theirs:
        raise make_release_error(address, theirs, __version__)


def _make_security(address: str, settings: ClusterSettings) -> Any:
    from distributed import Security

    if not address.startswith("tls:") or settings.tls is None:
        return Security(require_encryption=False)
    tls = settings.tls
    return Security(
        tls_ca_file=str(tls.ca),
        tls_worker_cert=str(tls.cert),
        tls_worker_key=str(tls.key),
        tls_client_cert=str(tls.cert),
        tls_client_key=str(tls.key),
        require_encryption=True,
    )


async def _reconnect(
    address: str, connect: Callable[[], Awaitable[Any]], seconds: float, stopped: asyncio.Event
) -> Any:
    """Dask's worker again; None when a signal comes before. Raises UnreachableError after so many seconds."""
    deadline = time.monotonic() + seconds
    why = ""
    while time.monotonic() < deadline:
        connecting = asyncio.ensure_future(connect())
        if not await _finish_first(connecting, stopped):
            return None
        # The scheduler may not know yet that the earlier one with this name is gone.
        try:
            return connecting.result()
        except (UnreachableError, InputError) as error:
            why = f"{error.what}; {error.why}"
        if not await _finish_first(asyncio.sleep(RETRY_PAUSE), stopped):
            return None
    raise UnreachableError(
        f"the connection to the scheduler {address} ended",
        why=why,
        todo="start both again; runs continue with what was built",
    )


async def _finish_first(work: Awaitable[Any], stopped: asyncio.Event) -> bool:
    """Whether work ends, also by an error, before a signal comes; what does not is cancelled."""
    waiting = [asyncio.ensure_future(work), asyncio.ensure_future(stopped.wait())]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for future in waiting:
        if not future.done():
            future.cancel()
    return not stopped.is_set()
