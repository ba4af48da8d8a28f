"""A superproject and its releases on which faults are tried: always from the same state, in the same place."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pkgutil
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import altai_build
from altai_build.pipeline.build.builders import BUILDERS
from tests.kit.builders import HostBuilder, HostSite, noarch_component
from tests.kit.injection.inject import NO_FAULT, Event, Fault, run_with_fault
from tests.kit.keys import make_key
from tests.kit.repositories import Package, make_repository

_MORE = """\
superproject: {path: ., components: [repos], root: false}
"""
DIGEST = re.compile(r"[0-9A-Fa-f]{24,}")
_SECONDS = 300  # for one command, however busy the machine is
# What a run may leave behind besides its results: its logs and reports of bugs, which are findings of their own.
_LOGS = ("ws/logs/",)


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit code (negative: the signal), its output, processes that it left behind."""

    code: int
    output: str
    survivors: tuple[str, ...]
    event: Event | None = None  # that met the fault; None when it did not happen


class FaultSite:
    """`top`: the superproject, its clones, workspace, releases and temporary files; nothing else is touched."""

    def __init__(self, folder: Path) -> None:
        self.top = folder / "site"
        self._saved = folder / "saved"
        self._log = folder / "events.json"
        self._output = folder / "output"
        with pytest.MonkeyPatch.context() as patch:
            self._world = HostSite.create(self.top, patch, more=_MORE).world
        self.super = self._world.super.path
        self.releases = self.super / "releases"
        (self.top / "tmp").mkdir()
        self.require("keys", "init", "k", "--no-passphrase", "--algorithm", "ed25519")
        self._world.component("repos/floor", noarch_component("floor"))
        self._world.component("repos/roof", noarch_component("roof", "floor"))
        self._check_out()
        self.require("release", "1.0.0")
        self._world.component("repos/floor", {"README": "changed\n"})
        self._check_out()
        self.save()

    def _check_out(self) -> None:
        """Pin the newest commits, and clone them as `git submodule update` does."""
        names = [
            name
            for name in ("repos.yaml", "mock-configs/m.cfg", "k", "m.pub")
            if (self.super / name).exists()
        ]
        self._world.pin({name: (self.super / name).read_text() for name in names})
        self._world.super.git("reset", "--quiet", "--hard")
        for path, repo in self._world.components.items():
            shutil.rmtree(self.super / path, ignore_errors=True)
            shutil.copytree(repo.path, self.super / path)

    def add_mirror(self, *, locked: bool) -> None:
        """Have a component need a package of a mirror; with `locked`, `deps lock` has been called."""
        self.restore()
        key = make_key(self.top / "mirror", "m", algorithm="ed25519")
        make_repository(self.top / "mirror", [Package("third"), Package("party", requires=["third"])], key)
        make_repository(self.top / "os", [Package("system")], key)
        definition = (self.super / "repos.yaml").read_text()
        mirror = "deps: {source: mirror, target: t, url: '../mirror', key: m, packages: needed}"
        for old, new in (
            ("signs: true}}", "signs: true}, m: {file: m.pub}}"),
            ("{dist: .x}", "{dist: .x}, base: [{name: os, url: '../os', key: m}]"),
            ("key: k}}", f"key: k}}, {mirror}}}"),
            ("'../", f"'{self.top.as_uri()}/"),
        ):
            definition = definition.replace(old, new)
        (self.super / "repos.yaml").write_text(definition)
        shutil.copy(key.public, self.super / "m.pub")
        self._world.component("repos/roof", noarch_component("roof", "floor", tags=["Requires: party"]))
        self._check_out()
        if locked:
            self.require("deps", "lock")
            # All that is downloaded.
            for name in ("packages", "cache"):
                shutil.rmtree(self.top / "ws" / name, ignore_errors=True)
        self.save()

    def forget_key(self) -> None:
        """Begin before there is a signing key."""
        self.restore()
        shutil.rmtree(self.top / "ws/gnupg")
        (self.super / "k").unlink()
        self.save()

    def save(self) -> None:
        """Make the present state the one that every trial begins with."""
        subprocess.run(["rm", "-rf", str(self._saved)], check=True)
        subprocess.run(["cp", "-a", str(self.top), str(self._saved)], check=True)

    def restore(self) -> None:
        """Go back to the saved state."""
        subprocess.run(["rm", "-rf", str(self.top)], check=True)
        subprocess.run(["cp", "-a", str(self._saved), str(self.top)], check=True)

    def require(self, *words: str) -> Outcome:
        """A command that must succeed."""
        outcome = self.run(*words)
        assert outcome.code == 0, outcome.output
        return outcome

    def run(self, *words: str, fault: Fault = NO_FAULT, prepare: Callable[[], None] | None = None) -> Outcome:
        """One command in a process of its own, with a fault; `prepare` is called in it first."""
        self._log.unlink(missing_ok=True)
        pid = self._start(words, self._output, fault, prepare)
        status, survivors = _wait_for_all(pid)
        return Outcome(
            code=os.waitstatus_to_exitcode(status),
            output=self._output.read_text(errors="replace"),
            survivors=survivors,
            event=self._read_fault(),
        )

    def run_together(self, *commands: Sequence[str]) -> list[Outcome]:
        """Several commands at once."""
        outputs = [self._output.with_name(f"output-{number}") for number in range(len(commands))]
        pids = [self._start(words, output, NO_FAULT, None) for words, output in zip(commands, outputs)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        return [Outcome(code, output.read_text(errors="replace"), ()) for code, output in zip(codes, outputs)]

    def _start(
        self, words: Sequence[str], output: Path, fault: Fault, prepare: Callable[[], None] | None
    ) -> int:
        pid = os.fork()
        if pid == 0:
            self._become_altai_build(words, output, fault, prepare)
        return pid

    @contextmanager
    def full_disk(
        self, place: str, *, kilobytes: int | None = None, inodes: int | None = None
    ) -> Iterator[Callable[[], None]]:
        """A file system of its own for a folder, on which so much is free; what it yields makes it a large one."""
        folder = self.top / place
        folder.mkdir(exist_ok=True)
        _call("mount", "-t", "tmpfs", "-o", "mode=755,nr_inodes=100000", "altai-faults", str(folder))
        try:
            if (self._saved / place).is_dir():
                _call("cp", "-a", "--no-target-directory", str(self._saved / place), str(folder))
            status = os.statvfs(folder)
            used = (status.f_blocks - status.f_bfree) * status.f_frsize
            size = 1 << 30 if kilobytes is None else used + (kilobytes << 10)
            files = 100000 if inodes is None else status.f_files - status.f_ffree + inodes
            _call("mount", "-o", f"remount,size={max(size, 4096)},nr_inodes={files}", str(folder))
            yield lambda: _call("mount", "-o", "remount,size=1g,nr_inodes=100000", str(folder))
        finally:
            _call("umount", "--lazy", str(folder))

    def list_events(self, *words: str) -> list[Event]:
        """The events of a command that runs without a fault."""
        self.restore()
        self.require(*words)
        return [Event(**event) for event in json.loads(self._log.read_text())["events"]]

    def _read_fault(self) -> Event | None:
        try:
            fault = json.loads(self._log.read_text()).get("fault")
        except FileNotFoundError:
            return None
        return Event(**fault) if fault else None

    def _become_altai_build(
        self, words: Sequence[str], place: Path, fault: Fault, prepare: Callable[[], None] | None
    ) -> None:
        try:
            os.setsid()
            output = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for target, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, output), (2, output)):
                os.dup2(source, target)
            sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
            os.chdir(self.super)
            os.environ.update(TMPDIR=str(self.top / "tmp"), HOME=str(self.top / "tmp"))
            os.environ.pop("PYTEST_CURRENT_TEST", None)
            import tempfile

            tempfile.tempdir = None
            BUILDERS[HostBuilder.name] = "tests.kit.builders:HostBuilder"
            options = ["--workspace", str(self.top / "ws"), "--builder", HostBuilder.name, "-j2"]
            sys.argv = ["altai-build", *options, *words]
            from altai_build.cli.main import main

            if prepare is not None:
                prepare()
            run_with_fault(fault, main, top=self.top, log=self._log)
        except SystemExit as end:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else 1)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(99)

    def list_files(self) -> dict[str, str]:
        """What there is, without logs: path → kind."""
        found = {}
        for path in self.walk():
            name = str(path.relative_to(self.top))
            if not name.startswith(_LOGS):
                found[name] = "link" if path.is_symlink() else "folder" if path.is_dir() else "file"
        return found

    def walk(self) -> Iterator[Path]:
        """Everything below `top`."""
        for folder, folders, files in os.walk(self.top):
            for name in (*folders, *files):
                yield Path(folder, name)

    def read_published(self) -> dict[str, str]:
        """Version → digest of each published release, after its files were compared with its checksums."""
        found = {}
        for folder in sorted(self.releases.iterdir()):
            if folder.is_symlink() or folder.name.startswith(".") or not folder.is_dir():
                continue
            sums = (folder / "SHA256SUMS").read_text()
            for line in sums.splitlines():
                digest, _, name = line.partition("  ")
                assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, (folder, name)
            assert (folder / "SHA256SUMS.asc").is_file() and (folder / "release.json.asc").is_file()
            found[folder.name] = hashlib.sha256(sums.encode()).hexdigest()
        return found

    def read_manifest(self, version: str) -> Any:
        """What a release says, without what depends on when and in how many runs it was made."""
        text = (self.releases / version / "release.json").read_text()
        return _without(json.loads(DIGEST.sub("*", text)), {"size", "seconds", "started", "status", "reason"})


def _call(*argv: str) -> None:
    subprocess.run(argv, stdin=subprocess.DEVNULL, check=True)


def _without(tree: Any, names: set[str]) -> Any:
    if isinstance(tree, dict):
        return {key: _without(value, names) for key, value in tree.items() if key not in names}
    return [_without(value, names) for value in tree] if isinstance(tree, list) else tree


def load_everything() -> None:
    """Import all of altai-build, so that no process that this one forks has to: that is a quarter of its time."""
    for module in pkgutil.walk_packages(altai_build.__path__, f"{altai_build.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def adopt_orphans() -> None:
    """Make this process the parent of processes whose parent has ended (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)


def _wait_for_all(pid: int) -> tuple[int, tuple[str, ...]]:
    """Wait for a child, and then for all that it left; returns its status and what did not end within a while."""
    deadline = time.monotonic() + _SECONDS
    while (found := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            found = os.waitpid(pid, 0)
            break
        time.sleep(0.01)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.01)
        except ChildProcessError:
            return found[1], ()
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    names = tuple(Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ") for child in children)
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    return found[1], names
