"""A Dask cluster whose programs are in network namespaces, with TLS, and superprojects that are released on it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from altai_build.model.cluster import TlsFiles
from tests.kit.cli import ROOT
from tests.kit.namespaces import HEAD, Network

_PORT = 8786
_LIMIT = 300.0  # seconds for anything that is waited for
PROGRAM = [sys.executable, "-m", "altai_build"]
_SCHEDULER = ["-m", "distributed.cli.dask_scheduler"]


def wait_for(what: str, is_there: Callable[[], bool]) -> None:
    """Wait until something is so. Raises TimeoutError."""
    deadline = time.monotonic() + _LIMIT
    while not is_there():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not seen in {_LIMIT:g} seconds: {what}")
        time.sleep(0.05)


def find_processes(words: str) -> list[int]:
    """The processes of this machine, of whatever parent, whose command line begins so."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (
                (folder / "cmdline")
                .read_bytes()
                .replace(b"\0", b" ")
                .decode(errors="replace")
                .startswith(words)
            ):
                found.append(int(folder.name))
    return found


def list_descendants(pid: int) -> dict[int, str]:
    """The processes below one: process id → its command line."""
    parents, commands = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            commands[int(folder.name)] = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
    found, fringe = {}, {pid}
    while fringe:
        fringe = {child for child, parent in parents.items() if parent in fringe}
        found.update({child: commands.get(child, "") for child in fringe})
    return found


@dataclass
class Program:
    """A program of the cluster, or a run; what it prints is in `log`."""

    process: subprocess.Popen[bytes]
    log: Path

    def read(self) -> str:
        """What it has printed until now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str) -> None:
        """Wait until it has printed this. Raises TimeoutError."""
        wait_for(
            f"{text!r} in {self.log.name}: {self.read()[-500:]}", lambda: text in self.read() or self.ended
        )
        if text not in self.read():
            raise TimeoutError(f"{self.log.name} ended without {text!r}: {self.read()[-500:]}")

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def finish(self) -> int:
        """Its exit status, when it has ended. Raises TimeoutExpired."""
        return self.process.wait(_LIMIT)

    def kill(self) -> None:
        """As kill -9 does, it alone; what it started ends by itself or not."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ask it to end; after ten seconds it has to, and whatever is left of its children."""
        if self.ended:
            return
        self.process.terminate()
        deadline = time.monotonic() + 10
        # It is not waited for, so that the number of its group is nobody else's.
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        while os.waitid(os.P_PID, self.process.pid, options) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Machines:
    """Scheduler and runs are at the head; each worker is in a namespace of its own."""

    folder: Path
    network: Network
    tls: TlsFiles
    stack: ExitStack
    workers: dict[str, Program] = field(default_factory=dict)
    python: str = sys.executable  # of scheduler and workers
    scheduler: Program | None = None
    run: Program | None = None

    @property
    def address(self) -> str:
        """That of the scheduler."""
        return f"tls://{self.network.addresses[HEAD]}:{_PORT}"

    def start(
        self, name: str, words: list[str], where: str = HEAD, environment: Mapping[str, str] | None = None
    ) -> Program:
        """Start a program in a namespace; `environment` are variables besides those that are here."""
        log = self.folder / f"{name}.log"
        with open(log, "wb") as stream:
            process = subprocess.Popen(
                [*self.network.enter(where), *words],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        program = Program(process, log)
        self.stack.callback(program.stop)
        return program

    def start_scheduler(self, environment: Mapping[str, str] | None = None) -> None:
        """A new one, which knows of no worker; returns when it listens."""
        words = [
            "--protocol",
            "tls",
            "--host",
            self.network.addresses[HEAD],
            "--port",
            str(_PORT),
            "--no-dashboard",
            "--dashboard-address",
            "127.0.0.1:0",
        ]
        files = ["--tls-ca-file", self.tls.ca, "--tls-cert", self.tls.cert, "--tls-key", self.tls.key]
        self.scheduler = self.start(
            "scheduler", [self.python, *_SCHEDULER, *words, *map(str, files)], HEAD, environment
        )
        self.scheduler.wait_for("Scheduler at:")

    def start_worker(
        self,
        name: str,
        workspace: Path | None = None,
        program: Sequence[str] = PROGRAM[1:],
        builder: str = "chroot",
    ) -> Program:
        """A worker with one slot, perhaps by another program of Python's; returns when it is connected."""
        options = ["--workspace", workspace or self.folder / "workers" / name, "--builder", builder]
        options += ["--scheduler", self.address, "--name", name, "--slots", "1"]
        options += ["--tls-ca", self.tls.ca, "--tls-cert", self.tls.cert, "--tls-key", self.tls.key]
        self.workers[name] = self.start(name, [self.python, *program, "worker", *map(str, options)], name)
        self.workers[name].wait_for("is connected to")
        return self.workers[name]

    def count_connections(self, name: str) -> int:
        """How often a worker has connected to a scheduler since it was started."""
        return self.workers[name].read().count(f"worker {name} is connected to")

    def wait_for_connections(self, name: str, number: int) -> None:
        """Wait until a worker has connected that often. Raises TimeoutError."""
        worker = self.workers[name]
        wait_for(
            f"connection {number} of {name}",
            lambda: self.count_connections(name) >= number or worker.ended,
        )
        if worker.ended:
            raise TimeoutError(f"{name} ended: {worker.read()[-500:]}")

    def start_run(self, name: str, words: list[str], environment: Mapping[str, str] | None = None) -> Program:
        """Start a run; one that is left of a failed case is stopped before."""
        if self.run is not None:
            self.run.stop()
        self.run = self.start(f"run-{name}", words, HEAD, environment)
        return self.run

    def wait_until_building(self, name: str) -> None:
        """Wait until a worker is in the middle of a build of `make_slow_superproject`. Raises TimeoutError."""
        pid = self.workers[name].process.pid
        wait_for(
            f"a build on {name}",
            lambda: any(command.startswith("sleep ") for command in list_descendants(pid).values()),
        )


@dataclass(frozen=True)
class Package:
    """What makes a package the same as another one; its signature does not."""

    name: str
    build_key: str
    header: str
    payload: str


class Superproject:
    """A superproject with a signing key, in a folder beside its components."""

    def __init__(self, path: Path, builder: str = "chroot") -> None:
        self.path = path
        self.builder = builder

    def copy(self, name: str) -> Superproject:
        """The same, beside it; what was built in one is not known in the other."""
        target = self.path.with_name(name)
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self.path), str(target)], stdin=subprocess.DEVNULL, check=True)
        return Superproject(target, self.builder)

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run altai-build there, on this machine alone."""
        return subprocess.run(
            [*PROGRAM, "-C", str(self.path), "--builder", self.builder, *words],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def prepare(self, key: str, machines: Machines) -> None:
        """Name the cluster, make the signing key, lock third-party packages. Raises RuntimeError."""
        security = {name: str(getattr(machines.tls, name)) for name in ("ca", "cert", "key")}
        with open(self.path / "repos.yaml", "a", encoding="utf-8") as definition:
            settings = {"dask": {"scheduler": machines.address, "security": security}}
            definition.write(f"\n{yaml.safe_dump(settings)}")
        self.require("keys", "init", key, "--no-passphrase")
        if (self.path / "specs").exists():
            self.require("deps", "lock")
        author = ["-c", "user.name=Proof", "-c", "user.email=proof@example.org"]
        for words in (["add", "--all", "."], [*author, "commit", "--quiet", "--message=key"]):
            subprocess.run(["git", "-C", str(self.path), *words], stdin=subprocess.DEVNULL, check=True)

    def require(self, *words: str) -> None:
        """Run altai-build there. Raises RuntimeError when it fails."""
        result = self.call(*words)
        if result.returncode:
            raise RuntimeError(
                f"altai-build {' '.join(words)}: exit {result.returncode}\n{result.stderr[-2000:]}"
            )

    def release_by(self, machines: Machines, version: str = "1.0.1", *, scheduler: str = "") -> Program:
        """Start a release by the workers of a cluster; `scheduler` is another one than that of `machines`."""
        words = ["--scheduler", scheduler] if scheduler else []
        return machines.start_run(self.path.name, [*self.by_workers, *words, "release", version])

    def build_by(self, machines: Machines) -> Program:
        """Start builds of all components by the workers of a cluster."""
        return machines.start_run(self.path.name, [*self.by_workers, "build"])

    @property
    def by_workers(self) -> list[str]:
        """The command of a run by workers, without what it is to do."""
        return [*PROGRAM, "-C", str(self.path), "--builder", self.builder, "--executor", "dask"]

    def is_published(self, version: str = "1.0.1") -> bool:
        """Whether anything of a release can be seen."""
        return (self.path / "releases" / version).exists()

    def list_done(self) -> list[str]:
        """What the logs of runs say of builds that workers have done."""
        logs = sorted((self.path / ".altai-build" / "logs").glob("run-*.log"))
        lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
        return [line for line in lines if "(build) was done on" in line]

    def list_packages(self, version: str = "1.0.1") -> list[Package]:
        """The packages of a release, which `verify` accepts. Raises RuntimeError."""
        self.require("verify", version)
        folder = self.path / "releases" / version
        manifest: dict[str, Any] = json.loads((folder / "release.json").read_text(encoding="utf-8"))
        return sorted((_read_package(folder, row) for row in manifest["packages"]), key=lambda one: one.name)


def _read_package(folder: Path, row: dict[str, Any]) -> Package:
    path = folder / row["repository"] / row["file"]
    query = ["rpm", "-qp", "--nosignature", "--qf", "%{SHA256HEADER} %{PAYLOADDIGEST}", str(path)]
    header, payload = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()
    return Package(row["file"], row["origin"].get("build_key", ""), header, payload)
