"""gpg sessions: no agent outlives its block, its process, or another session."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from altai_build.tools.openpgp.keyring import open_keyring
from altai_build.tools.openpgp.signing import unlock
from altai_build.tools.openpgp.verify import verify_detached
from tests.kit.keys import ThrowawayKey, import_secret_key

ROOT = Path(__file__).resolve().parents[3]


def agents_of(place: Path) -> list[str]:
    """Command lines of the agents whose home lies in `place`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue  # it ended meanwhile
            if "gpg-agent" in command and str(place) in command:
                found.append(command)
    return found


def test_no_agent_outlives_its_block_and_a_long_path_does_not_hurt(
    tmp_path: Path, plain: ThrowawayKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / ("long " * 40) / "keys"
    # A place without the sessions of tests that run at the same time.
    place = Path(tempfile.mkdtemp(prefix="s."))
    monkeypatch.setattr("altai_build.tools.openpgp.session._find_short_temporary_parent", lambda: place)
    with open_keyring(home) as keyring:
        key = import_secret_key(keyring, plain.secret)
        assert keyring.list_secret_keys() == (key,)
        sessions = set(place.glob("altai-gpg.*"))
        assert any(agents_of(session) for session in sessions)
    place.rmdir()  # nothing is left in it
    assert [agents_of(session) for session in sessions] == [[] for _ in sessions]


ENDED = """
import os, signal, sys, time
from pathlib import Path
from altai_build.tools.openpgp.keyring import open_keyring
from altai_build.tools.openpgp.signing import unlock
with open_keyring(Path(sys.argv[1])) as keyring:
    (key,) = keyring.list_secret_keys()
    with unlock(keyring, key, Path(sys.argv[2]), lambda _key: sys.argv[3]):
        print("unlocked", flush=True)
        if sys.argv[4] == "exit":
            os._exit(130)
        os.kill(os.getpid(), int(sys.argv[4]))
        time.sleep(60)
"""


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder with a short path, in which nothing else makes sessions."""
    folder = Path(tempfile.mkdtemp(prefix="kit."))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGHUP, "exit"])
def test_an_agent_with_an_unlocked_key_ends_with_its_process_however_that_ends(
    tmp_path: Path, locked: ThrowawayKey, short: Path, end: signal.Signals | str
) -> None:
    """SIGHUP is a closed terminal, the exit what a second Ctrl-C does."""
    home = tmp_path / "keys"
    with open_keyring(home) as keyring:
        import_secret_key(keyring, locked.secret)
    what = end if isinstance(end, str) else str(int(end))
    child = subprocess.run(
        [sys.executable, "-c", ENDED, str(home), str(locked.public), locked.passphrase, what],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert (child.returncode, child.stdout) == (130 if end == "exit" else -int(what), b"unlocked\n")
    deadline = time.monotonic() + 10
    while (agents_of(short) or any(short.glob("altai-gpg.*"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (agents_of(short), list(short.glob("altai-gpg.*"))) == ([], [])


def test_a_session_whose_watcher_was_killed_too_is_ended_by_the_next(
    tmp_path: Path, plain: ThrowawayKey, short: Path
) -> None:
    home = tmp_path / "keys"
    with open_keyring(home) as keyring:
        import_secret_key(keyring, plain.secret)
    abandoned = short / "altai-gpg.abandoned"
    abandoned.mkdir(mode=0o700)
    environment = {**os.environ, "GNUPGHOME": str(abandoned)}
    subprocess.run(["gpgconf", "--launch", "gpg-agent"], env=environment, check=True)
    assert agents_of(abandoned)
    os.utime(abandoned, (0, 0))
    with open_keyring(home) as keyring:
        assert not abandoned.exists()
        assert agents_of(abandoned) == []
        (living,) = short.glob("altai-gpg.*")
        os.utime(living, (0, 0))
        with open_keyring(home):
            assert living.exists()
        assert len(keyring.list_secret_keys()) == 1


def test_two_open_keyrings_do_not_end_each_other_s_agent(tmp_path: Path, locked: ThrowawayKey) -> None:
    home, data = tmp_path / "keys", tmp_path / "data"
    data.write_text("text\n")
    with open_keyring(home) as first:
        key = import_secret_key(first, locked.secret)
        with unlock(first, key, locked.public, lambda _key: locked.passphrase) as signing:
            with open_keyring(home) as second:
                assert second.list_secret_keys() == (key,)
            signature = signing.sign_detached(data)
    assert verify_detached(data, signature, [locked.public]).is_good
