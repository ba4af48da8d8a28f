#!/usr/bin/env python3
"""What builds by Dask workers cost the machine of the run, and how long real releases by two slots take.

Overhead: processor time of the run's own process and of its client of the scheduler, for each build more, minus that of
the run's process where it builds itself. What a run needs once (starting Dask) is not in it: it is the slope between
the smallest and the largest size. Ways alternate within each round, and every component is new in each.

Makespan: from the first start to the last end of the builds of a release, which sleep for seconds: by two jobs on this
machine, and by two workers with one slot each. Compared with max(critical path, work / 2) of the durations that the
release's manifest records, and of the sleep alone. Ways alternate, and every component is new in each.
Needs root and the testbed (scripts/make-testbed).
"""

from __future__ import annotations

import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.model.order import compute_order  # noqa: E402
from benchmarks import measure  # noqa: E402
from benchmarks.generated.superproject import ScaleWorld  # noqa: E402
from benchmarks.measure import OURS, PYTHON, ROOT, run  # noqa: E402
from benchmarks.simulation.graphs import make_component  # noqa: E402
from benchmarks.simulation.limits import LimitFinder  # noqa: E402

_SLOTS = 2
_LOCAL, _DASK = "on this machine", "by two workers"
_MOST_OVERHEAD = 20.0
_MOST_MAKESPAN = 1.05
_PATIENCE = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Seconds of processor time of a run: of its own process, and of its client of the scheduler."""

    own: float
    client: float


@dataclass(frozen=True)
class Makespan:
    """Seconds of the builds of one release, and that no schedule can be quicker than."""

    way: str
    seconds: float
    work: float
    chain: float
    windows: float
    slept: float  # as work, of what the builds sleep alone

    @property
    def ratio(self) -> float:
        """In terms of max(critical path, work / slots)."""
        return self.seconds / max(self.work, self.chain)


@contextmanager
def running(words: Sequence[str], log: Path, ready: str) -> Iterator[str]:
    """A program from the time on when it has printed `ready`, an expression; gives what that found."""
    with open(log, "wb") as stream:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment
        )
    try:
        deadline = time.monotonic() + _PATIENCE
        while not (found := re.search(ready, log.read_text(errors="replace"))):
            if child.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{' '.join(words)}\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield found[0]
    finally:
        child.terminate()
        child.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A scheduler and two workers with one slot each, on the loopback interface; gives the scheduler's address."""
    words = [PYTHON, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    with running(
        [*words, "--no-dashboard"], folder / "scheduler.log", r"tcp://127\.0\.0\.1:[0-9]+"
    ) as address:
        front = [*OURS, "--scheduler", address, "--builder", "chroot"]
        workers = [
            running(
                [*front, "--workspace", str(folder / name), "worker", "--name", name],
                folder / f"{name}.log",
                "is connected to",
            )
            for name in ("w1", "w2")
        ]
        with workers[0], workers[1]:
            yield address


def call(world: ScaleWorld, way: Sequence[str], *words: str) -> Cost:
    """Run altai-build, which must succeed."""
    command = [
        *OURS,
        "-C",
        str(world.path),
        "--quiet",
        "--builder",
        "chroot",
        "--jobs",
        str(_SLOTS),
        *way,
        *words,
    ]
    log = world.path.parent / "run.log"
    with open(log, "wb") as stream:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment
        )
    cost = Cost(0.0, 0.0)
    # It is a zombie when it has ended, whose times the kernel still knows.
    while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        cost = Cost(0.0, max(cost.client, sum(read_times(pid) for pid in list_clients(child.pid))))
        time.sleep(0.05)
    cost = Cost(read_times(child.pid), cost.client)
    if child.wait() != 0:
        raise SystemExit(f"{' '.join(words)}\n{log.read_text(errors='replace')}")
    return cost


def read_times(pid: int) -> float:
    """Seconds of processor time of one process, without its children; 0 when it is gone."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def list_clients(pid: int) -> Iterator[int]:
    """The processes of the client below a run: the sandbox, and the interpreter in it."""
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                if b"/program/child.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                    yield child
                    yield from list_clients(child)


def measure_overhead(
    folder: Path, address: str, sizes: Sequence[int], configs: Path, rounds: int
) -> tuple[measure.Curves, list[measure.Target]]:
    """Curves of processor time by number of builds; and the milliseconds for one build more."""
    worlds = [ScaleWorld(folder / f"of{size}", size, configs) for size in sizes]
    ways = {_LOCAL: (), _DASK: ("--executor", "dask", "--scheduler", address)}
    costs: dict[tuple[str, int], list[Cost]] = {}
    for number in range(rounds + 1):
        for world in worlds:
            for name, way in ways.items():
                world.change(*range(world.size))
                cost = call(world, way, "build")
                # The first round makes buildroots.
                if number:
                    costs.setdefault((name, world.size), []).append(cost)
    curves = {
        f"{name}: {what}": [
            (size, statistics.median(getattr(cost, what) for cost in costs[name, size])) for size in sizes
        ]
        for name, what in ((_LOCAL, "own"), (_DASK, "own"), (_DASK, "client"))
    }
    small, large = min(sizes), max(sizes)

    def slopes(name: str, what: str) -> list[float]:
        pairs = zip(costs[name, small], costs[name, large])
        return [
            1000 * (getattr(much, what) - getattr(little, what)) / (large - small) for little, much in pairs
        ]

    own = [there - here for there, here in zip(slopes(_DASK, "own"), slopes(_LOCAL, "own"))]
    client = slopes(_DASK, "client")
    return curves, [
        (
            "overhead per build, ms: the run and its client",
            [a + b for a, b in zip(own, client)],
            _MOST_OVERHEAD,
        ),
        ("… of it the run's own process", own, _MOST_OVERHEAD),
        ("… of it the client of the scheduler", client, _MOST_OVERHEAD),
    ]


def measure_makespan(
    folder: Path, address: str, size: int, mean: int, configs: Path, rounds: int
) -> list[Makespan]:
    """Releases by the two workers; one before the first makes the durations known."""
    chance = random.Random(0)
    seconds = [mean * chance.uniform(0.5, 1.5) for _ in range(size)]
    world = ScaleWorld(folder / "makespan", size, configs, seconds.__getitem__)
    run([*OURS, "-C", str(world.path), "keys", "init", "k", "--no-passphrase"])
    world.add("keys")
    ways = {_LOCAL: (), _DASK: ("--executor", "dask", "--scheduler", address)}
    found = []
    for number in range(rounds + 1):
        for index, (name, way) in enumerate(ways.items()):
            version = f"1.{index}.{number}"
            world.change(*range(size))
            call(world, way, "release", version)
            manifest = world.path / "releases" / version / "release.json"
            if number:
                found.append(read_makespan(name, manifest, sum(seconds) / _SLOTS))
    return found


def read_makespan(way: str, manifest: Path, slept: float) -> Makespan:
    """What a release's manifest says of its builds."""
    rows = [row for row in json.loads(manifest.read_text())["builds"] if row.get("started") is not None]
    names = {row["component"] for row in rows}
    graph = [
        make_component(row["component"], [need for need in row["needs"] if need in names], row["seconds"])
        for row in rows
    ]
    limits = LimitFinder(compute_order(graph)).limits(_SLOTS)
    begin, end = min(row["started"] for row in rows), max(row["started"] + row["seconds"] for row in rows)
    return Makespan(way, end - begin, limits.work, limits.chain, limits.windows, slept)


def print_makespans(found: Sequence[Makespan]) -> None:
    """The releases, a line each."""
    print("\n### Releases by two slots, seconds on the clock\n")
    head = ("makespan", "work / 2", "chain", "windows", "sleep / 2", "/ max(work, chain)")
    print(f"| builds | {' | '.join(head)} |\n|---{'|---:' * len(head)}|")
    for one in sorted(found, key=lambda one: one.way):
        seconds = [f"{value:.1f}" for value in (one.seconds, one.work, one.chain, one.windows, one.slept)]
        print(f"| {one.way} | {' | '.join(seconds)} | {one.ratio:.3f} |")


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=3)
    measure.add_sizes(parser, "4,24", "builds")
    measure.add_parts(parser, "overhead", "makespan")
    measure.add_number(parser, "--components", 20, "components of the releases by two slots")
    measure.add_number(parser, "--seconds", 3, "how long their builds sleep on average")
    measure.add_testbed(parser)
    arguments = parser.parse_args()
    configs = measure.require_testbed(parser, arguments.testbed)
    targets: list[measure.Target] = []
    with measure.scratch("workers", "rpmbuild", "bwrap") as folder, cluster(folder) as address:
        if "overhead" in arguments.only:
            curves, overheads = measure_overhead(folder, address, arguments.sizes, configs, arguments.rounds)
            measure.print_growth("Processor time of a run", "builds", curves, arguments.svg)
            targets += overheads
        if "makespan" in arguments.only:
            makespans = measure_makespan(
                folder, address, arguments.components, arguments.seconds, configs, arguments.rounds
            )
            print_makespans(makespans)
            for way in (_LOCAL, _DASK):
                ratios = [one.ratio for one in makespans if one.way == way]
                targets.append((f"{way}: makespan / max(chain, work / 2)", ratios, _MOST_MAKESPAN))
    measure.print_targets(targets)


if __name__ == "__main__":
    main()
