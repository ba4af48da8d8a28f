#!/usr/bin/env python3
"""Change detection on a generated superproject: altai-build, git, the start of click, GitPython, `git submodule`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from benchmarks import measure  # noqa: E402
from benchmarks.measure import HELLO, OURS, PYTHON, Variant, ratios  # noqa: E402
from tests.kit.git import Pin, Repo, gitmodules  # noqa: E402

COMMITS = 100
FIRST = f"HEAD~{COMMITS}"
# one commit in so many of a component has a tag
TAGGED = 50


def make_superproject(folder: Path, links: int) -> Path:
    """A superproject with so many pins; each of its 100 commits changes some, all commits together change every pin."""
    repo = Repo(folder)
    paths = [f"repos/team{number % 10}/component{number:05d}" for number in range(links)]
    urls = {path: f"../{path.rpartition('/')[2]}" for path in paths}
    repo.commit({**{path: Pin(f"{1:040x}") for path in paths}, ".gitmodules": gitmodules(urls)})
    share = -(-links // COMMITS)
    for number in range(COMMITS):
        moved = paths[number * share : (number + 1) * share] or paths[:1]
        repo.commit({path: Pin(f"{number + 2:040x}") for path in moved})
    # GitPython reads it from the work tree.
    repo.git("checkout", "--quiet", "HEAD", "--", ".gitmodules")
    return repo.path


def make_checkouts(folder: Path, count: int, commits: int, files: int) -> Path:
    """A superproject whose submodules are checked out at their pins; each has a history, tags and files."""
    origin = Repo(folder / "origin")
    first = origin.commit({f"src/file{number:03d}": f"{number}\n" * 40 for number in range(files)})
    for number in range(1, commits):
        last = origin.commit({f"src/file{number % files:03d}": f"{number}\n" * 40})
        if number % TAGGED == 0:
            origin.git("tag", "--annotate", f"--message={number}", f"v1.{number}", last)
    repo = Repo(folder / "super")
    paths = [f"repos/component{number:03d}" for number in range(count)]
    pins = {path: Pin(last) for path in paths}
    repo.commit({**pins, **{path: Pin(first) for path in paths[:5]}})
    repo.commit({**pins, ".gitmodules": gitmodules(dict.fromkeys(paths, "../origin"))})
    measure.check_out(repo.path)
    return repo.path


def ours(superproject: Path, *words: str) -> tuple[str, ...]:
    """The command line of altai-build for a superproject."""
    return (*OURS, "-C", str(superproject), "changed", *words)


def git(superproject: Path, *words: str) -> list[str]:
    """The command line of git for a superproject."""
    return ["git", "-C", str(superproject), *words]


def grown(folder: Path, links: int) -> list[Variant]:
    """All pins of a superproject changed."""
    superproject = make_superproject(folder / f"grown{links}", links)
    return [
        Variant("git diff-tree", git(superproject, "diff-tree", "-r", FIRST, "HEAD")),
        Variant("ours", ours(superproject, FIRST, "HEAD")),
    ]


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=11)
    measure.add_number(parser, "--links", 1000, "pins of the superproject")
    measure.add_sizes(parser, "20,100,500,2000", "pins")
    measure.add_number(parser, "--checkouts", 50, "submodules checked out, for `git submodule status`")
    measure.add_number(parser, "--commits", 200, f"history of each checkout, tagged every {TAGGED}")
    measure.add_number(parser, "--files", 50, "in each checkout")
    arguments = parser.parse_args()
    with measure.scratch("changed", "git") as folder:
        superproject = make_superproject(folder / "main", arguments.links)
        library = (
            f"import git; r = git.Repo({str(superproject)!r}); print(len(r.commit('HEAD~1').diff('HEAD')))"
        )
        times = measure.take_turns(
            [
                Variant("click hello world", HELLO),
                Variant(
                    "git diff-tree -r HEAD~1 HEAD", git(superproject, "diff-tree", "-r", "HEAD~1", "HEAD")
                ),
                Variant("git diff-tree -r, all changed", git(superproject, "diff-tree", "-r", FIRST, "HEAD")),
                Variant("ours, HEAD~1", ours(superproject)),
                Variant("ours, all changed", ours(superproject, FIRST, "HEAD")),
                Variant("GitPython, HEAD~1", [PYTHON, "-c", library], peer="import git", rounds=1),
            ],
            arguments.rounds,
        )
        measure.print_times(f"{arguments.links} pins, {COMMITS + 1} commits", times, "click hello world")
        small = make_superproject(folder / "small", 20)
        few = measure.take_turns(
            [Variant("many", ours(superproject)), Variant("20", ours(small))], arguments.rounds
        )
        real = make_checkouts(folder / "real", arguments.checkouts, arguments.commits, arguments.files)
        peers = measure.take_turns(
            [
                Variant("ours", ours(real)),
                Variant("git submodule status", git(real, "submodule", "status")),
                Variant("git submodule summary", git(real, "submodule", "summary", "HEAD~1")),
                Variant("git status", git(real, "status", "--porcelain=v2")),
                Variant("git diff-tree -r HEAD~1 HEAD", git(real, "diff-tree", "-r", "HEAD~1", "HEAD")),
            ],
            arguments.rounds,
        )
        measure.print_times(
            f"{arguments.checkouts} checkouts of {arguments.commits} commits and {arguments.files} files",
            peers,
            "ours",
        )
        curves = measure.measure_growth(
            arguments.sizes, lambda links: grown(folder, links), max(3, arguments.rounds // 2)
        )
        measure.print_growth("Change detection, all pins changed", "pins", curves, arguments.svg)
    bare = "git diff-tree -r HEAD~1 HEAD"
    measure.print_targets(
        [
            ("whole process / click hello world", ratios(times, "ours, HEAD~1", "click hello world"), 1.3),
            ("whole process / git diff-tree", ratios(times, "ours, HEAD~1", bare), 10),
            ("all changed / one changed", ratios(times, "ours, all changed", "ours, HEAD~1"), 1.3),
            (f"{arguments.links} pins / 20 pins", ratios(few, "many", "20"), 1.2),
            ("ours / GitPython's diff", ratios(times, "ours, HEAD~1", "GitPython, HEAD~1"), 1 / 70),
            ("ours / git submodule status", ratios(peers, "ours", "git submodule status"), 1 / 7),
        ]
    )


if __name__ == "__main__":
    main()
