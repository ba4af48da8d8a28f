"""The client of a Dask scheduler, in a process of its own, in a sandbox that holds no key and no other file.

Dask's client unpickles what a scheduler sends, and a pickle is a program: so nothing of the run is within its reach.
It reads orders from stdin and writes events to stdout, a line of JSON each. It runs without this package.
"""

from __future__ import annotations

import asyncio
import json
import operator
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import Any

TASK = "altai_build.tools.dask.worker:run_task"
_LONGEST_LINE = 1 << 20
_LONGEST_TEXT = 4000


class _Child:
    def __init__(self, client: Any, events: Any) -> None:
        self._client = client
        self._events = events
        self._futures: dict[str, Any] = {}
        # Address → name and offers.
        self._workers: dict[str, tuple[str, list[str]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, **event: object) -> None:
        self._events.write(json.dumps(event).encode() + b"\n")
        self._events.flush()

    async def describe_workers(self) -> None:
        identity = await self._client.scheduler.identity()
        self._workers = {
            address: (str(worker["name"]), sorted(map(str, worker["resources"])))
            for address, worker in identity["workers"].items()
        }
        workers = [
            {
                "name": str(worker["name"]),
                # It offers each of its resources as often as it has slots.
                "slots": int(max(worker["resources"].values(), default=0)),
                "offers": sorted(map(str, worker["resources"])),
            }
            for worker in identity["workers"].values()
        ]
        self.send(event="workers", workers=workers)

    async def watch_workers(self) -> None:
        while True:
            try:
                await self.describe_workers()
            except OSError:
                # The client says itself when the scheduler is lost.
                if self._client.status not in ("running", "connecting"):
                    self.send(event="scheduler-lost")
                    return
            await asyncio.sleep(1)

    def submit(self, key: str, message: str, offer: str, priority: float, avoided: Sequence[str]) -> None:
        options: dict[str, Any] = {"resources": {offer: 1}, "priority": priority, "retries": 0}
        chosen = [
            address
            for address, (name, offers) in self._workers.items()
            if offer in offers and name not in avoided
        ]
        # Where all are to be avoided, one of them may still be better than none.
        if avoided and chosen:
            options["workers"] = chosen
        # Only names of the standard library and bytes: the scheduler unpickles the graph, and needs no altai_build.
        call = (operator.methodcaller("__call__", message.encode()), (pkgutil.resolve_name, TASK))
        [future] = self._client.get({key: call}, [key], sync=False, **options)
        self._futures[key] = future
        task = asyncio.ensure_future(self._wait(key, future))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _wait(self, key: str, future: Any) -> None:
        from distributed import CancelledError, KilledWorker

        try:
            answer = await future
        except (CancelledError, asyncio.CancelledError):
            if key in self._futures:
                self.send(event="scheduler-lost")
        except KilledWorker as error:
            self.send(event="killed", key=key, text=str(error)[:_LONGEST_TEXT])
        except Exception as error:
            self.send(event="failed", key=key, text=f"{type(error).__name__}: {error}"[:_LONGEST_TEXT])
        else:
            text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else ""
            self.send(event="done", key=key, answer=text[: _LONGEST_TEXT + 1])
        self._futures.pop(key, None)


async def _serve(settings: dict[str, Any], orders: asyncio.StreamReader, events: Any) -> None:
    import distributed
    from distributed import Client, Security

    tls = settings["tls"]
    security = Security(require_encryption=False)
    if tls is not None:
        security = Security(
            tls_ca_file=tls["ca"],
            tls_client_cert=tls["cert"],
            tls_client_key=tls["key"],
            require_encryption=True,
        )
    async with Client(
        settings["scheduler"],
        asynchronous=True,
        security=security,
        set_as_default=False,
        timeout=settings["timeout"],
        name="altai-build",
    ) as client:
        child = _Child(client, events)
        if theirs := await find_other_release(client.scheduler):
            child.send(event="other-release", theirs=theirs[:_LONGEST_TEXT], ours=distributed.__version__)
            return
        await child.describe_workers()
        watcher = asyncio.ensure_future(child.watch_workers())
        while line := await orders.readline():
            order = json.loads(line)
            child.submit(**order)
        watcher.cancel()


async def find_other_release(scheduler: Any) -> str:
    """The scheduler's release of Dask where it is of another year than this one; "" where it is not."""
    import distributed

    versions = await scheduler.versions(packages=[])
    theirs = str(versions["packages"].get("distributed", "of unknown release"))
    return theirs if theirs.split(".")[0] != distributed.__version__.split(".")[0] else ""


async def _main() -> None:
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=_LONGEST_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin.buffer)
    # Dask logs to stderr; stdout is for events alone.
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        await _serve(json.loads(await orders.readline()), orders, events)
    except (OSError, ValueError) as error:
        text = json.dumps(
            {"event": "unreachable", "text": f"{type(error).__name__}: {error}"[:_LONGEST_TEXT]}
        )
        events.write(text.encode() + b"\n")
        events.flush()


if __name__ == "__main__":
    sys.path.insert(0, "/libraries")
    asyncio.run(_main())
