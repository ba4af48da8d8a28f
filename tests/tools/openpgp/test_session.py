"""gpg sessions: no agent outlives its block, its process, or another session."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from altai_build.tools.openpgp.keyring import open_keyring
from altai_build.tools.openpgp.signing import unlock
from altai_build.tools.openpgp.verify import verify_detached
from tests.kit.keys import ThrowawayKey

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
    tmp_path: Path, plain: ThrowawayKey
) -> None:
    home = tmp_path / ("long " * 40) / "keys"
    before = set(Path(os.environ.get("TMPDIR", "/tmp")).glob("altai-gpg.*"))
    with open_keyring(home) as keyring:
        key = keyring.import_secret_key(plain.secret)
        assert keyring.list_secret_keys() == (key,)
        sessions = set(Path(os.environ.get("TMPDIR", "/tmp")).glob("altai-gpg.*")) - before
        assert any(agents_of(session) for session in sessions)
    assert not any(session.exists() for session in sessions)
    assert [agents_of(session) for session in sessions] == [[] for _ in sessions]


KILLED = """
import os, sys
from pathlib import Path
from altai_build.tools import process
from altai_build.tools.openpgp.keyring import open_keyring
with open_keyring(Path(sys.argv[1])) as keyring:
    keyring.list_secret_keys()
    os.kill(os.getpid(), 9)
"""


def test_the_agent_of_a_killed_run_is_ended_by_the_next(
    tmp_path: Path, plain: ThrowawayKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Path(tempfile.mkdtemp(prefix="kit."))
    monkeypatch.setenv("TMPDIR", str(short))
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    home = tmp_path / "keys"
    with open_keyring(home) as keyring:
        keyring.import_secret_key(plain.secret)
    child = subprocess.run(
        [sys.executable, "-c", KILLED, str(home)],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert child.returncode == -9
    (session,) = short.glob("altai-gpg.*")
    assert agents_of(session)
    os.utime(session, (0, 0))
    with open_keyring(home) as keyring:
        assert not session.exists()
        assert agents_of(session) == []
        (living,) = short.glob("altai-gpg.*")
        os.utime(living, (0, 0))
        with open_keyring(home):
            assert living.exists()
        assert len(keyring.list_secret_keys()) == 1
    shutil.rmtree(short)


def test_two_open_keyrings_do_not_end_each_other_s_agent(tmp_path: Path, locked: ThrowawayKey) -> None:
    home, data = tmp_path / "keys", tmp_path / "data"
    data.write_text("text\n")
    with open_keyring(home) as first:
        key = first.import_secret_key(locked.secret)
        with unlock(first, key, locked.public, lambda _key: locked.passphrase) as signing:
            with open_keyring(home) as second:
                assert second.list_secret_keys() == (key,)
            signature = signing.sign_detached(data)
    assert verify_detached(data, signature, [locked.public]).is_good
