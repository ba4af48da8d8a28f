#!/usr/bin/env python3
"""Source packages: altai-build, bare `git archive` and `rpmbuild -bs`, ayer-rpm, and for one component tito.

Measures a generated superproject, or with --superproject a real one whose submodules are checked out. All variants
read the same local repositories and make the packages of the same components.
"""

from __future__ import annotations

import json
import os
import random
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from benchmarks import measure  # noqa: E402
from benchmarks.measure import AUTHOR, HELLO, OURS, PYTHON, Variant, ratios, removing, run  # noqa: E402
from tests.kit.superprojects import World, make_files  # noqa: E402

# Without stamp, checks, sandbox and cache key. $1: a folder, $2: the list, $3: the number of parallel jobs.
BARE = """\
set -euo pipefail
make() {
    IFS='|' read -r store commit spec prefix archive more <<<"$2"
    top=$1/$prefix
    rm -rf "$top"; mkdir -p "$top/SOURCES" "$top/SPECS"
    git -C "$store" archive --format=tar.gz --prefix="$prefix/" -o "$top/SOURCES/$archive" "$commit"
    git -C "$store" cat-file blob "$commit:$spec" >"$top/SPECS/${spec##*/}"
    for file in $more; do git -C "$store" cat-file blob "$commit:$file" >"$top/SOURCES/${file##*/}"; done
    rpmbuild -bs --nodeps --define "_topdir $top" "$top/SPECS/${spec##*/}" >/dev/null 2>&1
}
if (($3 == 1)); then
    while IFS= read -r -u 9 row; do make "$1" "$row"; done 9<"$2"
else
    export -f make
    xargs --arg-file="$2" --delimiter='\\n' --max-args=1 --max-procs="$3" bash -euc 'make "$@"' bash "$1"
fi
"""
AYER = """\
set -euo pipefail
while IFS='|' read -r -u 9 store commit rest; do
    (cd "$store" && ayer-rpm --treeish "$commit" --builddir "$1" >/dev/null)
done 9<"$2"
"""
_IMPORTS = (
    "import altai_build.cli.main, altai_build.pipeline.build.srpm_cache, altai_build.pipeline.build.srpms"
)


@dataclass(frozen=True)
class Component:
    """The facts about a component that the bare commands need, as altai-build found them.

    `store` is its git repository, `more` are other sources in the tree, `size` is that of the source package.
    """

    name: str
    store: Path
    commit: str
    spec: str
    prefix: str
    archive: str
    more: tuple[str, ...]
    size: int

    @property
    def row(self) -> str:
        """The line of the list that the scripts read."""
        return (
            "|".join(
                [str(self.store), self.commit, self.spec, self.prefix, self.archive, " ".join(self.more)]
            )
            + "\n"
        )


def make_superproject(folder: Path, components: int, kilobytes: int) -> Path:
    """Components with so many kilobytes of text, which compresses like source code, checked out."""
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
    measure.check_out(world.super.path)
    return world.super.path


class Bench:
    """A superproject, the components that the bare commands can build too, and two workspaces."""

    def __init__(self, folder: Path, superproject: Path, options: list[str]) -> None:
        self.folder = folder
        self.superproject = superproject
        self.options = options
        # removed before each measurement
        self.workspace = folder / "workspace"
        self.kept = folder / "kept"
        self.components = self._find()
        self.list = self._list("all", self.components)

    def ours(self, jobs: int, *words: str, kept: bool = False) -> list[str]:
        """The command line of altai-build."""
        space = self.kept if kept else self.workspace
        front = [*OURS, "-q", "-C", str(self.superproject), *self.options, "--workspace", str(space)]
        return [*front, "--jobs", str(jobs), "srpm", *words]

    def made(self, name: str, jobs: int, components: list[Component]) -> Variant:
        """altai-build makes these source packages in an empty workspace."""
        names = [component.name for component in components]
        return Variant(name, self.ours(jobs, *names), before=removing(self.workspace))

    def bare(self, name: str, components: list[Component], jobs: int = 1) -> Variant:
        """The bare commands make these source packages."""
        words = [str(self.folder / "bare"), str(self._list(name, components)), str(jobs)]
        return Variant(name, ["bash", "-c", BARE, "bare", *words])

    def ayer(self, name: str, components: list[Component]) -> Variant:
        """ayer-rpm makes each of these source packages."""
        top = self.folder / "ayer"
        words = ["bash", "-c", AYER, "ayer", str(top), str(self._list(name, components))]
        return Variant(name, words, before=removing(top), peer="ayer-rpm")

    def tito(self, component: Component) -> Variant:
        """tito makes the source package, in a clone whose preparation is not measured."""
        clone, out = self.folder / "tito", self.folder / "tito-out"

        def prepare() -> None:
            if not (clone / ".tito").exists():
                run(["git", "clone", "--quiet", "--no-checkout", str(component.store), str(clone)])
                run(["git", "-C", str(clone), "checkout", "--quiet", "-B", "bench", component.commit])
                run(["tito", "init"], cwd=clone, environment=AUTHOR)
            removing(out)()

        words = ["tito", "build", "--srpm", "--test", "--output", str(out)]
        return Variant("tito build --srpm", words, before=prepare, cwd=clone, peer="tito")

    def _find(self) -> list[Component]:
        """The components as altai-build finds them; this fills the workspace that is kept."""
        rows = json.loads(run(self.ours(1, "--json", kept=True)))
        stores = _find_stores(self.superproject)
        found = []
        for row in rows:
            store = stores.get(row["component"])
            if row["srpm"] is None or store is None:
                why = "no submodule" if store is None else row["reason"]
                print(f"left out of all variants: {row['component']} ({why})")
                continue
            if not (store / "HEAD").exists():
                raise SystemExit(f"{row['component']} is not checked out: git submodule update --init")
            found.append(_describe(row["component"], store, row["commit"], Path(row["srpm"])))
        return found

    def _list(self, name: str, components: list[Component]) -> Path:
        path = self.folder / f"{name.replace(' ', '-')}.list"
        path.write_text("".join(component.row for component in components))
        return path


def _find_stores(superproject: Path) -> dict[str, Path]:
    """The local repository of each submodule, by the last part of its path."""
    git = ["git", "-C", str(superproject)]
    own = run([*git, "rev-parse", "--absolute-git-dir"]).strip()
    listed = run([*git, "config", "--blob", "HEAD:.gitmodules", "--get-regexp", r"^submodule\..*\.path$"])
    pairs = (line.split(" ", 1) for line in listed.splitlines())
    return {
        path.rpartition("/")[2]: Path(own, "modules", key[len("submodule.") : -len(".path")])
        for key, path in pairs
    }


def _describe(name: str, store: Path, commit: str, srpm: Path) -> Component:
    query = ["rpm", "-qp", "--nosignature", "--queryformat", "[%{SOURCE}\n]%{NAME}-%{VERSION}", str(srpm)]
    *sources, prefix = run(query).splitlines()
    archive = next(source for source in sources if ".tar" in source)
    listed = run(["rpm", "-qpl", "--nosignature", str(srpm)]).split()
    tree = run(["git", "-C", str(store), "ls-tree", "-r", "--name-only", commit]).splitlines()
    paths = {path.rpartition("/")[2]: path for path in sorted(tree, key=len, reverse=True)}
    return Component(
        name=name,
        store=store,
        commit=commit,
        spec=paths[next(file for file in listed if file.endswith(".spec"))],
        prefix=prefix,
        archive=archive,
        more=tuple(paths[source] for source in sources if source != archive),
        size=os.path.getsize(srpm),
    )


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=5)
    measure.add_number(parser, "--components", 20, "components of the generated superproject")
    measure.add_number(parser, "--kilobytes", 600, "kilobytes of source in each")
    measure.add_sizes(parser, "5,10,20,40", "components of 100 kilobytes")
    measure.add_number(parser, "--jobs", 2, "parallel jobs of the rows that say so")
    parser.add_argument(
        "--superproject", type=Path, metavar="DIR", help="measure a real superproject instead"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="its repos.yaml, if it is in another folder"
    )
    measure.add_parts(parser, "all", "one", "growth")
    arguments = parser.parse_args()
    with measure.scratch("srpms", "git", "rpmbuild", "bwrap", "ayer-rpm", "tito") as folder:
        options = ["--config", str(arguments.config)] if arguments.config else []
        superproject = arguments.superproject or make_superproject(
            folder / "main", arguments.components, arguments.kilobytes
        )
        bench = Bench(folder, superproject, options)
        targets: list[measure.Target] = []
        if "all" in arguments.only:
            targets += measure_all(bench, arguments.jobs, arguments.rounds)
        if "one" in arguments.only:
            targets += measure_one(bench, arguments.rounds)
        if "growth" in arguments.only and arguments.superproject is None:
            show_growth(folder, arguments.sizes, arguments.svg)
    measure.print_targets(targets)


def measure_all(bench: Bench, jobs: int, rounds: int) -> list[measure.Target]:
    """The source packages of all components."""
    everything = bench.components
    times = measure.take_turns(
        [
            bench.bare("bare", everything),
            bench.bare("bare, in parallel", everything, jobs),
            bench.ayer("ayer-rpm", everything),
            bench.made("ours", 1, everything),
            bench.made("ours, in parallel", jobs, everything),
            Variant("ours, nothing changed", bench.ours(1, kept=True)),
        ],
        rounds,
    )
    measure.print_times(f"{len(everything)} components ({jobs} jobs in parallel)", times, "bare")
    return [
        ("one at a time / bare", ratios(times, "ours", "bare"), 1.15),
        ("one at a time / bare (long-term goal)", ratios(times, "ours", "bare"), 0.8),
        ("one at a time / ayer-rpm", ratios(times, "ours", "ayer-rpm"), 0.55),
        ("in parallel / bare, one at a time", ratios(times, "ours, in parallel", "bare"), 0.65),
        ("in parallel / ayer-rpm", ratios(times, "ours, in parallel", "ayer-rpm"), 0.35),
        ("nothing changed / bare", ratios(times, "ours, nothing changed", "bare"), 0.05),
    ]


def measure_one(bench: Bench, rounds: int) -> list[measure.Target]:
    """The source package of the smallest component alone, and the parts that it cannot do without."""
    smallest = min(bench.components, key=lambda component: component.size)
    reader = [PYTHON, "-I", "-m", "altai_build.tools.spec.reader_child"]
    alone = measure.take_turns(
        [
            bench.bare("bare", [smallest]),
            bench.ayer("ayer-rpm", [smallest]),
            bench.tito(smallest),
            bench.made("ours", 1, [smallest]),
            Variant("part: start of Python and click", HELLO),
            Variant("part: start of the reader of specs", reader),
            Variant("part: imports, with the start", [PYTHON, "-c", _IMPORTS]),
            Variant("ours, nothing changed", bench.ours(1, smallest.name, kept=True)),
        ],
        rounds,
    )
    measure.print_times(
        f"{smallest.name} alone, a source package of {smallest.size / 1e3:.0f} kB", alone, "bare"
    )
    return [
        (f"{smallest.name} alone / ayer-rpm", ratios(alone, "ours", "ayer-rpm"), 1.0),
        (f"{smallest.name} alone / tito", ratios(alone, "ours", "tito build --srpm"), 0.2),
    ]


def show_growth(folder: Path, sizes: list[int], svg: Path | None) -> None:
    """Superprojects with more and more small components."""

    def variants(components: int) -> list[Variant]:
        bench = Bench(
            folder / f"of{components}", make_superproject(folder / f"of{components}", components, 100), []
        )
        return [
            bench.bare("bare", bench.components),
            bench.made("ours", 1, bench.components),
            Variant("ours, nothing changed", bench.ours(1, kept=True)),
        ]

    curves = measure.measure_growth(sizes, variants, 3)
    measure.print_growth("Time of source packages by number of components, 1 job", "components", curves, svg)


if __name__ == "__main__":
    main()
