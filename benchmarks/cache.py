#!/usr/bin/env python3
"""A CI job on a new runner, with the cache of an earlier job: one of some generated components has changed.

Compared with the same build in the workspace of the earlier job, and with a job without a cache. Needs root and the
testbed (scripts/make-testbed).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from benchmarks import measure  # noqa: E402
from benchmarks.chroot import REPOS  # noqa: E402
from benchmarks.measure import AUTHOR, CPUS, OURS, Variant, ratios, removing, run  # noqa: E402
from benchmarks.srpms import make_superproject  # noqa: E402

_WARM, _IMPORT, _BUILD, _COLD = (
    "build, workspace of the earlier job",
    "cache import, new workspace",
    "build after it",
    "build without a cache",
)
_JOB = "job with a cache"


@dataclass
class Jobs:
    """A superproject whose earlier commit was built, and the cache of that job."""

    path: Path
    jobs: int

    @property
    def cache(self) -> Path:
        """The folder that a CI service keeps."""
        return self.path.with_name(f"{self.path.name}-cache")

    def call(self, workspace: str, *words: str) -> str:
        """Run altai-build with a workspace beside the superproject."""
        place = self.path.with_name(f"{self.path.name}-{workspace}")
        options = ["-q", "-C", str(self.path), "--workspace", str(place), "--builder", "chroot"]
        return run([*OURS, *options, "--jobs", str(self.jobs), *words])

    def build(self, workspace: str, built: int | None = None) -> None:
        """Build everything; so many components must be new."""
        rows = json.loads(self.call(workspace, "build", "--json"))
        found = sum(row["status"] == "built" for row in rows)
        assert built is None or found == built, f"{found} components were built"

    def take(self) -> None:
        """Import the cache into a new workspace."""
        self.call("new", "cache", "import", str(self.cache), "--trust-unsigned")

    def forget(self, workspace: str) -> None:
        """Remove a workspace."""
        removing(self.path.with_name(f"{self.path.name}-{workspace}"))()
        # What is measured waits for its own data alone.
        os.sync()

    def start_again(self) -> None:
        """Have the workspace of the earlier job as it was."""
        self.forget("warm")
        source, copy = (self.path.with_name(f"{self.path.name}-{name}") for name in ("first", "warm"))
        run(["cp", "--archive", str(source), str(copy)])
        os.sync()


def make_jobs(folder: Path, components: int, testbed: Path, jobs: int) -> Jobs:
    """So many components, all built once; then one of them changes."""
    path = make_superproject(folder, components, 20)
    shutil.copytree(testbed / "mock-configs", path / "mock-configs")
    (path / "repos.yaml").write_text(REPOS)
    made = Jobs(path, jobs)
    made.build("first", components)
    made.call("first", "cache", "export", str(made.cache), "--unsigned")
    _change(path)
    return made


def _change(path: Path) -> None:
    """Pin another commit of the first component."""
    listed = run(["git", "-C", str(path), "ls-files", "--stage"]).splitlines()
    link = next(line for line in listed if line.startswith("160000 "))
    component = path / link.partition("\t")[2]
    run(
        ["git", "-C", str(component), "commit", "--quiet", "--allow-empty", "--message=x"], environment=AUTHOR
    )
    run(["git", "-C", str(path), "commit", "--quiet", "--all", "--message=pin"], environment=AUTHOR)


def make_variants(jobs: Jobs, *, cold: bool) -> list[Variant]:
    """The parts of a job, and what it is compared with."""

    def built(workspace: str) -> Callable[[], None]:
        return lambda: jobs.build(workspace, 1)

    def job() -> None:
        jobs.take()
        jobs.build("new", 1)

    variants = [
        Variant(_WARM, built("warm"), before=jobs.start_again),
        Variant(_IMPORT, jobs.take, before=lambda: jobs.forget("new")),
        Variant(_BUILD, built("new")),
        Variant(_JOB, job, before=lambda: jobs.forget("new")),
    ]
    if cold:
        variants.append(Variant(_COLD, lambda: jobs.build("new"), before=lambda: jobs.forget("new")))
    return variants


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=3)
    measure.add_number(parser, "--components", 20, "generated components")
    measure.add_sizes(parser, "5,10,20", "generated components, the points of the growth curve; not")
    measure.add_number(parser, "--jobs", CPUS, "parallel jobs")
    measure.add_testbed(parser)
    arguments = parser.parse_args()
    with measure.scratch("cache", "git", "rpmbuild", "tar") as folder:
        whole = make_jobs(folder / "whole", arguments.components, arguments.testbed, arguments.jobs)
        times = measure.take_turns(make_variants(whole, cold=True), arguments.rounds)
        title = f"A job for one changed component of {arguments.components}"
        measure.print_times(title, times, _WARM)

        def generated(components: int) -> list[Variant]:
            jobs = make_jobs(folder / f"of{components}", components, arguments.testbed, arguments.jobs)
            return make_variants(jobs, cold=False)

        curves = measure.measure_growth(arguments.sizes, generated, arguments.rounds)
        measure.print_growth("Time of a job by number of components", "components", curves, arguments.svg)
    measure.print_targets(
        [
            (
                "build after an import / in the workspace of the earlier job",
                ratios(times, _BUILD, _WARM),
                1.3,
            ),
            ("job with a cache / job without", ratios(times, _JOB, _COLD), 0.3),
        ]
    )


if __name__ == "__main__":
    main()
