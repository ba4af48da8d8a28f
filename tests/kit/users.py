"""Runs programs as a user that this machine does not have, with or without subordinate ids; needs root.

The user is in copies of /etc/passwd and the like, which a private mount namespace shows in their places.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.cli import PROGRAM, ROOT, CliResult, check_form, strip_times

UID = 54321
FIRST, COUNT = 3_000_000, 65536
_IN_NAMESPACE = """
cd "$1"
mount --bind "$2" checkout
for name in passwd group subuid subgid; do
    [ -e "/etc/$name" ] || touch "/etc/$name"
    mount --bind "etc/$name" "/etc/$name"
done
if [ -n "$3" ]; then mount --bind "$3" shown; fi
shift 3
exec setpriv --reuid="$UID_OF_TEST" --regid="$UID_OF_TEST" --clear-groups env --unset=UID_OF_TEST "$@"
"""


@dataclass(frozen=True)
class User:
    """A user with a home. Its programs see a folder of the tests, which root owns, at `shown`."""

    folder: Path
    source: Path | None

    @property
    def home(self) -> Path:
        """The user's own folder."""
        return self.folder / "home"

    @property
    def shown(self) -> Path:
        """Where the user sees the folder of the tests."""
        return self.folder / "shown"

    def run(self, *argv: str | Path, start: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run a program in the user's home; `start` is a prefix that root runs."""
        prefix = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "--",
            *start,
            "sh",
            "-euc",
            _IN_NAMESPACE,
            "sh",
        ]
        source = str(self.source) if self.source else ""
        inside = ["env", "--chdir", str(self.home), *map(str, argv)]
        return subprocess.run(
            [*prefix, str(self.folder), str(ROOT), source, *inside],
            env={
                **{name: value for name, value in os.environ.items() if name not in ("CI", "TMPDIR")},
                "HOME": str(self.home),
                "USER": "tester",
                "LOGNAME": "tester",
                "PYTHONPATH": str(self.folder / "checkout"),
                "UID_OF_TEST": str(UID),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def python(
        self, program: str, *words: str, start: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a Python program with this checkout's package."""
        return self.run(sys.executable, "-c", program, *words, start=start)

    def altai_build(self, *words: str | Path, start: tuple[str, ...] = ()) -> CliResult:
        """Run altai-build."""
        done = self.run(sys.executable, *PROGRAM, *words, start=start)
        answer = CliResult(done.returncode, done.stdout, strip_times(done.stderr))
        assert answer.code != 70 and "Traceback" not in answer.err, f"a bug came to light: {answer.err}"
        check_form(words, answer)
        return answer


@contextmanager
def other_user(*, ids: bool, source: Path | None = None) -> Iterator[User]:
    """A user with subordinate `ids` or none."""
    folder = Path(tempfile.mkdtemp(prefix="altai-user."))
    try:
        folder.chmod(0o755)
        for name in ("etc", "home", "checkout", "shown"):
            (folder / name).mkdir()
        etc = folder / "etc"
        line = f"tester:x:{UID}:{UID}::{folder / 'home'}:/bin/sh\n"
        (etc / "passwd").write_text(Path("/etc/passwd").read_text() + line)
        (etc / "group").write_text(Path("/etc/group").read_text() + f"tester:x:{UID}:\n")
        for name in ("subuid", "subgid"):
            (etc / name).write_text(f"somebody:100000:65536\ntester:{FIRST}:{COUNT}\n" if ids else "")
        # The clones of the tests belong to root.
        (folder / "home" / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")
        for path in (folder / "home", folder / "home" / ".gitconfig"):
            os.chown(path, UID, UID)
        yield User(folder, source)
    finally:
        shutil.rmtree(folder)
