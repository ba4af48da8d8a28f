"""Where a run keeps things: one directory, one lock; all but the signing keys and what upstream lost can be remade."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import WorkspaceLockedError
from altai_build.model.build import BUILD_SCRATCH_PREFIX
from altai_build.tools.files import file_lock, lock_descriptor, make_directory, remove_tree, write_atomically

# The debug logs of runs, among the logs of failed builds, which are folders.
RUN_LOG_PATTERN = "run-*.log"

# Seconds after which nothing is under way any more in what a verb without the lock has made.
UNLOCKED_SCRATCH_SECONDS = 3600.0


_presence_locks: dict[Path, int] = {}  # workspace → descriptor of its file `present`, never closed


@dataclass(frozen=True)
class Workspace:
    """The directories of a workspace, by what they hold."""

    root: Path

    @property
    def git(self) -> Path:
        """Private repositories that borrow objects, and mirrors of component remotes."""
        return self.root / "git"

    @property
    def srpms(self) -> Path:
        """Source packages by key."""
        return self.root / "srpms"

    @property
    def builds(self) -> Path:
        """Unsigned binary packages and their logs, by build key."""
        return self.root / "builds"

    @property
    def logs(self) -> Path:
        """A folder for each failed build with its logs, and a debug log of each run (RUN_LOG_PATTERN)."""
        return self.root / "logs"

    @property
    def signed(self) -> Path:
        """Signed packages by what they were made from."""
        return self.root / "signed"

    @property
    def packages(self) -> Path:
        """Third-party packages of locks, proved and kept by their SHA-256: upstream may stop having them."""
        return self.root / "packages"

    @property
    def buildroots(self) -> Path:
        """Buildroots: the base of each target, layers upon it, and those of mock."""
        return self.root / "roots"

    @property
    def cache(self) -> Path:
        """Downloaded metadata, packages and sources, each verified before use."""
        return self.root / "cache"

    @property
    def specs(self) -> Path:
        """What was read of specs."""
        return self.cache / "specs"

    @property
    def mock_configs(self) -> Path:
        """Evaluated mock configurations."""
        return self.cache / "mock-configs"

    @property
    def gnupg(self) -> Path:
        """The private key ring, which cannot be made again."""
        return self.root / "gnupg"

    @property
    def scratch(self) -> Path:
        """Work under way; empty between runs."""
        return self.root / "tmp"

    @property
    def ledger(self) -> Path:
        """Which inputs gave which artefacts."""
        return self.root / "ledger.jsonl"

    @property
    def outcomes(self) -> Path:
        """What the last run made of each component."""
        return self.root / "outcomes.json"

    def failed_build_logs(self, component: str) -> Path:
        """The directory for the logs of a component's failed build; no two components share one."""
        from urllib.parse import quote  # quick verbs keep no logs

        name = quote(component, safe="")
        return self.logs / (f"%2E{name[1:]}" if name.startswith(".") else name)

    def list_leftovers(self) -> Iterator[Path]:
        """What is under way, or was when a run was killed. Only who holds the workspace makes what is hidden in
        builds/ and roots/; what is in tmp/ may be another verb's that needs no lock.
        """
        for folder in (self.builds, self.buildroots, self.buildroots / "base", self.buildroots / "layers"):
            yield from sorted(folder.glob(".*"))
        yield from sorted(self.scratch.glob("*"))

    def remove_leftovers(self) -> None:
        """Remove what killed runs left; the caller holds the workspace and has not begun to work in it."""
        present = _presence_locks.get(self.root)
        try:
            alone = present is not None and lock_descriptor(present, blocking=False)
            for place in self.list_leftovers():
                ours = (
                    alone or place.parent != self.scratch or place.name.startswith(f"{BUILD_SCRATCH_PREFIX}.")
                )
                if not ours and time.time() - place.lstat().st_mtime <= UNLOCKED_SCRATCH_SECONDS:
                    continue
                if place.is_dir() and not place.is_symlink():
                    remove_tree(place)
                else:
                    place.unlink()
        finally:
            if present is not None:
                lock_descriptor(present, shared=True)

    def prepare(self) -> None:
        """Make the directory, and keep it out of git where it lies in a work tree."""
        make_directory(self.root, mode=0o755)
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            write_atomically(ignore, b"*\n")
        self._announce_presence()

    def _announce_presence(self) -> None:
        """Let those who sweep know that somebody may be at work in tmp/, until this process ends, however it does."""
        if self.root in _presence_locks:
            return
        try:
            descriptor = os.open(self.root / "present", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:  # somebody else's workspace, where nothing can be made
            return
        lock_descriptor(descriptor, shared=True)
        _presence_locks[self.root] = descriptor

    @contextmanager
    def lock(self, *, wait: float = 0.0) -> Iterator[None]:
        """Hold the workspace alone for the block, waiting up to `wait` seconds.

        The kernel drops the lock with its holder, so a killed run leaves none behind. Raises Locked saying who has it.
        """
        self.prepare()
        path = self.root / "lock"
        deadline = time.monotonic() + wait
        while True:
            with file_lock(path, blocking=False) as held:
                if held:
                    holder = {
                        "pid": os.getpid(),
                        "user": _get_user_name(),
                        "host": os.uname().nodename,
                        "since": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
                        "command": " ".join(["altai-build", *sys.argv[1:]]),
                    }
                    write_atomically(self.root / "lock.holder", json.dumps(holder).encode())
                    yield
                    return
            if time.monotonic() >= deadline:
                raise WorkspaceLockedError(
                    f"another run holds the workspace {self.root}",
                    why=self._read_lock_holder(),
                    todo="wait for it (--wait SECONDS does), or give this run its own --workspace",
                )
            time.sleep(0.2)

    def _read_lock_holder(self) -> str:
        try:
            who = json.loads((self.root / "lock.holder").read_text())
            return f"process {who['pid']} of {who['user']} on {who['host']}, since {who['since']}: {who['command']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "it has not said who it is"


def default_workspace(root: Path) -> Path:
    """`.altai-build` beside repos.yaml, and below the user's cache for a bare repository, which is git's alone."""
    if (root / "objects").is_dir() and (root / "HEAD").is_file():
        return Path("~/.cache/altai-build").expanduser() / root.name
    return root / ".altai-build"


def _get_user_name() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
