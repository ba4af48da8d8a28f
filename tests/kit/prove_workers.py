"""Three workers in network namespaces release what one machine does, package by package, also when something breaks.

The first proof is a release of the sample superproject. What is broken is broken in the middle of a build of a small
superproject whose builds take some seconds. Whether the answer is the expected one is a line of a table.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.kit import worker_clusters, worker_faults
from tests.kit.certificates import make_cluster_certificates
from tests.kit.namespaces import Network
from tests.kit.worker_machines import Machines
from tests.kit.worker_proof import WORKERS, NotMetError, NotTriedError, Proof

TESTBED = Path("/var/cache/altai-build/testbed")
_NEEDED = ("ip", "tc", "nsenter", "mount", "openssl", "bwrap", "rpm", "git")
CASES: dict[str, Callable[[Proof], str]] = {
    "sample": Proof.sample,
    "nothing": Proof.nothing,
    "network-cut-3-s": Proof.short_cut,
    "network-cut": Proof.long_cut,
    "network-cut-of-the-last": Proof.cut_of_the_last,
    "slow-network": Proof.slow,
    "full-disk": Proof.full_disk,
    "worker-killed": Proof.killed_worker,
    "scheduler-killed": Proof.killed_scheduler,
    "run-killed": Proof.killed_run,
    "run-killed-for-good": worker_faults.orphans,
    "worker-cancelled": worker_faults.cancelled_worker,
    "worker-slow": worker_faults.slow_worker,
    "worker-hangs": worker_faults.frozen_worker,
    "package-kills": worker_faults.killing_package,
    "corrupted": worker_faults.corrupted_results,
    "other-version": worker_faults.other_version,
    "mock": worker_faults.mock,
    "live-view": worker_faults.live_view,
    "slurm": worker_clusters.slurm,
    "slurm-jobqueue": worker_clusters.jobqueue,
    "ssh": worker_clusters.ssh,
}


def prove(cases: dict[str, Callable[[], str]]) -> int:
    """Print a line for each case; the exit status: 1 where an answer is not the expected one, 4 where it is missing."""
    print("| what happens | answer | expected |\n|---|---|---|", flush=True)
    statuses = {0}
    for name, case in cases.items():
        try:
            answer, is_met = case(), "yes"
        except NotTriedError as error:
            answer, is_met = f"not tried: {error}", "–"
            statuses.add(4)
        except (NotMetError, RuntimeError, TimeoutError, ValueError, subprocess.SubprocessError) as error:
            answer, is_met = " ".join(str(error).split()), "NO"
            statuses.add(1)
        print(f"| {name} | {answer} | {is_met} |", flush=True)
    return 1 if 1 in statuses else max(statuses)


def find_obstacle(testbed: Path) -> str:
    """Why nothing can be proved here; empty where it can."""
    missing = [program for program in _NEEDED if shutil.which(program) is None]
    if os.geteuid() != 0:
        return "network namespaces need root"
    if missing:
        return f"programs are missing: {', '.join(missing)}"
    if not (testbed / "mock-configs").is_dir():
        return f"there is no testbed at {testbed}: run scripts/make-testbed"
    return ""


def main() -> None:
    """Exits with 1 where an answer is not the expected one, with 4 where one cannot be had."""
    parser = argparse.ArgumentParser(prog="scripts/prove-workers", description=__doc__)
    parser.add_argument("--testbed", type=Path, default=TESTBED, metavar="DIR", help=f"default: {TESTBED}")
    parser.add_argument(
        "--cluster-python",
        default=sys.executable,
        metavar="FILE",
        help="of scheduler and workers, with the extra `dask`; default: the one of this checkout",
    )
    parser.add_argument(
        "--only", nargs="+", choices=[*CASES], default=[*CASES], metavar="CASE", help=", ".join(CASES)
    )
    arguments = parser.parse_args()
    obstacle = find_obstacle(arguments.testbed)
    with ExitStack() as stack:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prove-workers.")))
        folder.chmod(0o755)
        try:
            network = None if obstacle else Network(WORKERS, stack)
        except (OSError, subprocess.CalledProcessError) as error:
            network, obstacle = (
                None,
                f"network namespaces cannot be made here: {getattr(error, 'stderr', '') or error}",
            )
        if network is None:
            print(f"skipped, nothing was proved: {obstacle}", file=sys.stderr)
            sys.exit(4)
        machines = Machines(
            folder, network, make_cluster_certificates(folder / "tls"), stack, python=arguments.cluster_python
        )
        proof = Proof(machines, arguments.testbed)
        status = prove({name: partial(case, proof) for name, case in CASES.items() if name in arguments.only})
    sys.exit(status)


if __name__ == "__main__":
    main()
