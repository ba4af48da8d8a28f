#!/usr/bin/env python3
"""Source packages of many components: ours against bare `git archive` and `rpmbuild -bs`, one after another.

usage: .venv/bin/python benchmarks/srpms.py [--components N] [--kilobytes N] [--sizes N,N,…] [--rounds N] [--svg FILE]
       .venv/bin/python benchmarks/srpms.py --superproject DIR --config FILE      (a real one instead)
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from benchmarks.measure import (  # noqa: E402
    OURS,
    Times,
    Variant,
    judge,
    ratio,
    run,
    show,
    show_growth,
    take_turns,
    tell_machine,
)
from tests.kit.superprojects import World, make_files  # noqa: E402

# What the tool spares: no stamp, no checks, no sandbox, no key. Everything in one folder, like a person would do it.
BARE = """\
set -euo pipefail
while read -r -u 9 store commit spec prefix archive; do
    rm -rf "$1"; mkdir -p "$1/SOURCES" "$1/SPECS"
    git -C "$store" archive --format=tar.gz --prefix="$prefix/" -o "$1/SOURCES/$archive" "$commit"
    git -C "$store" cat-file blob "$commit:$spec" >"$1/SPECS/$spec"
    rpmbuild -bs --nodeps --define "_topdir $1" "$1/SPECS/$spec" >/dev/null 2>&1
done 9<"$2"
"""


def make_superproject(folder: Path, components: int, kilobytes: int) -> Path:
    """Components of so many kilobytes of text, which compresses about as source code does."""
    world = World(folder)
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnop_", k=chance.randint(2, 9))) for _ in range(2000)]
    for number in range(components):
        name = f"component{number:03d}"
        files = dict(make_files(name))
        for part in range(kilobytes // 20):
            files[f"src/file{part}.py"] = " ".join(chance.choices(words, k=3300)) + "\n"
        world.component(f"repos/{name}", files)
    world.pin()
    return world.super.path


def list_bare(place: Path, options: list[str], folder: Path) -> Path:
    """What the bare commands need to know of each component, as our plan tells it."""
    answer = run([*OURS, "-C", str(place), *options, "--workspace", str(folder / "list"), "srpm", "--json"])
    lines = []
    for row in json.loads(answer):
        if row["srpm"] is None or row["component"] == "altai-release":
            continue
        listed = run(["rpm", "-qp", "--nosignature", "--qf", "[%{SOURCE}\n]%{NAME}-%{VERSION}", row["srpm"]])
        *sources, prefix = listed.splitlines()
        archive = next(one for one in sources if ".tar" in one)
        spec = run(["rpm", "-qpl", "--nosignature", row["srpm"]]).split()
        stores = [p for p in _stores(place) if _has(p, row["commit"])]
        name = next(one for one in spec if one.endswith(".spec"))
        lines.append(f"{stores[0]} {row['commit']} {name} {prefix} {archive}\n")
    path = folder / "bare.list"
    path.write_text("".join(lines))
    return path


def _stores(place: Path) -> list[Path]:
    beside = [one for one in place.parent.iterdir() if (one / ".git").exists() or one.name.endswith(".git")]
    modules = place / ".git" / "modules"
    return [*beside, *(one.parent for one in modules.rglob("HEAD") if (one.parent / "objects").is_dir())]


def _has(store: Path, commit: str) -> bool:
    words = ["git", "-C", str(store), "cat-file", "-e", f"{commit}^{{tree}}"]
    return (
        subprocess.run(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
        == 0
    )


def grow(folder: Path, components: int) -> Times:
    """The times of a superproject of so many small components."""
    place = make_superproject(folder, components, 100)
    workspace = folder / "ws"
    words = [*OURS, "-q", "-C", str(place), "--workspace", str(workspace), "--jobs", "1", "srpm"]

    def forget() -> None:
        shutil.rmtree(workspace, ignore_errors=True)

    return take_turns([Variant("made", words, before=forget), Variant("nothing changed", words)], 3)


def main() -> None:
    """Measure and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--components", type=int, default=20)
    parser.add_argument("--kilobytes", type=int, default=600, help="of source in each")
    parser.add_argument("--sizes", default="5,10,20,40", help="components of the growth curve")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--superproject", type=Path)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--svg", type=Path)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="srpms."))
    try:
        tell_machine("git", "rpmbuild", "bwrap")
        options = ["--config", str(arguments.config)] if arguments.config else []
        place = arguments.superproject or make_superproject(
            folder / "main", arguments.components, arguments.kilobytes
        )
        listed = list_bare(place, options, folder)
        workspace = folder / "ws"

        def forget() -> None:
            shutil.rmtree(workspace, ignore_errors=True)

        def ours(jobs: int, *words: str, space: Path = workspace) -> list[str]:
            front = [*OURS, "-q", "-C", str(place), *options, "--workspace", str(space), "--jobs", str(jobs)]
            return [*front, "srpm", *words]

        kept = folder / "kept"
        one = json.loads(run(ours(1, "--json", space=kept)))[-1]["component"]
        bare = ["bash", "-c", BARE, "bare", str(folder / "top"), str(listed)]
        times = take_turns(
            [
                Variant("bare git archive + rpmbuild -bs", bare),
                Variant("ours, 1 job", ours(1), before=forget),
                Variant("ours, 2 jobs", ours(2), before=forget),
                Variant("ours, nothing changed", ours(1, space=kept)),
                Variant(f"ours, {one} alone", ours(1, one), before=forget),
            ],
            arguments.rounds,
        )
        base = "bare git archive + rpmbuild -bs"
        show(f"{len(listed.read_text().splitlines())} components", times, base)
        if arguments.superproject is None:
            curves: dict[str, list[tuple[float, float]]] = {"made": [], "nothing changed": []}
            for size in map(int, arguments.sizes.split(",")):
                found = grow(folder / f"grown{size}", size)
                for name, curve in curves.items():
                    curve.append((size, statistics.median(found[name])))
            show_growth("Source packages", "components", curves, arguments.svg)
        judge(
            [
                ("1 job / bare", ratio(times, "ours, 1 job", base), 1.15),
                ("2 jobs / bare, one after another", ratio(times, "ours, 2 jobs", base), 0.75),
                ("nothing changed / bare", ratio(times, "ours, nothing changed", base), 0.05),
            ]
        )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
