#!/usr/bin/env python3
"""Commands on generated superprojects of up to 10,000 tiny components: processor time, memory and git processes.

Processor time is that of the command and all its children. With --releases, releases and builds are measured too, which
needs root and the testbed (scripts/make-testbed), and takes about a second of each component.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from benchmarks import measure  # noqa: E402
from benchmarks.generated.superproject import FAMILY, ScaleWorld, name_component  # noqa: E402
from benchmarks.measure import CPUS, OURS, ROOT, removing, run  # noqa: E402

# Linear, with what is left to chance.
_LINEAR = 1.05
_KNOWN, _NEW, _SAME = "plan, all known", "plan, all new", "release, nothing changed"


class Cost(NamedTuple):
    """Seconds of processor time, bytes of the largest process, and git processes (None: the command has no log)."""

    seconds: float
    memory: int
    git: int | None


@dataclass(frozen=True)
class Command:
    """A command to measure; `before` runs first, and is not measured."""

    name: str
    words: Sequence[str]
    before: Callable[[], object] = lambda: None


@dataclass
class Costs:
    """What was measured: command → size → its cost in each round."""

    found: dict[str, dict[int, list[Cost]]] = field(default_factory=dict)

    def add(self, name: str, size: int, cost: Cost) -> None:
        """Add a measurement."""
        self.found.setdefault(name, {}).setdefault(size, []).append(cost)

    def seconds(self, name: str) -> list[tuple[float, float]]:
        """(size, median of the seconds)."""
        sizes = self.found.get(name, {})
        return [(size, statistics.median(cost.seconds for cost in costs)) for size, costs in sizes.items()]

    def select(self, name: str, size: int, value: Callable[[Cost], float]) -> list[float]:
        """One of the values of a command at a size; none where it was not measured."""
        return [value(cost) for cost in self.found.get(name, {}).get(size, ())]


def measure_command(world: ScaleWorld, command: Command) -> Cost:
    """Run a command, which must succeed."""
    command.before()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    logs = world.path / ".altai-build" / "logs"
    known = set(logs.glob("run-*.log"))
    words = [*OURS, "-C", str(world.path), "--quiet", *command.words]
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, env=environment
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            errors.seek(0)
            raise SystemExit(f"{' '.join(command.words)}\n{errors.read().decode('utf-8', 'replace')}")
    new = sorted(set(logs.glob("run-*.log")) - known)
    git = _count_git(new[-1]) if new else None
    return Cost(seconds=used.ru_utime + used.ru_stime, memory=used.ru_maxrss << 10, git=git)


def _count_git(log: Path) -> int:
    """The git processes that a debug log names."""
    with open(log, encoding="utf-8", errors="replace") as stream:
        return sum(line[9:].lstrip().startswith(("$ git ", "$ /usr/bin/git ")) for line in stream)


def list_readers(world: ScaleWorld) -> list[Command]:
    """What reads a superproject and builds nothing, in the order of a round."""
    changed = range(0, world.size, max(1, world.size // 10))
    middle = name_component(world.size // 2)
    plan = ["plan", "--json"]
    return [
        Command(_NEW, plan, removing(world.path / ".altai-build")),
        Command(_KNOWN, plan),
        Command("plan as a table", ["plan"]),
        Command("plan, ten pins new", plan, lambda: world.change(*changed)),
        Command("plan of what changed", [*plan, "--changed-since", "HEAD^"]),
        Command("changed", ["changed"]),
        Command("status", ["status"]),
        Command("explain of one", ["explain", middle]),
        Command("ci, nothing changed", ["ci", "--since", "HEAD", "-o", str(world.path.parent / "topic")]),
    ]


def measure_readers(worlds: Iterable[ScaleWorld], costs: Costs, rounds: int) -> None:
    """Measure all commands in each world, so many times."""
    for world in worlds:
        for _ in range(rounds):
            for command in list_readers(world):
                costs.add(command.name, world.size, measure_command(world, command))


def measure_releases(worlds: Iterable[ScaleWorld], costs: Costs, jobs: int) -> None:
    """Release everything once; then with nothing changed, and what builds do then."""
    for world in worlds:
        run([*OURS, "-C", str(world.path), "keys", "init", "k", "--no-passphrase"])
        world.add("keys")
        world.change()
        front = ["--builder", "chroot", "--jobs", str(jobs)]
        for command in (
            Command("release, all built", [*front, "release", "1.0.1"]),
            Command(_SAME, [*front, "release", "1.0.2"]),
            Command("build, nothing changed", [*front, "build"]),
            Command(
                "build of one that changed",
                [*front, "build", "--changed-since", "HEAD^"],
                partial(world.change, world.size - 1),
            ),
            Command(
                "build of one that others need",
                [*front, "build", "--changed-since", "HEAD^"],
                # In the middle of its layers.
                partial(world.change, max(0, world.size - FAMILY // 2)),
            ),
            Command("build of all, one changed", [*front, "build"], partial(world.change, world.size - 1)),
        ):
            costs.add(command.name, world.size, measure_command(world, command))


def print_costs(costs: Costs, svg: Path | None) -> None:
    """Print all that was measured, with the exponents of processor time."""
    curves = {name: costs.seconds(name) for name in costs.found}
    measure.print_growth("Processor time by number of components", "components", curves, svg)
    print("\n| command | components | memory | git processes |\n|---|---:|---:|---:|")
    for name, sizes in costs.found.items():
        for size, found in sizes.items():
            memory = statistics.median(cost.memory for cost in found) / (1 << 20)
            git = "–" if found[-1].git is None else f"{found[-1].git}"
            print(f"| {name} | {size} | {memory:.0f} MiB | {git} |")


def list_targets(costs: Costs) -> list[measure.Target]:
    """The goals of docs/scale.md."""

    def exponent(name: str) -> list[float]:
        points = [(size, seconds) for size, seconds in costs.seconds(name) if size >= 1000]
        return [measure.exponent(points)] if len(points) > 1 else []

    return [
        ("plan of 1,000 known, s", costs.select(_KNOWN, 1000, lambda cost: cost.seconds), 1),
        ("plan of 10,000 known, s", costs.select(_KNOWN, 10_000, lambda cost: cost.seconds), 10),
        ("… its memory, GiB", costs.select(_KNOWN, 10_000, lambda cost: cost.memory / (1 << 30)), 1),
        ("release of 1,000, nothing changed, s", costs.select(_SAME, 1000, lambda cost: cost.seconds), 10),
        *((f"exponent from 1,000 on: {name}", exponent(name), _LINEAR) for name in costs.found),
    ]


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=1)
    measure.add_sizes(parser, "1000,3000,10000", "components, the points")
    parser.add_argument(
        "--releases",
        type=measure.read_number,
        action="append",
        default=[],
        metavar="N",
        help="components to release; may be given several times; default: none",
    )
    measure.add_number(parser, "--jobs", CPUS, "parallel jobs of releases")
    measure.add_testbed(parser)
    arguments: argparse.Namespace = parser.parse_args()
    costs, configs = Costs(), arguments.testbed / "mock-configs"
    with measure.scratch("scale", "git") as folder:
        sized = (ScaleWorld(folder / f"of{size}", size, configs) for size in arguments.sizes)
        measure_readers(sized, costs, arguments.rounds)
        released = (ScaleWorld(folder / f"release{size}", size, configs) for size in arguments.releases)
        measure_releases(released, costs, arguments.jobs)
    print_costs(costs, arguments.svg)
    measure.print_targets(list_targets(costs))


if __name__ == "__main__":
    main()
