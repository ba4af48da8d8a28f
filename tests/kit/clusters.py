"""A Dask cluster on the loopback interface: a scheduler and workers, processes of their own, for runs of tests."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from altai_build.model.cluster import TlsFiles
from altai_build.tools.dask.messages import FileReference
from tests.kit.cli import ROOT

_LIMIT = 60.0  # seconds

# Prints its address, and works until its standard input ends: it cannot outlive the test.
_SCHEDULER = """\
import asyncio, sys, dask
from distributed import Scheduler, Security
async def main(arguments):
    tls = dict(zip(("tls_ca_file", "tls_scheduler_cert", "tls_scheduler_key"), arguments))
    security = Security(**tls, require_encryption=True) if tls else Security(require_encryption=False)
    dask.config.set({"distributed.scheduler.http.routes": []})
    protocol = "tls://" if tls else "tcp://"
    async with Scheduler(host="127.0.0.1", port=0, protocol=protocol, dashboard=False, security=security) as scheduler:
        print(scheduler.address, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(main(sys.argv[1:]))
"""
# The command line with the builder of tests in the registry; it ends with its parent.
_WORKER = """\
import sys, threading, os, signal
threading.Thread(target=lambda: (sys.stdin.read(), os.kill(os.getpid(), signal.SIGTERM)), daemon=True).start()
from altai_build.pipeline.build.builders import BUILDERS
BUILDERS["host"] = "tests.kit.builders:HostBuilder"
from altai_build.cli.main import main
main()
"""


@dataclass
class Cluster:
    """A scheduler; its workers are started in folders below `folder`."""

    folder: Path
    tls: TlsFiles | None = None
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    address: str = ""

    def __enter__(self) -> Cluster:
        scheduler = self._start("scheduler", ["-c", _SCHEDULER, *self._tls_files()])
        assert scheduler.stdout is not None
        self.address = scheduler.stdout.readline().strip()
        assert self.address, (self.folder / "scheduler.log").read_text()
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes):
            self.stop(process)

    def start_worker(self, name: str, *words: str, slots: int = 1) -> subprocess.Popen[str]:
        """A worker; returns when it has said what it offers. `wait_for_log` waits until it is connected."""
        options = ["--scheduler", self.address, "--slots", str(slots), "--name", name]
        pairs = zip(("--tls-ca", "--tls-cert", "--tls-key"), self._tls_files())
        options += [word for pair in pairs for word in pair]
        command = [
            "worker",
            "--workspace",
            str(self.folder / name),
            "--builder",
            "host",
            *options,
            *words,
            "--json",
        ]
        worker = self._start(name, ["-c", _WORKER, *command])
        assert worker.stdout is not None
        line = worker.stdout.readline()
        assert line, self.read_log(name)
        return worker

    def read_log(self, name: str) -> str:
        """What a process of the cluster has printed on stderr."""
        return (self.folder / f"{name}.log").read_text()

    def wait_for_log(self, name: str, text: str) -> None:
        """Wait until a process has printed this."""
        deadline = time.monotonic() + _LIMIT
        while text not in self.read_log(name):
            assert time.monotonic() < deadline, self.read_log(name)
            time.sleep(0.05)

    def stop(self, process: subprocess.Popen[str]) -> None:
        """End a process by the end of its input."""
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_LIMIT)
        finally:
            process.kill()
            if process.stdout is not None:
                process.stdout.close()

    def _tls_files(self) -> list[str]:
        return [] if self.tls is None else [str(self.tls.ca), str(self.tls.cert), str(self.tls.key)]

    def _start(self, name: str, arguments: Sequence[str]) -> subprocess.Popen[str]:
        self.folder.mkdir(exist_ok=True)
        with open(self.folder / f"{name}.log", "w") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.processes.append(process)
        return process


def refer(data: bytes, name: str = "f.rpm") -> FileReference:
    """How messages name a file with this content."""
    return FileReference(name=name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
