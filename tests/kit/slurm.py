"""A Slurm cluster of Debian's packages: the controller at the head of a network, a node in each namespace of a machine.

Its daemons run as root, with a key and folders of their own, and a node's jobs end with it.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path

from tests.kit.namespaces import HEAD
from tests.kit.worker_machines import Machines, Program, list_descendants, wait_for

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo", "unshare")
_PORT = 6817
_NODE_CPUS = 2
_NODE_MEMORY = 2048  # MiB
# Daemons must have the host name that slurm.conf says; jobs must not outlive a node.
_ALONE = ("unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
_NAMED = ("sh", "-c", 'hostname "$0" && exec "$@"')


class SlurmCluster:
    """Nodes with the names of machines; `call` runs Slurm's commands at the head."""

    def __init__(self, machines: Machines, nodes: list[str], name: str) -> None:
        """Starts the daemons; returns when all nodes take jobs. Raises TimeoutError, CalledProcessError."""
        self.machines = machines
        self.folder = machines.folder / name
        # The folders of munged's socket and key must be writable by nobody else.
        self.folder.mkdir(mode=0o755)
        self.socket = self.folder / "munge.socket"
        self.config = self.folder / "slurm.conf"
        self.config.write_text(self._configure(nodes), encoding="utf-8")
        self._daemons = [self._start_munged()]
        words = ["slurmctld", "-D", "-f", str(self.config)]
        self._daemons.append(machines.start("slurmctld", [*_ALONE, *_NAMED, HEAD, *words]))
        for node in nodes:
            words = ["slurmd", "-D", "-N", node, "-f", str(self.config)]
            self._daemons.append(machines.start(f"slurmd-{node}", [*_ALONE, *_NAMED, node, *words], node))
        wait_for("idle nodes of Slurm", lambda: self._list_states() == dict.fromkeys(nodes, "idle"))

    def call(self, *words: str) -> str:
        """What a command of Slurm's prints. Raises CalledProcessError."""
        result = subprocess.run(
            [*self.machines.network.enter(HEAD), *words],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        return result.stdout

    @property
    def environment(self) -> dict[str, str]:
        """Variables for Slurm's commands; jobs get them too."""
        return {**os.environ, "SLURM_CONF": str(self.config)}

    def list_jobs(self) -> list[str]:
        """The number of each job, as `1_2` of an array."""
        return self.call("squeue", "--noheader", "--array", "--format=%i").split()

    def is_running(self, words: str) -> bool:
        """Whether a job runs a command that begins so."""
        processes = [list_descendants(daemon.process.pid) for daemon in self._daemons]
        return any(command.startswith(words) for found in processes for command in found.values())

    def stop(self) -> None:
        """End jobs and daemons."""
        for daemon in reversed(self._daemons):
            daemon.stop()

    def _list_states(self) -> dict[str, str]:
        try:
            rows = self.call("sinfo", "--noheader", "--Node", "--format=%N %T").split()
        except subprocess.CalledProcessError:
            return {}  # the controller does not answer yet
        return dict(zip(rows[::2], rows[1::2]))

    def _start_munged(self) -> Program:
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        words = ["munged", "--foreground", f"--socket={self.socket}", f"--key-file={key}"]
        words += [f"--{name}-file={self.folder / f'munged.{name}'}" for name in ("pid", "seed", "log")]
        program = self.machines.start("munged", words)
        wait_for("munged's socket", lambda: self.socket.exists() or program.ended)
        return program

    def _configure(self, nodes: list[str]) -> str:
        def make(name: str) -> Path:
            folder = self.folder / name
            folder.mkdir()
            return folder

        network = self.machines.network
        lines = [
            "ClusterName=proof",
            f"SlurmctldHost={HEAD}({network.addresses[HEAD]})",
            f"SlurmctldPort={_PORT}",
            f"SlurmdPort={_PORT + 1}",
            "SlurmUser=root",
            "AuthType=auth/munge",
            f"AuthInfo=socket={self.socket}",
            "CredType=cred/munge",
            f"StateSaveLocation={make('state')}",
            f"SlurmdSpoolDir={self.folder}/spool-%n",
            f"SlurmctldPidFile={self.folder}/slurmctld.pid",
            f"SlurmdPidFile={self.folder}/slurmd-%n.pid",
            "ProctrackType=proctrack/linuxproc",
            "TaskPlugin=task/none",
            "MpiDefault=none",
            "SelectType=select/cons_tres",
            "SelectTypeParameters=CR_CPU",
            "SchedulerParameters=sched_interval=1",
            "ReturnToService=2",
            f"NodeName=DEFAULT CPUs={_NODE_CPUS} RealMemory={_NODE_MEMORY} State=UNKNOWN",
            *(f"NodeName={name} NodeAddr={network.addresses[name]}" for name in nodes),
            f"PartitionName=proof Nodes={','.join(nodes)} Default=YES MaxTime=INFINITE State=UP",
        ]
        return "\n".join(lines) + "\n"
