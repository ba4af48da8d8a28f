"""The benchmarks: what they compute from times, which tools they leave out, and that each one starts."""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path
from random import Random

import pytest

from altai_build.model.order import compute_order
from altai_build.model.order_search import pack
from benchmarks import makespan, measure, workers
from benchmarks.measure import Variant, exponent, plot, ratios, take_turns
from benchmarks.simulation import graphs
from benchmarks.simulation.builds import simulate
from benchmarks.simulation.limits import LimitFinder, find_packing_limit

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = sorted(path for path in (ROOT / "benchmarks").glob("*.py") if path.name != "measure.py")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda path: path.stem)
def test_each_prints_its_options_and_is_in_the_readme(command: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(command), "--help"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--rounds N" in result.stdout
    assert "--sizes N,N,…" in result.stdout
    assert "--svg FILE" in result.stdout
    assert f"| `{command.name}` |" in (ROOT / "benchmarks" / "README.md").read_text()


def test_one_benchmark_runs_completely(tmp_path: Path) -> None:
    words = ["--links", "3", "--sizes", "2,3", "--checkouts", "2", "--commits", "3", "--files", "2"]
    words += ["--rounds", "2", "--svg", str(tmp_path / "curve.svg")]
    result = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "changed.py"), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "| whole process / click hello world | ≤ 1.3 |" in result.stdout
    xml.etree.ElementTree.parse(tmp_path / "curve.svg")


def test_a_ratio_is_computed_within_each_round() -> None:
    times = {"ours": [2.0, 30.0, 5.0], "limit": [1.0, 10.0, 5.0], "slow": [10.0]}
    assert ratios(times, "ours", "limit") == [2.0, 3.0, 1.0]
    assert ratios(times, "ours", "slow") == [0.2]
    assert ratios(times, "ours", "absent") == ratios(times, "absent", "ours") == []


def test_processor_time_counts_children_and_does_not_count_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Variant, "clock", Variant.clock)
    arguments = measure.make_parser("", rounds=1).parse_args(["--cpu", "--rounds", "3"])
    assert (Variant.clock, arguments.rounds) == (measure.processor_time, 3)
    waits = Variant("waits", ["sleep", "1"]).seconds()
    works = Variant("works", [sys.executable, "-c", "sum(range(8_000_000))"]).seconds()
    assert 0 < waits < works


def test_parts_of_a_benchmark_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    parser = measure.make_parser("", rounds=1)
    measure.add_parts(parser, "all", "one", "growth")
    assert list(parser.parse_args([]).only) == ["all", "one", "growth"]
    assert parser.parse_args(["--only", "one", "growth"]).only == ["one", "growth"]
    with pytest.raises(SystemExit):
        parser.parse_args(["--only", "none"])
    assert "invalid choice: 'none'" in capsys.readouterr().err


def test_what_was_not_measured_is_neither_met_nor_missed(capsys: pytest.CaptureFixture[str]) -> None:
    measure.print_targets([("a", [1.0, 3.0, 1.2], 1.3), ("b", [1234.5], 1 / 70), ("c", [], 5)])
    assert capsys.readouterr().out.splitlines()[3:] == [
        "| a | ≤ 1.3 | 1.2 | 1–3 | met |",
        "| b | ≤ 0.0143 | 1234 | 1234–1234 | missed |",
        "| c | ≤ 5 | – | – | not measured |",
    ]


def test_tools_that_are_missing_or_broken_are_left_out_with_a_message(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse() -> None:
        raise ValueError("not here\nfor a reason")

    variants = [
        Variant("ours", lambda: None),
        Variant("program", ["no-such-program"], peer="no-such-program"),
        Variant("library", [], peer="import no_such_library"),
        Variant("function", refuse, peer="sh"),
        Variant("status", ["sh", "-c", "echo first >&2; echo last >&2; exit 3"], peer="sh"),
    ]
    times = take_turns(variants, 2)
    assert {name: len(found) for name, found in times.items()} == {"ours": 2}
    assert capsys.readouterr().out.splitlines() == [
        "left out: program (no-such-program: not installed)",
        "left out: library (import no_such_library: not installed)",
        "left out: function (sh does not work here: not here)",
        "left out: status (sh does not work here: last)",
    ]
    with pytest.raises(SystemExit, match="exited with 3"):
        take_turns([Variant("ours", ["sh", "-c", "exit 3"])], 1)


def test_variants_run_in_turns_after_a_warm_up() -> None:
    done: list[str] = []
    take_turns(
        [
            Variant("a", lambda: done.append("a"), before=lambda: done.append("before")),
            Variant("slow", lambda: done.append("slow"), rounds=1),
            Variant("twice", lambda: done.append("twice"), rounds=2),
        ],
        3,
    )
    warm_up, turn = ["before", "a", "slow", "twice"], ["before", "a", "twice"]
    assert done == [*warm_up, *turn, *turn, "before", "a"]


def test_modules_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPATH", "/some/where")
    print_both = "import os; print(os.environ.get('PYTHONDONTWRITEBYTECODE'), os.environ['PYTHONPATH'])"
    assert measure.run([sys.executable, "-c", print_both]) == f"None {ROOT}{os.pathsep}/some/where\n"


def test_the_exponent_of_a_curve() -> None:
    assert exponent([(x, 3 * x**1.5) for x in (10, 20, 70)]) == pytest.approx(1.5)
    assert exponent([(10, 0.2), (1000, 0.2)]) == pytest.approx(0)
    assert math.isnan(exponent([(10, 0.2)]))


def test_a_growth_curve_has_the_medians_of_each_size(capsys: pytest.CaptureFixture[str]) -> None:
    def make_variants(size: int) -> list[Variant]:
        variants = [Variant("ours", lambda: None), Variant("absent", [], peer="no-such-program")]
        return [*variants, Variant("small", lambda: None)] if size < 5 else variants

    curves = measure.measure_growth([2, 4, 8], make_variants, 2)
    assert {name: [size for size, _ in curve] for name, curve in curves.items()} == {
        "ours": [2, 4, 8],
        "small": [2, 4],
    }
    measure.print_growth("Title", "things", {"ours": [(2, 1.0), (4, 2.0)], "small": [(2, 0.01)]}, None)
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "| ours | 1.00 s | 2.00 s | 1.00 |",
        "| small | 10.0 ms | – | nan |",
    ]


def test_a_plot_is_svg_whose_labels_do_not_overlap() -> None:
    curve = [(1000, 0.02), (1010, 0.03), (20000, 2.0)]
    drawn = plot("A < B & C", "things", {"ours": curve, "limit": [(x, y / 2) for x, y in curve]})
    texts = [
        element.text or ""
        for element in xml.etree.ElementTree.fromstring(drawn).iter()
        if element.tag.endswith("text")
    ]
    assert texts[0] == "A < B & C"
    assert [text for text in texts if text.endswith(" s")] == ["0.01 s", "0.1 s", "1 s", "10 s"]
    assert "1,000" in texts and "20,000" in texts and "1,010" not in texts
    assert any(text.startswith("ours (n^") for text in texts)


@pytest.mark.parametrize("given", ["5", "0,5", "a,b", ""])
def test_numbers_too_small_to_measure_are_refused(given: str) -> None:
    parser = measure.make_parser("x", rounds=1)
    measure.add_sizes(parser, "1,2", "things")
    with pytest.raises(SystemExit):
        parser.parse_args(["--sizes", given])
    with pytest.raises(SystemExit):
        parser.parse_args(["--rounds", "0"])
    assert parser.parse_args(["--sizes", "8,2,2"]).sizes == [2, 8]


def _chain_and_others(seconds: float | None) -> graphs.Graph:
    """Chain a → b → c of 9 s, and six others of 3 s: work 27 s."""
    chain = [("a", []), ("b", ["a"]), ("c", ["b"])]
    return tuple(
        graphs.make_component(name, needs, seconds)
        for name, needs in [*((f"other{number}", list[str]()) for number in range(6)), *chain]
    )


@pytest.mark.parametrize(("slots", "expected"), [(1, 27.0), (2, 15.0), (3, 9.0), (256, 9.0)])
def test_a_simulated_schedule_takes_the_time_of_its_builds(slots: int, expected: float) -> None:
    order = compute_order(_chain_and_others(3.0))
    simulation = simulate(order, order.seconds, slots)
    assert simulation.makespan == expected
    assert simulation.started["b"] >= simulation.started["a"] + 3
    assert simulation.started["c"] >= simulation.started["b"] + 3


def test_no_schedule_is_quicker_than_the_limits() -> None:
    for seed, (shape, make) in enumerate(graphs.SHAPES.items()):
        sample = graphs.load_sample(graphs.SAMPLE)
        graph = make(sample, 30, Random(seed))
        for row in makespan.measure_graph(graph):
            assert min(row.makespan, row.unforeseen) >= row.limits.all - 1e-6, (shape, row.slots)
            assert makespan.search_best(graph, row.slots, Random(seed)) >= row.limits.all - 1e-6


def test_what_has_to_come_before_and_after_a_build_limits_the_time() -> None:
    before, after = [f"before{number}" for number in range(4)], [f"after{number}" for number in range(4)]
    rows = [*((name, []) for name in before), ("neck", before), *((name, ["neck"]) for name in after)]
    graph = [graphs.make_component(name, needs, 10.0) for name, needs in rows]
    limits = LimitFinder(compute_order(graph)).limits(2)
    assert (limits.work, limits.chain, limits.windows, limits.whole) == (45.0, 30.0, 50.0, 50.0)
    # Four whole builds do not fit into three slots in less than twice their time.
    assert round(LimitFinder(compute_order(graph)).limits(3).whole, 6) == 50.0


def test_whole_builds_need_at_least_so_long() -> None:
    for seconds, slots, expected in (
        ([6.0, 6.0, 6.0], 2, 12.0),
        ([5.0, 4.0, 3.0], 2, 7.0),
        ([9.0], 4, 9.0),
        ([4.0] * 6, 2, 12.0),
    ):
        assert math.isclose(find_packing_limit(seconds, slots), expected, rel_tol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_no_division_of_builds_between_slots_is_quicker_than_the_limit(seed: int) -> None:
    chance = Random(seed)
    seconds = [chance.uniform(1, 9) for _ in range(7)]
    ways = itertools.product(range(3), repeat=len(seconds))
    best = min(
        max(sum(s for s, one in zip(seconds, way) if one == slot) for slot in range(3)) for way in ways
    )
    assert find_packing_limit(seconds, 3) <= best + 1e-6
    starts = pack({str(number): value for number, value in enumerate(seconds)}, 3, chance)
    ends = [start + seconds[int(name)] for name, start in starts.items()]
    assert best - 1e-6 <= max(ends) <= 1.06 * best


def test_the_builds_of_a_real_release_are_near_the_limits_with_any_number_of_slots() -> None:
    rows = makespan.measure_graph(graphs.load_sample(graphs.SAMPLE))
    assert [row.slots for row in rows] == list(makespan.SLOTS)
    assert max(row.ratio for row in rows) <= makespan.TARGET
    # orders that know the durations are better than those that do not
    assert sum(row.makespan for row in rows) < sum(row.unforeseen for row in rows)


def test_a_saved_graph_is_read_again(tmp_path: Path) -> None:
    graph = graphs.load_sample(graphs.SAMPLE)
    graphs.save_graph(tmp_path / "graph.json", graph)
    assert (tmp_path / "graph.json").read_text() == graphs.SAMPLE.read_text()


def test_a_makespan_is_read_from_a_release(tmp_path: Path) -> None:
    rows = [
        {"component": "a", "needs": [], "seconds": 4.0, "started": 1.0},
        {"component": "b", "needs": ["a"], "seconds": 2.0, "started": 5.5},
        {"component": "c", "needs": ["reused"], "seconds": 6.0, "started": 1.0},
        {"component": "reused", "needs": [], "seconds": 9.0, "started": None},
    ]
    manifest = tmp_path / "release.json"
    manifest.write_text(json.dumps({"builds": rows}))
    found = workers.read_makespan("here", manifest, 5.0)
    assert (found.seconds, found.work, found.chain) == (6.5, 6.0, 6.0)
    assert math.isclose(found.ratio, 6.5 / 6)
