#!/usr/bin/env python3
"""How long all builds of a plan take with 1 to 256 slots, in simulated time: the schedule itself, builds only counted.

The order and the schedule are those of `altai-build build`. The executor is simulated: a build ends after the seconds
that it took for real (in simulation/sample-builds.json, or with --superproject in the ledger of a workspace). Other
graphs are generated from these durations. No number of slots can be quicker than the lower limits printed beside it:

work      all builds, divided by the number of slots
chain     the longest chain of builds that need one another
windows   what a build needs takes its time in the slots before it, and what needs it after it: the work of builds that
          lie between has to fit into the slots there
whole     a build is done by one slot: between builds that all others wait for, as a toolchain is, so many of such
          lengths do not fit into the slots in less time

A target compares with the largest of the four. Where a graph makes the slots wait, only `windows` and `whole` know.
Limits need not be reachable: for the worst number of slots, `best found` is the best of many other orders, tried at
random.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.model.order import compute_order  # noqa: E402
from benchmarks import measure  # noqa: E402
from benchmarks.simulation.builds import simulate  # noqa: E402
from benchmarks.simulation.graphs import (  # noqa: E402
    SAMPLE,
    SHAPES,
    Graph,
    load_sample,
    make_layers,
    read_superproject,
    save_graph,
)
from benchmarks.simulation.limits import LimitFinder, Limits  # noqa: E402

SLOTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
TARGET = 1.05
# other orders that are tried
TRIALS = 100


@dataclass(frozen=True)
class Row:
    """One graph with one number of slots."""

    slots: int
    makespan: float
    # of the same builds when none of their durations was known before
    unforeseen: float
    limits: Limits

    @property
    def ratio(self) -> float:
        """The makespan in terms of the limits."""
        return self.makespan / self.limits.all


def measure_graph(graph: Graph) -> list[Row]:
    """A graph with each number of slots."""
    order = compute_order(graph)
    blind = compute_order([replace(one, seconds=None) for one in graph])
    finder = LimitFinder(order)
    return [
        Row(
            slots=slots,
            makespan=simulate(order, order.seconds, slots).makespan,
            unforeseen=simulate(blind, order.seconds, slots).makespan,
            limits=finder.limits(slots),
        )
        for slots in SLOTS
    ]


def search_best(graph: Graph, slots: int, chance: random.Random) -> float:
    """The shortest time that orders near the schedule's own give, of `TRIALS` at random, and its own."""
    order = compute_order(graph)
    found = [order.estimate_duration(slots)]
    for number in range(TRIALS):
        spread = (0.02, 0.05, 0.1, 0.3)[number % 4]
        priorities = {
            name: seconds * chance.uniform(1 - spread, 1 + spread)
            for name, seconds in order.remaining_seconds.items()
        }
        found.append(replace(order, remaining_seconds=priorities).estimate_duration(slots))
    return min(found)


def print_rows(title: str, rows: Sequence[Row]) -> None:
    """The table of one graph."""
    print(f"\n### {title}\n")
    head = (
        "slots",
        "makespan",
        "work",
        "chain",
        "windows",
        "whole",
        "/ max(work, chain)",
        "/ all",
        "durations unknown",
    )
    print(f"| {' | '.join(head)} |\n|{'---:|' * len(head)}")
    for row in rows:
        limits = row.limits
        values = (row.makespan, limits.work, limits.chain, limits.windows, limits.whole)
        seconds = [f"{value:.1f}" for value in values]
        ratios = [row.makespan / limits.simple, row.ratio, row.unforeseen / limits.all]
        print(f"| {row.slots} | {' | '.join((*seconds, *(f'{ratio:.3f}' for ratio in ratios)))} |")


def measure_shapes(sample: Graph, sizes: Sequence[int], rounds: int) -> list[measure.Target]:
    """Generated graphs; prints for each the number of slots with the worst ratio of all rounds."""
    print("\n### Generated graphs: the worst number of slots\n")
    head = ("graph", "components", "slots", "/ max(work, chain)", "/ all", "best found", "durations unknown")
    print(f"| {' | '.join(head)} |\n|---{'|---:' * (len(head) - 1)}|")
    targets: list[measure.Target] = []
    for shape, make in SHAPES.items():
        ratios = []
        for size in sizes:
            rows = []
            for number in range(rounds):
                graph = make(sample, size, random.Random(number))
                rows += [(row, graph) for row in measure_graph(graph)]
            worst, graph = max(rows, key=lambda row: row[0].ratio)
            ratios.append(worst.ratio)
            best = search_best(graph, worst.slots, random.Random(0)) / worst.limits.all
            others = (
                worst.makespan / worst.limits.simple,
                worst.ratio,
                best,
                worst.unforeseen / worst.limits.all,
            )
            print(f"| {shape} | {size} | {worst.slots} | {' | '.join(f'{other:.3f}' for other in others)} |")
        targets.append((f"{shape}: makespan / limits", [max(ratios)], TARGET))
    return targets


def measure_processor_time(sample: Graph, sizes: Sequence[int], svg: Path | None) -> None:
    """The processor time that the schedule itself takes for graphs of ten layers."""
    points = []
    for size in sizes:
        order = compute_order(make_layers(sample, size, random.Random(0)))
        begin = time.process_time()
        simulate(order, order.seconds, 8)
        points.append((size, time.process_time() - begin))
    curves = {"the schedule, ten layers, 8 slots": points}
    measure.print_growth("Processor time of the schedule", "components", curves, svg)


def main() -> None:
    """Simulate, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=3)
    measure.add_sizes(parser, "100,300,1000", "components of the generated graphs, the points")
    parser.add_argument(
        "--superproject", type=Path, metavar="DIR", help="replay the last builds of its workspace instead"
    )
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="write what is replayed, as sample-builds.json"
    )
    arguments = parser.parse_args()
    sample = read_superproject(arguments.superproject) if arguments.superproject else load_sample(SAMPLE)
    if arguments.save:
        save_graph(arguments.save, sample)
    rows = measure_graph(sample)
    print_rows(f"{len(sample)} real builds, simulated seconds", rows)
    targets: list[measure.Target] = [
        ("the real builds: makespan / limits", [max(row.ratio for row in rows)], TARGET)
    ]
    targets += measure_shapes(sample, arguments.sizes, arguments.rounds)
    measure_processor_time(sample, arguments.sizes, arguments.svg)
    measure.print_targets(targets)


if __name__ == "__main__":
    main()
