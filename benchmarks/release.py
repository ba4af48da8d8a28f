#!/usr/bin/env python3
"""Whole releases of the sample superproject: everything built, one small change, no change; time and disk of each.

Compared with the same source packages in bare overlays, mock for the one that changed, and change detection. Needs
root, the network (the sample's sources are downloaded once) and the testbed (scripts/make-testbed). mock is measured
where it is on PATH and works for this user (as root: SUDO_UID names the user that it switches to).
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.config import load_config  # noqa: E402
from altai_build.model.package import LocalRpm  # noqa: E402
from altai_build.pipeline.build.toolchains import open_build_environment  # noqa: E402
from altai_build.tools.chroot.builder import ChrootBuilder  # noqa: E402
from altai_build.tools.files import sha256_file  # noqa: E402
from altai_build.tools.mock.config import read_config  # noqa: E402
from altai_build.tools.repo.repodata import createrepo_program  # noqa: E402
from altai_build.tools.rpm.header import read_header  # noqa: E402
from altai_build.workspace import Workspace  # noqa: E402
from benchmarks import measure  # noqa: E402
from benchmarks.chroot import DEFAULTS, OVERLAY, REPOS, in_overlay, mock_variants, rebuild  # noqa: E402
from benchmarks.measure import (  # noqa: E402
    AUTHOR,
    CPUS,
    OURS,
    PYTHON,
    ROOT,
    Times,
    Variant,
    ratios,
    removing,
    run,
)
from benchmarks.srpms import make_superproject  # noqa: E402

# a small component that no other component is built with
CHANGED = "bottle"
_IMPORTS = (
    "import altai_build.cli.main, altai_build.cli.release, altai_build.pipeline.release.run\n"
    "import altai_build.pipeline.published.releases_page\n"
    "from altai_build.stages.provenance import load_libraries; load_libraries()"
)
_BARE, _OURS, _MOCK = "bare overlays", "ours", f"{OVERLAY}, once for each"


class Releases:
    """A superproject with a signing key, its releases numbered 1.0.1, 1.0.2…"""

    def __init__(self, path: Path, key: str, jobs: int) -> None:
        self.path = path
        self.workspace = Workspace(path / ".altai-build")
        self.front = [*OURS, "-q", "-C", str(path), "--builder", "chroot", "--jobs", str(jobs)]
        self.made = 0
        run([*self.front, "keys", "init", key, "--no-passphrase"])
        self.commit("keys", "mock-configs", "repos.yaml")

    def git(self, *words: str) -> str:
        """Run git in the superproject."""
        return run(["git", "-C", str(self.path), *words], environment=AUTHOR).strip()

    def commit(self, *paths: str) -> None:
        """Commit these files."""
        self.git("add", *paths)
        self.git("commit", "--quiet", "--allow-empty", "--message=files")

    def release(self) -> None:
        """Make the next release, which must have no findings."""
        self.made += 1
        output = run([*self.front, "release", f"1.0.{self.made}", "--json"])
        assert json.loads(output)["findings"] == [], output

    def forget(self) -> None:
        """Remove everything made from components; buildroots and downloads stay."""
        removing(self.workspace.srpms, self.workspace.builds, self.workspace.signed)()

    def disk(self) -> int:
        """The bytes of all releases, each file once."""
        return int(run(["du", "--summarize", "--block-size=1", str(self.path / "releases")]).split()[0])

    def variants(self) -> list[Variant]:
        """Releases with everything built, and with nothing changed."""
        return [
            Variant("release, everything built", self.release, before=self.forget),
            Variant("release, nothing changed", self.release),
        ]


def make_sample(folder: Path, testbed: Path, jobs: int) -> Releases:
    """The sample with its third-party packages locked, for which everything was built once."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = str(ROOT / "scripts" / "make-sample-superproject")
    run([script, "--testbed", str(testbed), str(folder)], environment={"PATH": path})
    releases = Releases(folder / "altai", "altai", jobs)
    run([*releases.front, "deps", "lock"])
    releases.commit("deps.lock.yaml")
    return releases


def make_generated(folder: Path, components: int, testbed: Path, jobs: int) -> Releases:
    """So many tiny components that do not depend on each other."""
    path = make_superproject(folder, components, 20)
    shutil.copytree(testbed / "mock-configs", path / "mock-configs")
    (path / "repos.yaml").write_text(REPOS)
    return Releases(path, "k", jobs)


def change(releases: Releases) -> None:
    """Add a commit to one small component, and pin it."""
    remote, clone = releases.path.with_name(f"{CHANGED}.git"), releases.path.with_name("clone")
    removing(clone)()
    run(["git", "clone", "--quiet", str(remote), str(clone)])
    with open(clone / "README.rst", "a", encoding="utf-8") as stream:
        stream.write(f"\nChange {releases.made}.\n")
    git = ["git", "-C", str(clone)]
    run([*git, "commit", "--quiet", "--all", "--message=change"], environment=AUTHOR)
    run([*git, "push", "--quiet"])
    commit = run([*git, "rev-parse", "HEAD"]).strip()
    releases.git("update-index", "--cacheinfo", f"160000,{commit},repos/altai/{CHANGED}")
    releases.git("commit", "--quiet", "--message=pin")


class Builds:
    """The source packages of a release with the buildroot of each, for the other ways to build them."""

    def __init__(self, releases: Releases, folder: Path) -> None:
        folder.mkdir()
        rows = [row for row in json.loads(run([*releases.front, "build", "--json"])) if row["rpms"]]
        self.srpms = {row["component"]: folder / Path(row["srpm"]).name for row in rows}
        # copies, because `forget` removes those of the workspace
        for row in rows:
            shutil.copyfile(row["srpm"], self.srpms[row["component"]])
        config = load_config(releases.path / "repos.yaml")
        (target,) = config.targets.values()
        read = read_config(target.mock_config, search=config.mock_config_directories)
        environment = open_build_environment(target, read, "chroot", releases.workspace)
        assert isinstance(environment.builder, ChrootBuilder)
        roots, resolver = environment.builder.roots, environment.resolver
        self.macros = [*read.macros, *target.build_macros]
        local = [_local(Path(path)) for row in rows for path in row["rpms"]]
        self.in_use = ExitStack()
        self.lowers: dict[str, list[Path]] = {}
        for component, srpm in self.srpms.items():
            requires = read_header(srpm).requires
            needs = [str(dependency) for dependency in requires if not dependency.name.startswith("rpmlib(")]
            buildroot = resolver.resolve_build_requires(needs, local)
            # In use until the benchmark ends.
            layer = roots.open_layer(buildroot, self.in_use)
            self.lowers[component] = [*([layer] if layer else []), roots.ensure_base(buildroot)]
        self.repository = folder / "local"
        self.repository.mkdir()
        for package in local:
            shutil.copyfile(package.path, self.repository / package.path.name)
        run([createrepo_program(), "--quiet", str(self.repository)])

    def bare(self, jobs: int) -> Callable[[], None]:
        """Build all of them in bare overlays on the same buildroots."""
        command = rebuild(self.macros)

        def start() -> None:
            with ThreadPoolExecutor(jobs) as pool:
                list(
                    pool.map(
                        lambda name: in_overlay(self.lowers[name], self.srpms[name], command), self.srpms
                    )
                )

        return start

    def one_at_a_time(self, releases: Releases, folder: Path, testbed: Path, rounds: int) -> Times:
        """Build all of them in bare overlays, with altai-build and with mock."""
        more = f"--addrepo={self.repository.as_uri()}"
        every = list(self.srpms.values())
        (mock,) = mock_variants(folder, testbed, every, more, settings=[OVERLAY], rounds=1)
        words = [*releases.front, "--jobs", "1", "build"]
        times = measure.take_turns(
            [
                Variant(_BARE, self.bare(1)),
                Variant(_OURS, words, before=removing(releases.workspace.builds)),
                replace(mock, name=_MOCK),
            ],
            rounds,
        )
        measure.print_times("The builds alone, one at a time", times, _BARE)
        return times


def _local(path: Path) -> LocalRpm:
    return LocalRpm(path=path, header=read_header(path), sha256=sha256_file(path))


def measure_sample(
    releases: Releases, folder: Path, testbed: Path, jobs: int, rounds: int
) -> list[measure.Target]:
    """Releases of the sample, compared with the limits and the other tools."""
    builds = Builds(releases, folder / "builds")
    everything, nothing = releases.variants()
    changed, overlays = "release, one changed", f"bare overlays, {jobs} in parallel"
    times = measure.take_turns(
        [
            Variant("changed", [*releases.front, "changed"]),
            Variant(overlays, builds.bare(jobs)),
            everything,
            Variant(changed, releases.release, before=lambda: change(releases)),
            nothing,
            *mock_variants(folder / "mock", testbed, [builds.srpms[CHANGED]]),
        ],
        rounds,
    )
    measure.print_times(f"Releases of the sample, {len(builds.srpms)} components built", times, "changed")
    serial = builds.one_at_a_time(releases, folder / "mock-all", testbed, max(1, rounds // 2))
    return [
        ("everything built / bare overlays", ratios(times, everything.name, overlays), 1.1),
        (
            "everything built / builds by mock, overlay plugin",
            ratios({**times, **serial}, everything.name, _MOCK),
            1 / 4,
        ),
        ("builds, one at a time / bare overlays", ratios(serial, _OURS, _BARE), 1.15),
        ("builds, one at a time / mock, overlay plugin", ratios(serial, _OURS, _MOCK), 1 / 3.5),
        (f"one changed / {CHANGED} by {OVERLAY}", ratios(times, changed, OVERLAY), 1 / 2.5),
        (f"one changed / {CHANGED} by {DEFAULTS}", ratios(times, changed, DEFAULTS), 1 / 15),
        ("nothing changed / everything built", ratios(times, nothing.name, everything.name), 0.2),
        ("nothing changed / change detection", ratios(times, nothing.name, "changed"), 10),
    ]


def measure_one(releases: Releases, folder: Path, testbed: Path, rounds: int) -> list[measure.Target]:
    """A release with one component changed, beside mock for its package alone, and what each release takes."""
    rows = json.loads(run([*releases.front, "build", CHANGED, "--json"]))
    (srpm,) = (Path(row["srpm"]) for row in rows if row["component"] == CHANGED)
    kept = shutil.copyfile(srpm, folder / srpm.name)
    changed, nothing = "release, one changed", releases.variants()[1]
    times = measure.take_turns(
        [
            Variant(changed, releases.release, before=lambda: change(releases)),
            nothing,
            *mock_variants(folder / "mock-one", testbed, [kept], settings=[OVERLAY]),
        ],
        rounds,
    )
    measure.print_times(f"A release with {CHANGED} changed", times, nothing.name)
    return [(f"one changed / {CHANGED} by {OVERLAY}", ratios(times, changed, OVERLAY), 1 / 2.5)]


def measure_nothing(releases: Releases, rounds: int) -> list[measure.Target]:
    """A release with nothing changed, and the parts that it cannot do without."""
    nothing = releases.variants()[1]
    times = measure.take_turns(
        [
            Variant("changed", [*releases.front, "changed"]),
            nothing,
            Variant("part: imports, with the start of Python", [PYTHON, "-c", _IMPORTS]),
            Variant("part: verify", [*releases.front, "verify", "latest"]),
        ],
        rounds,
    )
    measure.print_times("A release with nothing changed", times, "changed")
    return [("nothing changed / change detection", ratios(times, nothing.name, "changed"), 10)]


def measure_by_releases(releases: Releases, count: int, svg: Path | None) -> None:
    """After the first, releases with one component changed and with nothing changed in turn; the disk space of each."""
    curves: dict[str, list[tuple[float, float]]] = {"one changed": [], "nothing changed": []}
    bytes_taken: dict[str, list[int]] = {name: [] for name in curves}
    # the first release, with everything built
    releases.release()
    while releases.made < count:
        for name, before in (("one changed", lambda: change(releases)), ("nothing changed", None)):
            taken = releases.disk()
            seconds = Variant(name, releases.release, before=before).seconds()
            curves[name].append((releases.made, seconds))
            bytes_taken[name].append(releases.disk() - taken)
    print("\n| release | disk, median |\n|---|---:|")
    for name, found in bytes_taken.items():
        print(f"| {name} | {statistics.median(found) / 1e6:.2f} MB |")
    measure.print_growth("Time of a release by number of releases", "releases", curves, svg)


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=3)
    measure.add_number(parser, "--releases", 9, "releases of one growth curve")
    measure.add_sizes(parser, "5,10,20", "generated components, the points of the other growth curve; not")
    parser.add_argument(
        "--svg-components", type=Path, metavar="FILE", help="draw the other growth curve to FILE"
    )
    measure.add_number(parser, "--jobs", CPUS, "parallel jobs")
    measure.add_testbed(parser)
    measure.add_parts(parser, "releases", "sample", "nothing", "one", "components")
    arguments = parser.parse_args()
    testbed, jobs, only = arguments.testbed, arguments.jobs, arguments.only
    with measure.scratch("release", "git", "rpmbuild", createrepo_program(), "gpg", "mock") as folder:
        releases = make_sample(folder / "sample", testbed, jobs)
        targets: list[measure.Target] = []
        if "releases" in only:
            measure_by_releases(releases, arguments.releases, arguments.svg)
        if "sample" in only:
            targets += measure_sample(releases, folder, testbed, jobs, arguments.rounds)
        if "nothing" in only:
            targets += measure_nothing(releases, arguments.rounds)
        if "one" in only:
            targets += measure_one(releases, folder, testbed, arguments.rounds)

        def generated(components: int) -> list[Variant]:
            return make_generated(folder / f"of{components}", components, testbed, jobs).variants()

        if "components" in only:
            curves = measure.measure_growth(arguments.sizes, generated, arguments.rounds)
            title = "Time of a release by number of components"
            measure.print_growth(title, "components", curves, arguments.svg_components)
    measure.print_targets(targets)


if __name__ == "__main__":
    main()
