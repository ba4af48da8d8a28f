"""Workers that a cluster of a team's starts: releases by Slurm, by dask-jobqueue and over ssh, as documented."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.cli import ROOT
from tests.kit.documented import read_block
from tests.kit.namespaces import HEAD
from tests.kit.slurm import PROGRAMS, SlurmCluster
from tests.kit.worker_machines import Superproject, list_descendants, wait_for
from tests.kit.worker_proof import WORKERS, NotTriedError, Proof, expect

_PAGE = "clusters.md"
_NODES = WORKERS[:2]
_SSHD = "/usr/sbin/sshd"
_JOBQUEUE_PORT = 8787
_WORKER = f"env PYTHONPATH={ROOT} {sys.executable} -m altai_build worker"


def require_programs(*programs: str) -> None:
    """Raise NotTriedError where one is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise NotTriedError(f"programs are missing: {', '.join(missing)}")


@contextmanager
def _stop_other_workers(proof: Proof) -> Iterator[None]:
    """Only what is started inside works."""
    for name in WORKERS:
        proof.machines.workers[name].stop()
    try:
        yield
    finally:
        for name in WORKERS:
            proof.machines.start_worker(name)


def _make_names(proof: Proof, address: str) -> dict[str, str]:
    """What the documentation calls otherwise."""
    tls = proof.machines.tls
    return {
        "altai-build worker": f"{_WORKER} --builder chroot",
        "tls://head.example.org:8786": address,
        "/etc/builders/ca.pem": str(tls.ca),
        "/etc/builders/node.pem": str(tls.cert),
        "/etc/builders/node.key": str(tls.key),
    }


def _check_done_by(superproject: Superproject, prefix: str, number: int) -> None:
    """All was done by so many workers whose names begin so. Raises NotMetError."""
    workers = {line.partition(" was done on ")[2].partition(";")[0] for line in superproject.list_done()}
    expect(
        len(workers) == number and all(name.startswith(prefix) for name in workers),
        f"done on {', '.join(sorted(workers)) or 'no worker'}",
    )


def _wait_for_builds(cluster_folder: Path, pattern: str, text: str, number: int) -> None:
    def count() -> int:
        logs = cluster_folder.glob(pattern)
        return sum(text in log.read_text(encoding="utf-8", errors="replace") for log in logs)

    wait_for(f"{number} × {text!r} in {pattern}", lambda: count() >= number)


def slurm(proof: Proof) -> str:
    """Workers are jobs of an array; one is cancelled in the middle of a build."""
    require_programs(*PROGRAMS)
    with _stop_other_workers(proof):
        cluster = SlurmCluster(proof.machines, _NODES, "slurm")
        try:
            return _release_by_array(proof, cluster)
        finally:
            cluster.stop()


def _release_by_array(proof: Proof, cluster: SlurmCluster) -> str:
    names = {
        **_make_names(proof, proof.machines.address),
        "--array=1-16 --cpus-per-task=4": f"--array=1-{len(_NODES)} --cpus-per-task=2",
        "--slots 2": "--slots 1",
        "/scratch/builders": str(cluster.folder / "scratch"),
    }
    script = cluster.folder / "workers.sbatch"
    script.write_text(read_block(_PAGE, "sh", "#SBATCH", names), encoding="utf-8")
    cluster.call("sbatch", script.name)
    _wait_for_builds(cluster.folder, "slurm-*.out", "is connected to", len(_NODES))
    superproject = proof.small.copy("slurm")
    answer = proof.check(superproject, superproject.release_by(proof.machines))
    _check_done_by(superproject, "slurm-", len(_NODES))
    version = cluster.call("sinfo", "--version").strip()
    moved = _cancel_one(proof, cluster)
    cluster.call("scancel", "--name=builders")
    wait_for("the end of all jobs", lambda: not cluster.list_jobs())
    return f"{version}: {answer}; one cancelled in a build: {moved}"


def _cancel_one(proof: Proof, cluster: SlurmCluster) -> str:
    superproject = proof.small.copy("slurm-cancel")
    run = superproject.release_by(proof.machines)
    wait_for("a build by Slurm", lambda: cluster.is_running("sleep "))
    [first, *_] = cluster.list_jobs()
    cluster.call("scancel", first)
    answer = proof.check(superproject, run)
    moved = [line for line in superproject.list_done() if "begun before on slurm-" in line]
    expect(moved, "nothing that the cancelled worker had begun was done by the other one")
    return answer


def jobqueue(proof: Proof) -> str:
    """Scheduler and jobs are started by dask-jobqueue."""
    require_programs(*PROGRAMS)
    if importlib.util.find_spec("dask_jobqueue") is None:
        raise NotTriedError("dask-jobqueue is not installed")
    from dask_jobqueue import __version__

    head = proof.machines.network.addresses[HEAD]
    address = f"tls://{head}:{_JOBQUEUE_PORT}"
    cluster = SlurmCluster(proof.machines, _NODES, "slurm-jobqueue")
    try:
        names = {
            **{name: value for name, value in _make_names(proof, address).items() if "://" not in name},
            '"head.example.org", "port": 8786': f'"{head}", "port": {_JOBQUEUE_PORT}',
            "/scratch/builders": str(cluster.folder / "scratch"),
            "cores=4": "cores=2",
            "8GiB": "1GiB",
            "--slots 2": "--slots 1",
            "jobs=16": f"jobs={len(_NODES)}",
        }
        program = cluster.folder / "jobqueue.py"
        program.write_text(read_block(_PAGE, "python", "SLURMCluster", names), encoding="utf-8")
        started = proof.machines.start(
            "jobqueue", ["env", f"SLURM_CONF={cluster.config}", sys.executable, str(program)]
        )
        started.wait_for(address)
        superproject = proof.small.copy("jobqueue")
        run = superproject.release_by(proof.machines, scheduler=address)
        answer = proof.check(superproject, run)
        _check_done_by(superproject, "SLURMCluster-", len(_NODES))
        started.process.terminate()
        expect(started.finish() == 0, f"its end: {started.read()[-500:]}")
        wait_for("the end of all jobs", lambda: not cluster.list_jobs())
        return f"dask-jobqueue {__version__}: {answer}"
    finally:
        cluster.stop()


def ssh(proof: Proof) -> str:
    """Workers are started over ssh, and end by themselves when their scheduler has ended."""
    require_programs(_SSHD, "ssh", "ssh-keygen")
    machines = proof.machines
    folder = machines.folder / "ssh"
    folder.mkdir()
    for name in ("host", "user"):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(make, stdin=subprocess.DEVNULL, check=True)
    config = folder / "sshd_config"
    lines = [f"HostKey {folder / 'host'}", f"AuthorizedKeysFile {folder / 'user.pub'}", "StrictModes no"]
    lines += ["PidFile none", "UsePAM no", "PasswordAuthentication no", "PermitRootLogin prohibit-password"]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    client = folder / "ssh_config"
    lines = [f"Host {name}\n  HostName {machines.network.addresses[name]}" for name in _NODES]
    lines += [f"Host *\n  User root\n  IdentityFile {folder / 'user'}\n  BatchMode yes"]
    lines += ["  StrictHostKeyChecking accept-new", f"  UserKnownHostsFile {folder / 'known'}"]
    client.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.makedirs("/run/sshd", exist_ok=True)
    with _stop_other_workers(proof):
        servers = [
            machines.start(f"sshd-{name}", [_SSHD, "-D", "-e", "-f", str(config)], name) for name in _NODES
        ]
        try:
            for server in servers:
                server.wait_for("Server listening")
            return _release_by_ssh(proof, folder, client)
        finally:
            for server in servers:
                server.stop()


def _release_by_ssh(proof: Proof, folder: Path, client: Path) -> str:
    names = {
        **_make_names(proof, proof.machines.address),
        "build1 build2": " ".join(_NODES),
        "--slots 8": f"--slots 1 --reconnect 2 --workspace {folder}/ws-$(uname -n)-$$",
        ">worker.log": f">{folder}/worker-$$.log",
        "ssh ": f"ssh -F {shlex.quote(str(client))} ",
    }
    script = folder / "start.sh"
    script.write_text(read_block(_PAGE, "sh", "nohup", names), encoding="utf-8")
    started = proof.machines.start("ssh", ["sh", "-e", str(script)])
    expect(started.finish() == 0, f"ssh: {started.read()[-500:]}")
    _wait_for_builds(folder, "worker-*.log", "is connected to", len(_NODES))
    superproject = proof.small.copy("ssh")
    answer = proof.check(superproject, superproject.release_by(proof.machines))
    _check_done_by(superproject, "", len(_NODES))
    assert proof.machines.scheduler is not None
    proof.machines.scheduler.stop()
    _wait_for_builds(folder, "worker-*.log", "the connection to the scheduler", len(_NODES))
    left = [
        pid
        for pid, command in list_descendants(1).items()
        if str(folder) in command and "altai_build" in command
    ]
    wait_for("the end of the workers", lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))
    proof.machines.start_scheduler()
    version = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr.split(",")[0]
    return f"{version}: {answer}; the workers ended after their scheduler"
