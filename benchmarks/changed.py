#!/usr/bin/env python3
"""Change detection on a generated superproject: ours, plain git, click's own start, GitPython, `git submodule`.

usage: .venv/bin/python benchmarks/changed.py [--links N] [--sizes N,N,…] [--checkouts N] [--rounds N] [--svg FILE]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from benchmarks.measure import (  # noqa: E402
    HELLO,
    OURS,
    PYTHON,
    Variant,
    judge,
    ratio,
    run,
    show,
    show_growth,
    take_turns,
    tell_machine,
)
from tests.kit.git import Pin, Repo, gitmodules  # noqa: E402

COMMITS = 100


def make_superproject(folder: Path, links: int) -> Repo:
    """A superproject with so many pins; each of its 100 commits moves some, all of them together every one."""
    repo = Repo(folder)
    paths = [f"repos/team{number % 10}/component{number:05d}" for number in range(links)]
    urls = {path: f"../{path.rpartition('/')[2]}" for path in paths}
    repo.commit({**{path: Pin(f"{1:040x}") for path in paths}, ".gitmodules": gitmodules(urls)})
    share = max(1, links // COMMITS)
    for number in range(COMMITS):
        moved = paths[number * share : (number + 1) * share] or paths[:1]
        repo.commit({path: Pin(f"{number + 2:040x}") for path in moved})
    # GitPython reads it from the work tree.
    run(["git", "-C", str(folder), "checkout", "--quiet", "HEAD", "--", ".gitmodules"])
    return repo


def make_checkouts(folder: Path, count: int) -> Path:
    """A superproject with real submodules, checked out."""
    origin = Repo(folder / "origin")
    first = origin.commit({"file": "1\n"})
    second = origin.commit({"file": "2\n"})
    repo = Repo(folder / "super")
    paths = [f"repos/component{number:03d}" for number in range(count)]
    repo.commit({path: Pin(first) for path in paths})
    repo.commit(
        {
            **{path: Pin(second) for path in paths[:5]},
            ".gitmodules": gitmodules(dict.fromkeys(paths, "../origin")),
        }
    )
    run(["git", "-C", str(repo.path), "reset", "--hard", "--quiet"])
    for path in paths:
        run(["git", "-C", str(repo.path), "clone", "--quiet", "--shared", str(origin.path), path])
    run(["git", "-C", str(repo.path), "submodule", "--quiet", "init"])
    return repo.path


def ours(place: Path, *words: str) -> tuple[str, ...]:
    """Our command line on a superproject."""
    return (*OURS, "-C", str(place), "changed", *words)


def main() -> None:
    """Measure and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--links", type=int, default=1000)
    parser.add_argument("--sizes", default="20,100,500,2000", help="pins of the growth curve")
    parser.add_argument("--checkouts", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--svg", type=Path)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="changed."))
    try:
        tell_machine("git")
        place = make_superproject(folder / "main", arguments.links).path
        diff = ["git", "-C", str(place), "diff-tree", "-r"]
        library = f"import git; r = git.Repo({str(place)!r}); print(len(r.commit('HEAD~1').diff('HEAD')))"
        times = take_turns(
            [
                Variant("click hello world", HELLO),
                Variant("git diff-tree -r HEAD~1 HEAD", [*diff, "HEAD~1", "HEAD"]),
                Variant("git diff-tree -r, all changed", [*diff, f"HEAD~{COMMITS}", "HEAD"]),
                Variant("ours, HEAD~1", ours(place)),
                Variant("ours, all changed", ours(place, f"HEAD~{COMMITS}", "HEAD")),
                Variant("GitPython, HEAD~1", [PYTHON, "-c", library], once=True),
            ],
            arguments.rounds,
        )
        show(f"{arguments.links} pins, {COMMITS + 1} commits", times, "click hello world")
        small = make_superproject(folder / "small", 20).path
        few = take_turns([Variant("1000", ours(place)), Variant("20", ours(small))], arguments.rounds)
        real = make_checkouts(folder / "real", arguments.checkouts)
        peers = take_turns(
            [
                Variant("ours", ours(real)),
                Variant("git submodule status", ["git", "-C", str(real), "submodule", "status"]),
                Variant("git status", ["git", "-C", str(real), "status", "--porcelain=v2"]),
            ],
            arguments.rounds,
        )
        show(f"{arguments.checkouts} checkouts", peers, "ours")
        curves: dict[str, list[tuple[float, float]]] = {"git diff-tree": [], "ours": []}
        for size in map(int, arguments.sizes.split(",")):
            grown = make_superproject(folder / f"grown{size}", size).path
            first = f"HEAD~{COMMITS}"
            found = take_turns(
                [
                    Variant("git diff-tree", ["git", "-C", str(grown), "diff-tree", "-r", first, "HEAD"]),
                    Variant("ours", ours(grown, first, "HEAD")),
                ],
                max(3, arguments.rounds // 2),
            )
            for name, curve in curves.items():
                curve.append((size, statistics.median(found[name])))
        show_growth("Change detection, all pins changed", "pins", curves, arguments.svg)
        judge(
            [
                ("whole process / click hello world", ratio(times, "ours, HEAD~1", "click hello world"), 1.3),
                (
                    "whole process / git diff-tree",
                    ratio(times, "ours, HEAD~1", "git diff-tree -r HEAD~1 HEAD"),
                    10,
                ),
                ("all changed / one changed", ratio(times, "ours, all changed", "ours, HEAD~1"), 1.3),
                (f"{arguments.links} pins / 20 pins", ratio(few, "1000", "20"), 1.2),
                ("ours / GitPython's diff", ratio(times, "ours, HEAD~1", "GitPython, HEAD~1"), 1 / 70),
                ("ours / git submodule status", ratio(peers, "ours", "git submodule status"), 1 / 7),
            ]
        )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
