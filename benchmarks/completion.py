#!/usr/bin/env python3
"""The answer to a shell that completes a command line: processor time (user and system) of the whole process.

The superproject has many components, the definition many packages, and the folder of releases many versions.
"""

from __future__ import annotations

import resource
import statistics
import sys
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from benchmarks import measure  # noqa: E402
from benchmarks.changed import make_superproject  # noqa: E402
from benchmarks.measure import HELLO, OURS, Variant, run  # noqa: E402

# Milliseconds of processor time that an answer may take.
MOST = 150
VERSIONS = 100
LINES = {
    "verbs": "bu",
    "options": "build --",
    "components": "build component0",
    "releases": "audit 1.",
    "channels": "channels ",
    "keys": "keys init ",
    "repositories": "audit 1.0.1 --repository ",
    "revisions": "build --rev H",
    "all components": "log ",
}
DEFINITION = """\
project: bench
superproject: {path: ., components: [repos], root: true}
targets: {t: {mock_config: m, arch: x86_64, macros: {dist: .el9}}}
keys: {k: {file: key, signs: true}}
repositories:
  r: {source: superproject, target: t, key: k}
  deps/misc: {source: specs, path: specs, target: t, key: k, source_rpms: deps/srpms}
release: {directory: releases, baseurl: "https://repo.example.org/bench"}
components:
"""


def make_site(folder: Path, links: int) -> Path:
    """A superproject with a definition that has settings for each component, and releases."""
    superproject = make_superproject(folder / f"site{links}", links)
    settings = "".join(
        f"  component{number:05d}: {{test: {{skip: reason {number}}}}}\n" for number in range(links)
    )
    (superproject / "repos.yaml").write_text(DEFINITION + settings, encoding="utf-8")
    for number in range(VERSIONS):
        release = superproject / "releases" / f"1.0.{number}"
        release.mkdir(parents=True)
        (release / "release.json").write_text("{}", encoding="utf-8")
        (superproject / "releases" / "channels" / f"ring{number}").mkdir(parents=True)
    return superproject


def answer(line: str, superproject: Path) -> str:
    """The completions of a command line, as bash asks for them; the last word is the one that is completed."""
    words = ["altai-build", *line.split(" ")]
    environment = {
        "_ALTAI_BUILD_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    return run(OURS, cwd=superproject, environment=environment)


def count_milliseconds(variant: Variant, rounds: int) -> list[float]:
    """The processor time of the program in each round; one more warms up."""
    times = []
    for _ in range(rounds + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        variant.seconds()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000)
    return times[1:]


def main() -> None:
    """Measure, and print the results beside the target."""
    parser = measure.make_parser(__doc__, rounds=9)
    measure.add_number(parser, "--links", 1000, "components of the superproject")
    measure.add_sizes(parser, "100,1000,4000", "components")
    arguments = parser.parse_args()
    with measure.scratch("completion", "git") as folder:
        superproject = make_site(folder, arguments.links)
        print(f"\n### {arguments.links} components, {VERSIONS} releases: processor time\n")
        print(f"| completes | names | median | max | ≤ {MOST} ms |\n|---|---:|---:|---:|---|")
        rows = [("click hello world", Variant("", HELLO), 0)]
        for name, line in LINES.items():
            given = len(answer(line, superproject).split())
            if not given:
                raise SystemExit(f"`altai-build {line}` is not completed")
            rows.append((name, Variant("", partial(answer, line, superproject)), given))
        for name, variant, given in rows:
            times = sorted(count_milliseconds(variant, arguments.rounds))
            middle = times[len(times) // 2]
            met = "met" if middle <= MOST else "missed"
            print(f"| {name} | {given} | {middle:.0f} ms | {times[-1]:.0f} ms | {met} |")
        points = []
        for links in arguments.sizes:
            place = superproject if links == arguments.links else make_site(folder, links)
            variant = Variant("", partial(answer, LINES["components"], place))
            points.append((links, statistics.median(count_milliseconds(variant, arguments.rounds)) / 1000))
        title = "Completion of components, processor time"
        measure.print_growth(title, "components", {"ours": points}, arguments.svg)


if __name__ == "__main__":
    main()
