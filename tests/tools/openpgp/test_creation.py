"""A new key is there completely or not at all: kills at every step, several runs at once, and what is on disk."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from altai_build.errors import SigningError
from altai_build.model.openpgp import PublicKey
from altai_build.tools.openpgp import creation
from altai_build.tools.openpgp.creation import create_key, finish_creation, lock_creation
from altai_build.tools.openpgp.key_request import KeyRequest
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.keyring import open_keyring
from altai_build.tools.openpgp.signing import unlock
from altai_build.tools.progress import ProgressReporter

REQUEST = KeyRequest("Release Key", "release@example.org", algorithm="ed25519")


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it. What the blocks clean up, a kill would leave; both must be right."""


def make(home: Path, file: Path) -> PublicKey:
    """What `keys init` does."""
    with lock_creation(home, ProgressReporter(quiet=True)):
        return finish_creation(home) or create_key(home, file, REQUEST)


def check_made(home: Path, file: Path) -> None:
    """There is one key, complete, and it signs."""
    (public,) = read_public_keys(file)
    with open_keyring(home) as keyring:
        assert [key.fingerprint for key in keyring.list_secret_keys()] == [public.fingerprint]
        data = home.parent / "data"
        data.write_text("text\n")
        with unlock(keyring, public, file, lambda _key: "") as key:
            assert key.sign_detached(data).is_file()
    assert [path.name for path in (home / "openpgp-revocs.d").iterdir()] == [f"{public.fingerprint}.rev"]
    assert not list(home.glob("*new-key*"))


def test_a_key_is_made_with_its_revocation_certificate(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "public"
    made = make(home, file)
    assert made.uid == "Release Key <release@example.org>"
    check_made(home, file)
    assert {path.stat().st_mode & 0o777 for path in (home / "private-keys-v1.d").iterdir()} == {0o600}
    assert finish_creation(home) is None


STEPS = (
    "sync_tree",
    "sync_directory",
    "write_atomically",
    "remove_tree",
    "open_keyring",
    "_refuse_other_key",
)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_that_was_killed_at_any_step_leaves_one_key_or_none(
    tmp_path: Path, step: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run is killed one call later than the one before, until one comes to its end."""
    home, file = tmp_path / "home", tmp_path / "public"
    original: Callable[..., Any] = getattr(creation, step)
    calls, allowed = 0, 1

    def killing(*words: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == allowed and moment == "before":
            raise Killed
        result = original(*words, **options)
        if calls == allowed:
            raise Killed
        return result

    monkeypatch.setattr(creation, step, killing)
    while allowed < 20:
        calls = 0
        try:
            make(home, file)
            break
        except Killed:
            assert not file.exists() or len(read_public_keys(file)) == 1
        allowed += 1
    assert 1 < allowed < 20
    check_made(home, file)


def test_everything_is_on_disk_before_the_public_key_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, file = tmp_path / "home", tmp_path / "public"
    synced: list[Path] = []
    original: Callable[[Path], None] = getattr(creation, "sync_tree")  # noqa: B009 (not exported)

    def record(path: Path) -> None:
        assert not file.exists()
        original(path)
        synced.append(path)

    monkeypatch.setattr(creation, "sync_tree", record)
    make(home, file)
    assert synced[-1] == home and synced[0].parent == home
    assert (home / "pubring.kbx").stat().st_size > 0


def test_a_public_key_file_of_another_key_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, file = tmp_path / "home", tmp_path / "public"

    def kill(_path: Path) -> None:
        raise Killed

    monkeypatch.setattr(creation, "sync_directory", kill)
    with pytest.raises(Killed):
        make(home, file)
    monkeypatch.undo()
    file.write_text("something else\n")
    with pytest.raises(SigningError, match="holds something else"):
        make(home, file)
    assert file.read_text() == "something else\n"
    file.unlink()
    make(home, file)
    check_made(home, file)


SEVERAL = """
import sys
from pathlib import Path
from altai_build.tools.openpgp.creation import create_key, finish_creation, lock_creation
from altai_build.tools.openpgp.keyring import KeyRequest
from altai_build.tools.progress import ProgressReporter
home, file = Path(sys.argv[1]), Path(sys.argv[2])
with lock_creation(home, ProgressReporter(quiet=False)):
    if finish_creation(home) is None and not file.exists():
        create_key(home, file, KeyRequest("A", "a@b.c", algorithm="ed25519"))
"""


def test_of_several_runs_at_once_one_makes_a_key_and_the_others_say_that_they_wait(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "public"
    command = [sys.executable, "-c", SEVERAL, str(home), str(file)]
    runs = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    told = [run.communicate()[1] for run in runs]
    assert [run.returncode for run in runs] == [0] * 4, told
    check_made(home, file)
    assert any(f"waiting for another `keys init` in {home}" in text for text in told)


@pytest.mark.parametrize("delays", [(0.05, 0.15, 0.25), (0.1, 0.2, 0.3)])
def test_runs_that_get_sigkill_leave_one_key_or_none(tmp_path: Path, delays: tuple[float, ...]) -> None:
    home, file = tmp_path / "home", tmp_path / "public"
    command = [sys.executable, "-c", SEVERAL, str(home), str(file)]
    for delay in delays:
        run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        run.kill()
        run.wait()
    if not file.exists():
        make(home, file)
    with lock_creation(home, ProgressReporter(quiet=True)):
        finish_creation(home)
    check_made(home, file)
