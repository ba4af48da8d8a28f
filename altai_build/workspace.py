"""The workspace: one directory with one lock. Only signing keys and packages that upstream removed cannot be remade."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError, WorkspaceLockedError
from altai_build.regular_files import read_regular_file
from altai_build.tools.files import file_lock, make_directory, remove_tree, write_atomically
from altai_build.tools.leftovers import list_abandoned

# The debug logs of runs, among the logs of failed builds, which are folders.
RUN_LOG_PATTERN = "run-*.log"

# Before the name of what is being removed.
GONE_PREFIX = ".gone."

# Where temporary files and directories are besides tmp/, and their names there. The root may be a folder of the user's
# with other files in it.
_TEMPORARY_PLACES = (
    "git", "srpms", "builds", "logs", "roots", "roots/*", "signed/*", "packages", "packages/*", "cache/*", "cache/*/*",
    "coverage/*", "test-records/*",
)  # fmt: skip
_TEMPORARY_NAMES = (
    ".*.new",
    f"{GONE_PREFIX}*",
    *(f".{name}.*" for name in ("new", "signing", "packages", "probe", "look", "fetch")),
)
_REWRITTEN_FILES = (".gitignore", "lock.holder", "ledger.jsonl", "outcomes.json", "needs.json", "flaky.json")


@dataclass(frozen=True)
class Workspace:
    """The directories of a workspace, by what they hold."""

    root: Path

    @property
    def git(self) -> Path:
        """Git repositories that borrow objects of the user's clones, and mirrors of component remotes."""
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
        """Locked third-party packages, verified, by their SHA-256: upstream may remove them."""
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
        """What was read from specs."""
        return self.cache / "specs"

    @property
    def pins(self) -> Path:
        """What was read in pinned commits."""
        return self.cache / "pins" / "known.json"

    @property
    def known_srpms(self) -> Path:
        """Which source packages pinned commits gave."""
        return self.cache / "pins" / "srpms.json"

    @property
    def known_builds(self) -> Path:
        """Which builds were found by which questions."""
        return self.cache / "builds" / "known.json"

    @property
    def document_parts(self) -> Path:
        """What bills of materials of earlier releases say of packages."""
        return self.cache / "sbom" / "parts.json"

    @property
    def known_packages(self) -> Path:
        """What published releases call by each NEVRA, by the digests of their metadata."""
        return self.cache / "verified" / "packages.known"

    @property
    def mock_configs(self) -> Path:
        """Evaluated mock configurations."""
        return self.cache / "mock-configs"

    @property
    def made_archives(self) -> Path:
        """The digests of the archives of CI caches that were made here, or from which something here was made."""
        return self.cache / "archives"

    @property
    def unsigned_import(self) -> Path:
        """A file that is there once builds were taken that nobody had signed."""
        return self.root / "unsigned-import"

    @property
    def gnupg(self) -> Path:
        """The keyring with the private keys, which cannot be made again."""
        return self.root / "gnupg"

    @property
    def scratch(self) -> Path:
        """Temporary files; empty between runs."""
        return self.root / "tmp"

    @property
    def ledger(self) -> Path:
        """Finished work: which inputs gave which artefacts."""
        return self.root / "ledger.jsonl"

    @property
    def outcomes(self) -> Path:
        """What became of each component in the last run that built it."""
        return self.root / "outcomes.json"

    @property
    def revealed_needs(self) -> Path:
        """Needs of components that their specs do not declare and earlier builds revealed."""
        return self.root / "needs.json"

    @property
    def flaky_tests(self) -> Path:
        """Unit tests that failed and passed when they were run again, and how often."""
        return self.root / "flaky.json"

    def failed_build_logs(self, component: str) -> Path:
        """The directory for the logs of a component's failed build; no two components share one."""
        return self.logs / _quote_component(component)

    def coverage_of(self, component: str) -> Path:
        """The directory with the coverage of a component, by commit; no two components share one."""
        return self.root / "coverage" / _quote_component(component)

    def test_records_of(self, component: str) -> Path:
        """The directory with what each test of a component ran, by commit; no two components share one."""
        return self.root / "test-records" / _quote_component(component)

    def list_leftovers(self) -> Iterator[Path]:
        """Temporary files and directories of processes that were killed, and what they had half removed.

        The caller holds the workspace and has not begun to work in it.
        """
        yield from list_abandoned(self.scratch, "*")
        yield from list_abandoned(self.root, *(f".{name}.new" for name in _REWRITTEN_FILES))
        for place in _TEMPORARY_PLACES:
            for folder in sorted(self.root.glob(place)):
                yield from list_abandoned(folder, *_TEMPORARY_NAMES)

    def remove_leftovers(self) -> None:
        """Remove these; those of a verb that does not take the lock are its own as long as it runs."""
        for path in self.list_leftovers():
            if path.name.startswith(GONE_PREFIX):
                remove_tree(path.with_name(path.name[len(GONE_PREFIX) :]))
            remove_tree(path)

    def is_writable(self) -> bool:
        """True when this user can write to it, or can create it."""
        for folder in (self.root, self.scratch, self.cache, self.cache / "metadata", self.cache / "solv"):
            place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
            if not os.access(place, os.W_OK | os.X_OK):
                return False
        return True

    def require_own_buildroots(self) -> None:
        """Raise InputError where another user made the buildroots: their files have ids of that user's."""
        for folder in (self.root, self.buildroots):
            try:
                owner = folder.stat().st_uid
            except FileNotFoundError:
                continue
            is_own = owner == os.geteuid()
            if is_own or (folder == self.root and self.is_writable()):
                continue
            raise InputError(
                f"the workspace {self.root} belongs to another user ({_describe_owner(owner)})",
                why=f"{folder} is not this user's, so that buildroots can neither be used nor made there",
                todo="run as that user, or name another directory with --workspace DIR",
            )

    def prepare(self) -> None:
        """Create the directory, and have git ignore it where it is in a work tree."""
        make_directory(self.root, mode=0o755)
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            write_atomically(ignore, b"*\n")

    @contextmanager
    def lock(self, *, wait: float = 0.0, announce: Callable[[str], None] | None = None) -> Iterator[None]:
        """Hold the workspace's lock for the block, waiting for it up to `wait` seconds; `announce` is told for whom.

        The kernel drops the lock when its holder ends, so a killed run leaves none behind. Raises WorkspaceLockedError
        naming the holder.
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
                    write_atomically(self.root / "lock.holder", json.dumps(holder).encode(), durable=False)
                    yield
                    return
            if time.monotonic() >= deadline:
                raise WorkspaceLockedError(
                    f"another run holds the lock of the workspace {self.root}",
                    why=self._read_lock_holder(),
                    todo="wait for it with --wait SECONDS, or give this run its own --workspace",
                )
            if announce is not None:
                announce(
                    f"waiting up to {wait:g} s for another run, which holds the lock of the workspace: "
                    f"{self._read_lock_holder()}"
                )
                announce = None
            time.sleep(0.2)

    def _read_lock_holder(self) -> str:
        try:
            holder = json.loads(read_regular_file(self.root / "lock.holder"))
            process = f"process {holder['pid']} of {holder['user']} on {holder['host']}"
            return f"{process}, since {holder['since']}: {holder['command']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "which process that is cannot be read from lock.holder"


def _quote_component(component: str) -> str:
    """The name of a component as that of a folder."""
    # Loaded here: quick verbs do not need it.
    from urllib.parse import quote

    name = quote(component, safe="")
    return f"%2E{name[1:]}" if name.startswith(".") else name


def default_workspace(root: Path) -> Path:
    """`.altai-build` beside repos.yaml; for a bare repository, where only git writes, a folder of the user's cache."""
    if (root / "objects").is_dir() and (root / "HEAD").is_file():
        return Path("~/.cache/altai-build").expanduser() / root.name
    return root / ".altai-build"


def _describe_owner(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _get_user_name() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
