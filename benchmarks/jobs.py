#!/usr/bin/env python3
"""What a run of many jobs on many slots of Dask workers costs its machine, where builds take no time.

A scheduler and a worker run on this machine; the worker's builder gives a package that was made before, so that all
processor time of the run's process and of its client of the scheduler is that of sending jobs and taking results: the
package is sent, received, verified and stored. The first jobs, which load code, are not counted. Memory is what the
process of the run holds after the first and after the last job. Needs root and the testbed (scripts/make-testbed).
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.config import load_config  # noqa: E402
from altai_build.model.build import BuildRequest  # noqa: E402
from altai_build.model.cluster import ClusterSettings  # noqa: E402
from altai_build.pipeline.build.dask_executor import DaskExecutor  # noqa: E402
from altai_build.pipeline.build.executor import JobHandle  # noqa: E402
from altai_build.pipeline.build.plan import plan_build  # noqa: E402
from altai_build.pipeline.build.toolchains import open_build_environments  # noqa: E402
from altai_build.pipeline.run import Run  # noqa: E402
from altai_build.stages.build.jobs import BuildJob  # noqa: E402
from altai_build.tools.files import make_directory  # noqa: E402
from altai_build.tools.progress import SilentReporter  # noqa: E402
from altai_build.workspace import Workspace  # noqa: E402
from benchmarks import measure  # noqa: E402
from benchmarks.generated.superproject import ScaleWorld  # noqa: E402
from benchmarks.measure import OURS, PYTHON, run  # noqa: E402
from benchmarks.workers import list_clients, read_times, running  # noqa: E402

_MOST_PER_JOB = 20.0  # milliseconds
_MOST_GROWTH = 64.0  # MiB
_WORKER = """\
import os, shutil, sys
from altai_build.cli.main import main
from altai_build.model.build import BuildOutcome
from altai_build.tools.chroot.builder import ChrootBuilder

package = os.environ["PACKAGE"]

def build(self, request, buildroot):
    made, log = request.result_dir / os.path.basename(package), request.result_dir / "build.log"
    shutil.copyfile(package, made)
    log.write_text("made before\\n")
    return BuildOutcome(None, (made,), log, "", 0.0, buildroot.lines)

ChrootBuilder.build = build
main()
"""


@dataclass(frozen=True)
class Sample:
    """Seconds of processor time and MiB of a run, after so many jobs."""

    jobs: int
    own: float
    client: float
    memory: float


@contextmanager
def open_cluster(folder: Path, slots: int, package: Path) -> Iterator[str]:
    """A scheduler and a worker on the loopback interface; gives the scheduler's address."""
    words = [PYTHON, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    log = folder / "scheduler.log"
    with running([*words, "--no-dashboard"], log, r"tcp://127\.0\.0\.1:[0-9]+") as address:
        worker = ["/usr/bin/env", f"PACKAGE={package}", PYTHON, "-c", _WORKER, "--builder", "chroot"]
        options = [
            "--scheduler",
            address,
            "--workspace",
            str(folder / "worker"),
            "worker",
            "--slots",
            str(slots),
        ]
        with running([*worker, *options], folder / "worker.log", "is connected to"):
            yield address


def run_jobs(made: Run, address: str, srpm: Path, folder: Path, jobs: int, slots: int) -> list[Sample]:
    """Send jobs as a schedule does, as many at a time as there are slots; what the first ones took, and all."""
    made = replace(made, cluster=ClusterSettings(scheduler=address))
    sourced = plan_build(made, "HEAD", (), None).discovery.sourced
    environments = open_build_environments(made, sourced)
    [(target, environment)] = environments.items()
    samples: list[Sample] = []
    sent: dict[JobHandle, Path] = {}
    number = ended = 0
    begin = min(2 * slots, jobs // 2)
    with closing(DaskExecutor.open(made, environments, slots)) as executor:
        while ended < jobs:
            while number < jobs and len(sent) < executor.slots:
                place = folder / "jobs" / str(number)
                request = BuildRequest(
                    component=f"c{number}",
                    srpm=srpm,
                    local_rpms=(),
                    result_dir=make_directory(place / "result"),
                    source_date_epoch=0,
                )
                job = BuildJob(target, request, environment.resolver.base_buildroot)
                sent[executor.submit(job, 1.0)] = place
                number += 1
            for handle, result in executor.wait():
                assert result.rpms, result.outcome.reason
                shutil.rmtree(sent.pop(handle))
                ended += 1
                if ended in (begin, jobs):
                    samples.append(take_sample(ended))
    return samples


def take_sample(jobs: int) -> Sample:
    """What this process and its client have used until now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    client = sum(read_times(pid) for pid in list_clients(os.getpid()))
    return Sample(jobs, used.ru_utime + used.ru_stime, client, pages * resource.getpagesize() / (1 << 20))


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=1)
    measure.add_sizes(parser, "250,1000", "jobs")
    measure.add_number(parser, "--slots", 64, "that the worker has")
    measure.add_testbed(parser)
    arguments = parser.parse_args()
    configs = measure.require_testbed(parser, arguments.testbed)
    with measure.scratch("jobs", "rpmbuild", "bwrap") as folder:
        world = ScaleWorld(folder / "superproject", 1, configs)
        run([*OURS, "-C", str(world.path), "--builder", "chroot", "build"])
        [package] = (world.path / ".altai-build" / "builds").glob("*/*.noarch.rpm")
        [srpm] = (world.path / ".altai-build").rglob("*.src.rpm")
        made = Run(
            config=load_config(world.path / "repos.yaml"),
            workspace=Workspace(world.path / ".altai-build"),
            jobs=arguments.slots,
            builder="chroot",
            reporter=SilentReporter(print),
        )
        per_job, growth = [], []
        for number, jobs in enumerate(arguments.sizes * arguments.rounds):
            place = make_directory(folder / str(number))
            begin = time.monotonic()
            with open_cluster(place, arguments.slots, package) as address:
                first, last = run_jobs(made, address, srpm, place, jobs, arguments.slots)
            seconds = time.monotonic() - begin
            count = last.jobs - first.jobs
            own, client = (last.own - first.own) / count, (last.client - first.client) / count
            print(
                f"{last.jobs} jobs in {seconds:.0f} s: for each {1000 * own:.1f} ms of the run's own process, "
                f"{1000 * client:.1f} ms of its client; {first.memory:.0f} MiB after {first.jobs} jobs, "
                f"{last.memory:.0f} MiB at the end"
            )
            per_job.append(1000 * (own + client))
            growth.append(last.memory - first.memory)
    measure.print_targets(
        [
            ("processor time of the run and its client for a job, ms", per_job, _MOST_PER_JOB),
            ("memory that the jobs added, MiB", growth, _MOST_GROWTH),
        ]
    )


if __name__ == "__main__":
    main()
