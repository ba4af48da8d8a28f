"""A Dask worker that runs tasks of this program; the process offers nothing else, and needs no key."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError, UnreachableError
from altai_build.model.cluster import ClusterSettings
from altai_build.tools.commands import INHERITED_VARIABLES
from altai_build.tools.dask.address import check_scheduler, is_loopback

# Seconds until a scheduler must have answered.
CONNECT_TIMEOUT = 30
_LONGEST_MESSAGE = 4096
# What runs tasks in this process: one function, while there is a worker.
_handlers: list[Callable[[bytes], bytes]] = []


@dataclass(frozen=True)
class WorkerOptions:
    """How a worker presents itself to the scheduler."""

    name: str
    slots: int
    offers: Sequence[str]  # names of resources, each as often as there are slots
    host: str  # at which scheduler and other workers reach it; "": the address that leads to the scheduler
    folder: Path  # for Dask's own files


def run_task(message: bytes) -> bytes:
    """What the tasks of a run call, by this name (client_child.TASK); `message` and answer are JSON."""
    if not _handlers or not isinstance(message, bytes) or len(message) > _LONGEST_MESSAGE:
        raise ValueError("this is no worker of altai-build, or the message is none of it")
    return _handlers[-1](message)


def run_worker(
    settings: ClusterSettings,
    options: WorkerOptions,
    handle: Callable[[bytes], bytes],
    announce: Callable[[str], None],
) -> None:
    """Work until a signal ends it or the scheduler is lost. Raises UsageError, InputError, UnreachableError."""
    address, host = check_scheduler(settings)
    forget_environment()
    _handlers.append(handle)
    try:
        asyncio.run(_work(address, host, settings, options, announce))
    finally:
        _handlers.clear()


def forget_environment() -> None:
    """Keep only the variables that programs inherit: neither tokens nor sockets of agents are in reach of tasks."""
    for name in set(os.environ) - {*INHERITED_VARIABLES, "LANG", "LC_ALL", "TERM", "VIRTUAL_ENV"}:
        del os.environ[name]


async def _work(
    address: str,
    host: str,
    settings: ClusterSettings,
    options: WorkerOptions,
    announce: Callable[[str], None],
) -> None:
    # Dask reads its settings when it is loaded. Its page for people would be open to all without a certificate.
    os.environ["DASK_DISTRIBUTED__WORKER__HTTP__ROUTES"] = "[]"
    os.environ["DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED"] = "false"
    from distributed import Security, Worker

    logging.getLogger("distributed").setLevel(logging.WARNING)
    security = Security(require_encryption=False)
    if address.startswith("tls:") and settings.tls is not None:
        tls = settings.tls
        security = Security(
            tls_ca_file=str(tls.ca),
            tls_worker_cert=str(tls.cert),
            tls_worker_key=str(tls.key),
            tls_client_cert=str(tls.cert),
            tls_client_key=str(tls.key),
            require_encryption=True,
        )
    try:
        worker = await Worker(
            address,
            nthreads=options.slots,
            name=options.name,
            resources=dict.fromkeys(options.offers, options.slots),
            host=options.host or ("127.0.0.1" if is_loopback(host) else None),
            local_directory=str(options.folder),
            security=security,
            memory_limit=0,
            death_timeout=CONNECT_TIMEOUT,
            dashboard=False,
            executor=ThreadPoolExecutor(options.slots, thread_name_prefix="build"),
        )
    except (OSError, TimeoutError, asyncio.TimeoutError) as error:
        raise UnreachableError(
            f"the scheduler {address} does not answer",
            why=str(error),
            todo="start it (`dask scheduler`), or correct --scheduler",
        ) from error
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"the scheduler {address} does not take this worker",
            why=str(error.__cause__ or error),
            todo="give it another name with --name, and the same release of `distributed` as the scheduler",
        ) from error
    announce(f"worker {options.name} is connected to {address}")
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    finished = asyncio.ensure_future(worker.finished())
    stopped = asyncio.ensure_future(ended.wait())
    await asyncio.wait([finished, stopped], return_when=asyncio.FIRST_COMPLETED)
    if not ended.is_set():
        raise UnreachableError(
            f"the connection to the scheduler {address} ended",
            todo="start both again; runs continue with what was built",
        )
    await worker.close(timeout=2, executor_wait=False, reason="it was stopped")
