"""Shared by all benchmarks: variants measured in turns, tables of ratios, growth curves with exponents, plots."""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

ROOT = Path(__file__).resolve().parents[1]
TESTBED = Path("/var/cache/altai-build/testbed")
CPUS = os.cpu_count() or 1
PYTHON = sys.executable
# Like the installed console script; `python -m` searches for the package first.
OURS = (PYTHON, "-c", "from altai_build.cli.main import main; main()")
HELLO = (PYTHON, "-c", "import click\n@click.command()\ndef main(): click.echo('hello')\nmain()")
AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Bench"), ("EMAIL", "bench@example.org"))
}

Times = dict[str, list[float]]
# by variant: (size, seconds)
Curves = Mapping[str, Sequence[tuple[float, float]]]
# item, measured ratios, the limit for their median
Target = tuple[str, Sequence[float], float]


# ---- options and output header -----------------------------------------------------------------------------------


def make_parser(doc: str | None, *, rounds: int) -> argparse.ArgumentParser:
    """A parser with the options of all benchmarks."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_number(parser, "--rounds", rounds, "rounds; in each, all variants run once")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the growth curve to FILE")
    parser.add_argument(
        "--cpu",
        action=_MeasureProcessorTime,
        nargs=0,
        help="measure processor time, of child processes too, instead of the time on the clock: for a busy machine",
    )
    return parser


class _MeasureProcessorTime(argparse.Action):
    """Measure processor time from now on."""

    def __call__(self, *_: object) -> None:
        Variant.clock = processor_time


def processor_time() -> float:
    """Seconds that this process and its ended children have computed, in user and system mode."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def add_parts(parser: argparse.ArgumentParser, *parts: str) -> None:
    """Add `--only`: the parts of the benchmark that are measured; all of them without it."""
    text = f"measure these parts alone: {', '.join(parts)}"
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, metavar="PART", help=text)


def add_number(parser: argparse.ArgumentParser, option: str, default: int, what: str) -> None:
    """Add an option with a number."""
    text = f"{what}; default: {default}"
    parser.add_argument(option, type=read_number, default=default, metavar="N", help=text)


def add_testbed(parser: argparse.ArgumentParser) -> None:
    """Add the option with the folder of the testbed."""
    parser.add_argument("--testbed", type=Path, default=TESTBED, metavar="DIR", help=f"default: {TESTBED}")


def require_testbed(parser: argparse.ArgumentParser, testbed: Path) -> Path:
    """The mock configurations of a testbed; without it, or without root, the program ends with an error."""
    configs = testbed / "mock-configs"
    if os.geteuid() != 0 or not configs.is_dir():
        parser.error(f"needs root, and the testbed at {testbed}")
    return configs


def read_number(text: str) -> int:
    """A number of at least 1."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return int(text)


def add_sizes(parser: argparse.ArgumentParser, default: str, what: str) -> None:
    """Add `--sizes`: the points of the growth curve."""
    text = f"{what} of the growth curve; default: {default}"
    parser.add_argument("--sizes", type=read_sizes, default=read_sizes(default), metavar="N,N,…", help=text)


def read_sizes(text: str) -> list[int]:
    """`5,10,20`: at least two sizes, because a curve of one point has no exponent."""
    sizes = sorted({read_number(number) for number in text.split(",")})
    if len(sizes) < 2:
        raise argparse.ArgumentTypeError("at least two numbers")
    return sizes


@contextmanager
def scratch(name: str, *programs: str) -> Iterator[Path]:
    """Print the machine and the versions of programs; gives a temporary folder that other users can enter."""
    print_machine(*programs)
    with tempfile.TemporaryDirectory(prefix=f"{name}.") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def print_machine(*programs: str) -> None:
    """Print the machine and the versions of what is measured: without them, ratios cannot be compared."""
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        models = [line.partition(":")[2].strip() for line in stream if line.startswith("model name")]
    with open("/proc/meminfo", encoding="utf-8") as stream:
        memory = int(stream.readline().split()[1]) / (1 << 20)
    print(f"machine: {CPUS} × {models[0] if models else '?'}, {memory:.0f} GiB, Linux {platform.release()}")
    print(f"load: {' '.join(f'{load:.2f}' for load in os.getloadavg())}")
    print(f"python: {platform.python_version()}")
    for program in programs:
        print(f"{Path(program).name}: {_version(program) or 'not installed'}")


def _version(program: str) -> str:
    if shutil.which(program) is None:
        return ""
    word = "version" if program == "openssl" else "--version"
    result = subprocess.run([program, word], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    lines = (result.stdout or result.stderr).decode("utf-8", "replace").splitlines()
    return lines[0] if lines and not result.returncode else "installed, prints no version"


# ---- measuring ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Variant:
    """One way to do the work: a program, or a function of this process. `before` runs first and is not measured.

    `peer` is a program, or `import LIBRARY`, that is not part of altai-build and may be missing. At most `rounds` are
    measured where the variant is slow; with 1, there is no warm-up. `status` is the exit status of success.
    """

    name: str
    work: Sequence[str] | Callable[[], object]
    before: Callable[[], object] | None = None
    cwd: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    peer: str = ""
    rounds: int = sys.maxsize
    status: int = 0
    clock: ClassVar[Callable[[], float]] = time.perf_counter

    def seconds(self) -> float:
        """Do the work; returns how long it took."""
        if self.before is not None:
            self.before()
        begin = Variant.clock()
        if callable(self.work):
            self.work()
        else:
            run(self.work, cwd=self.cwd, environment=self.environment, status=self.status)
        return Variant.clock() - begin

    def is_absent(self) -> bool:
        """True when the peer is not installed."""
        word, _, library = self.peer.partition(" ")
        if library:
            return importlib.util.find_spec(library) is None
        return bool(word) and shutil.which(word) is None


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    status: int = 0,
    input: bytes = b"",
) -> str:
    """Run a program that must succeed; returns its stdout."""
    inherited = dict(os.environ)
    # with it, each run of altai-build would compile all of its modules
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    libraries = os.pathsep.join([str(ROOT), *filter(None, [inherited.get("PYTHONPATH")])])
    done = subprocess.run(
        argv,
        input=input,
        capture_output=True,
        cwd=cwd,
        env={**inherited, "PYTHONPATH": libraries, **(environment or {})},
        check=False,
    )
    if done.returncode != status:
        output = (done.stderr or done.stdout).decode("utf-8", "replace")
        command = " ".join(map(str, argv))
        raise SystemExit(f"{command[:300]}\nexited with {done.returncode}\n{output}")
    return done.stdout.decode("utf-8", "replace")


def take_turns(variants: Sequence[Variant], rounds: int) -> Times:
    """Run every variant once to warm up, then all in turn in each round, so that a slow moment affects all of them.

    Peers that are not installed or do not work here are left out with a message.
    """
    times: Times = {}
    for variant in variants:
        if variant.is_absent():
            print(f"left out: {variant.name} ({variant.peer}: not installed)")
            continue
        try:
            first = variant.seconds()
        except (Exception, SystemExit) as error:
            if not variant.peer:
                raise
            lines = [line for line in str(error).splitlines() if line.strip()] or [repr(error)]
            # the last line of a program's output, the first of an exception
            why = lines[-1 if isinstance(error, SystemExit) else 0]
            print(f"left out: {variant.name} ({variant.peer} does not work here: {why})")
            continue
        times[variant.name] = [first] if variant.rounds == 1 else []
    for number in range(rounds):
        for variant in variants:
            if variant.name in times and 1 < variant.rounds > number:
                times[variant.name].append(variant.seconds())
    return times


def ratios(times: Times, name: str, base: str) -> list[float]:
    """The ratios of two variants within the rounds; none where one of them was left out."""
    return [seconds / other for seconds, other in zip(times.get(name, ()), times.get(base, ()))]


def print_times(title: str, times: Times, base: str) -> None:
    """Print a table of medians, spreads, and medians of the ratios to `base`."""
    print(f"\n### {title}\n")
    print("| variant | median | min–max | n | ratio |\n|---|---:|---:|---:|---:|")
    for name, found in times.items():
        if not found:
            continue
        middle = statistics.median(ratios(times, name, base))
        spread = f"{_span(min(found))}–{_span(max(found))}"
        print(f"| {name} | {_span(statistics.median(found))} | {spread} | {len(found)} | {_digits(middle)} |")


def print_targets(targets: Sequence[Target]) -> None:
    """Print the targets beside the measured ratios, with their spread over the rounds."""
    print("\n| ratio | target | measured | min–max | |\n|---|---:|---:|---:|---|")
    for item, found, most in targets:
        if not found:
            print(f"| {item} | ≤ {_digits(most)} | – | – | not measured |")
            continue
        middle = statistics.median(found)
        result = "met" if middle <= most else "missed"
        cells = " | ".join([_digits(middle), f"{_digits(min(found))}–{_digits(max(found))}", result])
        print(f"| {item} | ≤ {_digits(most)} | {cells} |")


def _digits(ratio: float) -> str:
    return f"{ratio:.0f}" if abs(ratio) >= 100 else f"{ratio:.3g}"


def _span(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


# ---- growth ------------------------------------------------------------------------------------------------------


def measure_growth(
    sizes: Sequence[int], variants: Callable[[int], Sequence[Variant]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """The medians of the same variants at several sizes; all sizes are measured in turns too."""
    sized_variants = [(size, variant) for size in sizes for variant in variants(size)]
    times = take_turns(
        [replace(variant, name=f"{variant.name}, {size}") for size, variant in sized_variants], rounds
    )
    curves: dict[str, list[tuple[float, float]]] = {}
    for size, variant in sized_variants:
        found = times.get(f"{variant.name}, {size}")
        if found:
            curves.setdefault(variant.name, []).append((size, statistics.median(found)))
    return curves


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """b of the curve a·x^b through (size, seconds), by least squares of the logarithms; NaN for a single size."""
    if len({x for x, _ in points}) < 2:
        return math.nan
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mean_x = statistics.fmean(x for x, _ in logs)
    mean_y = statistics.fmean(y for _, y in logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)


def print_growth(title: str, unit: str, curves: Curves, svg: Path | None) -> None:
    """Print medians by size and the exponent of each curve, and draw the plot."""
    print(f"\n### {title}\n")
    sizes = sorted({x for points in curves.values() for x, _ in points})
    print(f"| variant | {' | '.join(f'{x:g} {unit}' for x in sizes)} | exponent |")
    print(f"|---|{'---:|' * (len(sizes) + 1)}")
    for name, points in curves.items():
        seconds = dict(points)
        cells = (_span(seconds[x]) if x in seconds else "–" for x in sizes)
        print(f"| {name} | {' | '.join(cells)} | {exponent(points):.2f} |")
    if svg is not None:
        svg.write_text(plot(title, unit, curves), encoding="utf-8")
        print(f"\nplot: {svg}")


_COLORS = ("#1f5fa8", "#c2571a", "#2e7d4f", "#7b4fa3", "#8a8a8a", "#b03060")


def plot(title: str, unit: str, curves: Curves) -> str:
    """The curves as SVG with two logarithmic scales."""
    points = [point for curve in curves.values() for point in curve]
    low_x, high_x = math.log10(min(x for x, _ in points)), math.log10(max(x for x, _ in points))
    low_y = math.floor(math.log10(min(y for _, y in points)))
    high_y = math.ceil(math.log10(max(y for _, y in points)))

    def position(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - low_x) / ((high_x - low_x) or 1)
        return 80 + across * 400, 320 - (math.log10(y) - low_y) / ((high_y - low_y) or 1) * 270

    rows = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 370" font-family="sans-serif" font-size="12">',
        '<rect width="860" height="370" fill="#fff"/>',
        f'<text x="80" y="30" font-size="15">{_escaped(title)}</text>',
        '<rect x="80" y="50" width="400" height="270" fill="none" stroke="#bbb"/>',
    ]
    for power in range(low_y, high_y + 1):
        _, y = position(10**low_x, 10.0**power)
        rows.append(f'<line x1="80" x2="480" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        rows.append(f'<text x="72" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g} s</text>')
    for across, label in _ticks(sorted({position(x, 10.0**low_y)[0]: x for x, _ in points}.items())):
        rows.append(f'<line x1="{across:.1f}" x2="{across:.1f}" y1="320" y2="324" stroke="#bbb"/>')
        rows.append(f'<text x="{across:.1f}" y="338" text-anchor="middle">{label}</text>')
    rows.append(f'<text x="280" y="358" text-anchor="middle">{_escaped(unit)}</text>')
    for number, (name, curve) in enumerate(curves.items()):
        color = _COLORS[number % len(_COLORS)]
        positions = [position(x, y) for x, y in curve]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in positions)
        rows.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        rows += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in positions]
        label = f"{name} (n^{exponent(curve):.2f})"
        rows.append(f'<text x="494" y="{64 + 18 * number}" fill="{color}">{_escaped(label)}</text>')
    return "\n".join([*rows, "</svg>\n"])


def _ticks(positions: Sequence[tuple[float, float]]) -> Iterator[tuple[float, str]]:
    """The labels of the horizontal scale, without those that would overlap the one before."""
    end = -math.inf
    for across, size in positions:
        label = f"{size:,.0f}"
        half = 3.7 * len(label)
        if across - half > end:
            yield across, label
            end = across + half + 4


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


# ---- shared steps ------------------------------------------------------------------------------------------------


def removing(*paths: Path) -> Callable[[], None]:
    """A function that removes trees, for `before`."""

    def remove() -> None:
        for path in paths:
            shutil.rmtree(path, ignore_errors=True)

    return remove


def check_out(superproject: Path) -> None:
    """Check out a superproject and its submodules, with their repositories below .git/modules as git makes them."""
    git = ["git", "-C", str(superproject), "-c", "protocol.file.allow=always"]
    run([*git, "reset", "--hard", "--quiet"])
    run([*git, "submodule", "--quiet", "update", "--init", "--jobs", str(CPUS)])
