"""What the benchmarks share: variants that take turns, tables of ratios, growth curves with their exponent, plots."""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import platform
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

ROOT = Path(__file__).resolve().parents[1]
TESTBED = Path("/var/cache/altai-build/testbed")
CPUS = os.cpu_count() or 1
PYTHON = sys.executable
# As the installed console script does; `python -m` would look for the package first.
OURS = (PYTHON, "-c", "from altai_build.cli import main; main()")
HELLO = (PYTHON, "-c", "import click\n@click.command()\ndef main(): click.echo('hello')\nmain()")
AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Bench"), ("EMAIL", "bench@example.org"))
}

Times = dict[str, list[float]]
Curves = Mapping[str, Sequence[tuple[float, float]]]  # by variant: (size, seconds)
Target = tuple[str, Sequence[float], float]  # item, ratios found, the most they should be


# ---- a benchmark's frame -----------------------------------------------------------------------------------------


def make_parser(doc: str | None, *, rounds: int) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_number(parser, "--rounds", rounds, "in which the variants take turns")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the growth curve there")
    return parser


def add_number(parser: argparse.ArgumentParser, option: str, default: int, what: str) -> None:
    """An option that takes a number."""
    text = f"{what}; default: {default}"
    parser.add_argument(option, type=read_number, default=default, metavar="N", help=text)


def read_number(text: str) -> int:
    """A number of things, one at least."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError("1 at least")
    return int(text)


def add_sizes(parser: argparse.ArgumentParser, default: str, what: str) -> None:
    """`--sizes`: the points of the growth curve."""
    text = f"{what} of the growth curve; default: {default}"
    parser.add_argument("--sizes", type=read_sizes, default=read_sizes(default), metavar="N,N,…", help=text)


def read_sizes(text: str) -> list[int]:
    """`5,10,20`, two at least: a curve has no exponent otherwise."""
    sizes = sorted({read_number(one) for one in text.split(",")})
    if len(sizes) < 2:
        raise argparse.ArgumentTypeError("two numbers at least")
    return sizes


@contextmanager
def scratch(name: str, *programs: str) -> Iterator[Path]:
    """Tell the machine and the programs' versions; a folder that other users can enter."""
    tell_machine(*programs)
    with tempfile.TemporaryDirectory(prefix=f"{name}.") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def tell_machine(*programs: str) -> None:
    """The machine and the versions of what was measured, without which ratios cannot be compared."""
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        models = [line.partition(":")[2].strip() for line in stream if line.startswith("model name")]
    with open("/proc/meminfo", encoding="utf-8") as stream:
        memory = int(stream.readline().split()[1]) / (1 << 20)
    print(f"machine: {CPUS} × {models[0] if models else '?'}, {memory:.0f} GiB, Linux {platform.release()}")
    print(f"load: {' '.join(f'{one:.2f}' for one in os.getloadavg())}")
    print(f"python: {platform.python_version()}")
    for program in programs:
        print(f"{Path(program).name}: {_version(program) or 'not installed'}")


def _version(program: str) -> str:
    if shutil.which(program) is None:
        return ""
    word = "version" if program == "openssl" else "--version"
    said = subprocess.run([program, word], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    lines = (said.stdout or said.stderr).decode("utf-8", "replace").splitlines()
    return lines[0] if lines and not said.returncode else "installed, and tells no version"


# ---- measuring ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Variant:
    """One way to do a piece of work: a program, or a function of this process; `before` is not measured."""

    name: str
    work: Sequence[str] | Callable[[], object]
    before: Callable[[], object] | None = None
    cwd: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    peer: str = ""  # what is not ours and may be absent: a program, or `import LIBRARY`
    rounds: int = sys.maxsize  # no more than so many, where it is slow; one: not even to warm up
    status: int = 0  # the exit status of success

    def seconds(self) -> float:
        """Do it, and say how long it took."""
        if self.before is not None:
            self.before()
        begin = time.perf_counter()
        if callable(self.work):
            self.work()
        else:
            run(self.work, cwd=self.cwd, environment=self.environment, status=self.status)
        return time.perf_counter() - begin

    def is_absent(self) -> bool:
        """Whether it belongs to something that is not installed."""
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
) -> str:
    """A program that must succeed; its standard output."""
    inherited = dict(os.environ)
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)  # each run of ours would compile all of its modules
    libraries = os.pathsep.join([str(ROOT), *filter(None, [inherited.get("PYTHONPATH")])])
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=cwd,
        env={**inherited, "PYTHONPATH": libraries, **(environment or {})},
        check=False,
    )
    if done.returncode != status:
        said = (done.stderr or done.stdout).decode("utf-8", "replace")
        command = " ".join(map(str, argv))
        raise SystemExit(f"{command[:300]}\nexited with {done.returncode}\n{said}")
    return done.stdout.decode("utf-8", "replace")


def take_turns(variants: Sequence[Variant], rounds: int) -> Times:
    """Every variant once to warm up, then in turn in each round, so that a slow moment hits all of them.

    Peers that are not installed, or do not work here, are left out, and that is told.
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
            said = [line for line in str(error).splitlines() if line.strip()] or [repr(error)]
            why = said[-1 if isinstance(error, SystemExit) else 0]  # a program's last words, an error's first
            print(f"left out: {variant.name} ({variant.peer} does not work here: {why})")
            continue
        times[variant.name] = [first] if variant.rounds == 1 else []
    for number in range(rounds):
        for variant in variants:
            if variant.name in times and 1 < variant.rounds > number:
                times[variant.name].append(variant.seconds())
    return times


def ratios(times: Times, name: str, base: str) -> list[float]:
    """The ratios of two variants inside the rounds; none where one of them was left out."""
    return [one / other for one, other in zip(times.get(name, ()), times.get(base, ()))]


def show(title: str, times: Times, base: str) -> None:
    """A table of medians, spreads, and medians of the ratios to `base`."""
    print(f"\n### {title}\n")
    print("| variant | median | min–max | n | ratio |\n|---|---:|---:|---:|---:|")
    for name, found in times.items():
        if not found:
            continue
        middle = statistics.median(ratios(times, name, base))
        spread = f"{_span(min(found))}–{_span(max(found))}"
        print(f"| {name} | {_span(statistics.median(found))} | {spread} | {len(found)} | {_digits(middle)} |")


def judge(targets: Sequence[Target]) -> None:
    """What was found beside what was aimed at, with the spread over the rounds."""
    print("\n| target | aimed at | found | min–max | |\n|---|---:|---:|---:|---|")
    for item, found, most in targets:
        if not found:
            print(f"| {item} | ≤ {_digits(most)} | – | – | not measured |")
            continue
        middle = statistics.median(found)
        verdict = "met" if middle <= most else "missed"
        told = " | ".join([_digits(middle), f"{_digits(min(found))}–{_digits(max(found))}", verdict])
        print(f"| {item} | ≤ {_digits(most)} | {told} |")


def _digits(ratio: float) -> str:
    return f"{ratio:.0f}" if abs(ratio) >= 100 else f"{ratio:.3g}"


def _span(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


# ---- growth ------------------------------------------------------------------------------------------------------


def measure_growth(
    sizes: Sequence[int], variants: Callable[[int], Sequence[Variant]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """The medians of the same variants at several sizes, which take turns too."""
    all_of_them = [(size, variant) for size in sizes for variant in variants(size)]
    times = take_turns([replace(one, name=f"{one.name}, {size}") for size, one in all_of_them], rounds)
    curves: dict[str, list[tuple[float, float]]] = {}
    for size, variant in all_of_them:
        found = times.get(f"{variant.name}, {size}")
        if found:
            curves.setdefault(variant.name, []).append((size, statistics.median(found)))
    return curves


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """b of the curve a·x^b through (size, seconds), by least squares of the logarithms; of one size, not a number."""
    if len({x for x, _ in points}) < 2:
        return math.nan
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mean_x = statistics.fmean(x for x, _ in logs)
    mean_y = statistics.fmean(y for _, y in logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)


def show_growth(title: str, unit: str, curves: Curves, svg: Path | None) -> None:
    """Medians by size, the exponent of each curve, and a plot."""
    print(f"\n### {title}\n")
    sizes = sorted({x for points in curves.values() for x, _ in points})
    print(f"| variant | {' | '.join(f'{x:g} {unit}' for x in sizes)} | exponent |")
    print(f"|---|{'---:|' * (len(sizes) + 1)}")
    for name, points in curves.items():
        told = dict(points)
        cells = (_span(told[x]) if x in told else "–" for x in sizes)
        print(f"| {name} | {' | '.join(cells)} | {exponent(points):.2f} |")
    if svg is not None:
        svg.write_text(plot(title, unit, curves), encoding="utf-8")
        print(f"\nplot: {svg}")


_COLOURS = ("#1f5fa8", "#c2571a", "#2e7d4f", "#7b4fa3", "#8a8a8a", "#b03060")


def plot(title: str, unit: str, curves: Curves) -> str:
    """The curves as SVG, both scales logarithmic."""
    points = [point for curve in curves.values() for point in curve]
    low_x, high_x = math.log10(min(x for x, _ in points)), math.log10(max(x for x, _ in points))
    low_y = math.floor(math.log10(min(y for _, y in points)))
    high_y = math.ceil(math.log10(max(y for _, y in points)))

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - low_x) / ((high_x - low_x) or 1)
        return 80 + across * 400, 320 - (math.log10(y) - low_y) / ((high_y - low_y) or 1) * 270

    rows = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 370" font-family="sans-serif" font-size="12">',
        '<rect width="860" height="370" fill="#fff"/>',
        f'<text x="80" y="30" font-size="15">{_escaped(title)}</text>',
        '<rect x="80" y="50" width="400" height="270" fill="none" stroke="#bbb"/>',
    ]
    for power in range(low_y, high_y + 1):
        _, y = at(10**low_x, 10.0**power)
        rows.append(f'<line x1="80" x2="480" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        rows.append(f'<text x="72" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g} s</text>')
    for across, label in _ticks(sorted({at(x, 10.0**low_y)[0]: x for x, _ in points}.items())):
        rows.append(f'<line x1="{across:.1f}" x2="{across:.1f}" y1="320" y2="324" stroke="#bbb"/>')
        rows.append(f'<text x="{across:.1f}" y="338" text-anchor="middle">{label}</text>')
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


def _ticks(places: Sequence[tuple[float, float]]) -> Iterator[tuple[float, str]]:
    """Labels of the horizontal scale, but for those that would run into the one before."""
    end = -math.inf
    for across, size in places:
        label = f"{size:,.0f}"
        half = 3.7 * len(label)
        if across - half > end:
            yield across, label
            end = across + half + 4


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


# ---- what several benchmarks need --------------------------------------------------------------------------------


def removing(*places: Path) -> Callable[[], None]:
    """Remove trees before a measurement."""

    def remove() -> None:
        for place in places:
            shutil.rmtree(place, ignore_errors=True)

    return remove


def check_out(superproject: Path) -> None:
    """The superproject's files and its submodules, with their repositories below .git/modules, as any user has them."""
    git = ["git", "-C", str(superproject), "-c", "protocol.file.allow=always"]
    run([*git, "reset", "--hard", "--quiet"])
    run([*git, "submodule", "--quiet", "update", "--init", "--jobs", str(CPUS)])
