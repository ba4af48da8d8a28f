"""What the benchmarks share: variants that take turns, tables of ratios, growth curves with their exponent, plots."""

from __future__ import annotations

import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
# As the installed console script does; `python -m` would look for the package first.
OURS = (PYTHON, "-c", "from altai_build.cli import main; main()")
HELLO = (PYTHON, "-c", "import click\n@click.command()\ndef main(): click.echo('hello')\nmain()")

Times = dict[str, list[float]]


@dataclass(frozen=True)
class Variant:
    """One way to do a piece of work: a program, or a function of this process; `before` is not measured."""

    name: str
    work: Sequence[str] | Callable[[], object]
    before: Callable[[], object] | None = None
    cwd: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    once: bool = False  # too slow to be repeated

    def seconds(self) -> float:
        """Do it, and say how long it took."""
        if self.before is not None:
            self.before()
        begin = time.perf_counter()
        if callable(self.work):
            self.work()
        else:
            run(self.work, cwd=self.cwd, environment=self.environment)
        return time.perf_counter() - begin


def run(argv: Sequence[str], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """A program that must succeed; its standard output."""
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, argv))}\n{done.stderr.decode('utf-8', 'replace')}")
    return done.stdout.decode("utf-8", "replace")


def take_turns(variants: Sequence[Variant], rounds: int) -> Times:
    """Every variant once to warm up, then in turn in each round, so that a slow moment hits all of them."""
    for variant in variants:
        if not variant.once:
            variant.seconds()
    times: Times = {variant.name: [] for variant in variants}
    for number in range(rounds):
        for variant in variants:
            if number == 0 or not variant.once:
                times[variant.name].append(variant.seconds())
    return times


def ratio(times: Times, name: str, base: str) -> float:
    """The median of the ratios taken inside the rounds."""
    return statistics.median(one / other for one, other in zip(times[name], times[base]))


def show(title: str, times: Times, base: str) -> None:
    """A table of medians, spreads, and ratios to `base`."""
    print(f"\n### {title}\n")
    print("| variant | median | min–max | n | ratio |\n|---|---:|---:|---:|---:|")
    for name, found in times.items():
        spread = f"{_span(min(found))}–{_span(max(found))}"
        print(
            f"| {name} | {_span(statistics.median(found))} | {spread} | {len(found)} | {ratio(times, name, base):.2f} |"
        )


def judge(targets: Sequence[tuple[str, float, float]]) -> None:
    """What was found beside what was aimed at: (item, ratio, the most it should be)."""
    print("\n| target | aimed at | found | |\n|---|---:|---:|---|")
    for item, found, most in targets:
        print(f"| {item} | ≤ {most:g} | {found:.2f} | {'met' if found <= most else 'missed'} |")


def _span(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """b of the curve a·x^b through (size, seconds), by least squares of the logarithms."""
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mean_x = statistics.fmean(x for x, _ in logs)
    mean_y = statistics.fmean(y for _, y in logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)


def show_growth(
    title: str, unit: str, curves: Mapping[str, Sequence[tuple[float, float]]], svg: Path | None
) -> None:
    """Medians by size, the exponent of each curve, and a plot."""
    print(f"\n### {title}\n")
    sizes = [x for x, _ in next(iter(curves.values()))]
    print(f"| variant | {' | '.join(f'{x:g} {unit}' for x in sizes)} | exponent |")
    print(f"|---|{'---:|' * (len(sizes) + 1)}")
    for name, points in curves.items():
        print(f"| {name} | {' | '.join(_span(y) for _, y in points)} | {exponent(points):.2f} |")
    if svg is not None:
        svg.write_text(plot(title, unit, curves), encoding="utf-8")
        print(f"\nplot: {svg}")


_COLOURS = ("#1f5fa8", "#c2571a", "#2e7d4f", "#7b4fa3", "#8a8a8a", "#b03060")


def plot(title: str, unit: str, curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """The curves as SVG, both scales logarithmic."""
    points = [point for curve in curves.values() for point in curve]
    low_x, high_x = math.log10(min(x for x, _ in points)), math.log10(max(x for x, _ in points))
    low_y = math.floor(math.log10(min(y for _, y in points)))
    high_y = math.ceil(math.log10(max(y for _, y in points)))

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - low_x) / ((high_x - low_x) or 1)
        return 80 + across * 400, 320 - (math.log10(y) - low_y) / ((high_y - low_y) or 1) * 270

    rows = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 370" font-family="sans-serif" font-size="12">',
        f'<text x="80" y="24" font-size="15">{_escaped(title)}</text>',
        '<rect x="80" y="50" width="400" height="270" fill="none" stroke="#bbb"/>',
    ]
    for power in range(low_y, high_y + 1):
        _, y = at(10**low_x, 10.0**power)
        rows.append(f'<line x1="80" x2="480" y1="{y:.1f}" y2="{y:.1f}" stroke="#eee"/>')
        rows.append(f'<text x="72" y="{y + 4:.1f}" text-anchor="end">{_span(10.0**power)}</text>')
    for x in sorted({x for x, _ in points}):
        across, _ = at(x, 10.0**low_y)
        rows.append(f'<text x="{across:.1f}" y="338" text-anchor="middle">{x:g}</text>')
    rows.append(f'<text x="280" y="358" text-anchor="middle">{_escaped(unit)}</text>')
    for number, (name, curve) in enumerate(curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [at(x, y) for x, y in curve]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        rows.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        rows += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        label = f"{name} (n^{exponent(curve):.2f})"
        rows.append(f'<text x="494" y="{64 + 18 * number}" fill="{colour}">{_escaped(label)}</text>')
    return "\n".join([*rows, "</svg>\n"])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def tell_machine(*programs: str) -> None:
    """The machine and the versions of what was measured, without which ratios cannot be compared."""
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        model = next(
            (line.partition(":")[2].strip() for line in stream if line.startswith("model name")), "?"
        )
    with open("/proc/meminfo", encoding="utf-8") as stream:
        memory = int(stream.readline().split()[1]) / (1 << 20)
    print(f"machine: {os.cpu_count()} × {model}, {memory:.0f} GiB, Linux {platform.release()}")
    print(f"load: {' '.join(f'{one:.2f}' for one in os.getloadavg())}")
    print(f"python: {platform.python_version()}")
    for program in programs:
        if shutil.which(program) is None:
            print(f"{program}: not installed")
            continue
        word = "version" if program == "openssl" else "--version"
        said = subprocess.run([program, word], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        lines = (said.stdout or said.stderr).decode("utf-8", "replace").splitlines()
        print(f"{program}: {lines[0] if lines else '?'}")
