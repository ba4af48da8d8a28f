"""What the child with Dask's client sends to the scheduler: names of the standard library, and bytes."""

from __future__ import annotations

import asyncio
import io
import json
import operator
import pickletools
import pkgutil
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import distributed
import pytest

from altai_build.tools.dask.client_child import TASK, _Child, find_other_release


class Client:
    """Stands for Dask's: keeps the graph that it was given."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.calls: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def get(self, graph: dict[str, Any], keys: list[str], **options: Any) -> list[Any]:
        self.calls.append((graph, options))

        async def end() -> Any:
            if isinstance(self.outcome, BaseException):
                raise self.outcome
            return self.outcome

        return [end()]


def submit(outcome: Any, avoided: Sequence[str] = ()) -> tuple[Client, list[dict[str, Any]]]:
    client, events = Client(outcome), io.BytesIO()

    async def run() -> None:
        child = _Child(client, events)
        child._workers = {"tcp://a": ("a", ["offer"]), "tcp://b": ("b", ["offer"]), "tcp://c": ("c", [])}
        child.submit("k", '{"x": 1}', "offer", 7.5, avoided)
        await asyncio.gather(*child._tasks)

    asyncio.run(run())
    return client, [json.loads(line) for line in events.getvalue().splitlines()]


def test_a_task_is_a_name_and_bytes() -> None:
    import pickle

    client, events = submit(b"answer")
    [(graph, options)] = client.calls
    assert options == {"sync": False, "resources": {"offer": 1}, "priority": 7.5, "retries": 0}
    call, (resolve, name) = graph["k"]
    assert isinstance(call, operator.methodcaller) and resolve is pkgutil.resolve_name and name == TASK
    modules = {
        str(argument).split()[0]
        for opcode, argument, _ in pickletools.genops(pickle.dumps(graph, protocol=2))
        if opcode.name == "GLOBAL"
    }
    # What unpickles it needs the standard library alone, and finds no code of this package.
    assert modules <= {"operator", "pkgutil", "_codecs", "__builtin__"}
    assert events == [{"event": "done", "key": "k", "answer": "answer"}]


def test_workers_that_failed_are_avoided_where_there_are_others() -> None:
    chosen = [submit(b"", avoided)[0].calls[0][1].get("workers") for avoided in (["a"], ["a", "b"], ["c"])]
    assert chosen == [["tcp://b"], None, ["tcp://a", "tcp://b"]]


def test_what_a_worker_returns_is_cut_and_no_object() -> None:
    assert submit(b"x" * 10_000)[1][0]["answer"] == "x" * 4001
    assert submit({"an": "object"})[1][0]["answer"] == ""


def test_ends_of_tasks() -> None:
    from distributed import CancelledError, KilledWorker
    from distributed.scheduler import WorkerState

    words: dict[str, Any] = dict.fromkeys(("local_directory", "nanny", "server_id"), "")
    numbers: dict[str, Any] = {"pid": 0, "nthreads": 1, "memory_limit": 0}
    state = WorkerState(address="tcp://w:1", status="running", name="w", **words, **numbers)
    killed = submit(KilledWorker("k", state, 3))[1][0]
    assert killed["event"] == "killed" and "tcp://w:1" in killed["text"]
    assert submit(CancelledError("k"))[1] == [{"event": "scheduler-lost"}]
    assert submit(RuntimeError("x" * 9000))[1][0]["event"] == "failed"


@pytest.mark.parametrize(
    ("packages", "found"),
    [
        ({"distributed": "2026.8.0"}, ""),
        ({"distributed": "2026.3.1"}, ""),
        ({"distributed": "2024.8.0"}, "2024.8.0"),
        ({}, "of unknown release"),
    ],
)
def test_a_scheduler_of_another_year_is_found(
    packages: dict[str, str], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def versions(**_: object) -> dict[str, Any]:
        return {"packages": packages}

    monkeypatch.setattr(distributed, "__version__", "2026.8.0")
    assert asyncio.run(find_other_release(SimpleNamespace(versions=versions))) == found
