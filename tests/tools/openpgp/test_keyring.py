"""The keyring with the real gpg: keys made, listed, found, imported, exported."""

from __future__ import annotations

import os
import re
import shutil
import stat
from datetime import datetime, timezone
from pathlib import Path

import pytest

from altai_build.errors import InputError, SigningError
from altai_build.model.openpgp import PublicKey
from altai_build.model.signature import SignatureStatus
from altai_build.tools.openpgp.key_request import KeyRequest
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.keyring import KeyringUnusableError, open_keyring
from altai_build.tools.openpgp.signing import unlock
from altai_build.tools.openpgp.verify import verify_detached
from tests.kit.keys import ThrowawayKey, import_secret_key


def never(_key: PublicKey) -> str:
    raise AssertionError("a key without a passphrase was asked for one")


@pytest.mark.parametrize(("algorithm", "name"), [("rsa4096", "RSA"), ("ed25519", "EdDSA")])
def test_a_key_is_made_listed_exported_and_used(tmp_path: Path, algorithm: str, name: str) -> None:
    home, file = tmp_path / "keys", tmp_path / "RPM-GPG-KEY-mine"
    with open_keyring(home) as keyring:
        made = keyring.make_key(
            KeyRequest("Release Key", "release@example.org", algorithm=algorithm, expires="2y")
        )
    assert (made.algorithm, made.uid) == (name, "Release Key <release@example.org>")
    assert made.expires is not None and made.expires > datetime.now(timezone.utc)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    with open_keyring(home) as keyring:
        assert keyring.list_secret_keys() == (made,)
        keyring.export_public_key(made, file)
        # The same key may be written again.
        keyring.export_public_key(made, file)
        data = tmp_path / "data"
        data.write_text("text\n")
        with unlock(keyring, made, file, never) as key:
            signature = key.sign_detached(data)
    assert read_public_keys(file) == (made,)
    assert file.read_bytes().startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")
    assert signature == tmp_path / "data.asc"
    assert verify_detached(data, signature, [file]).status is SignatureStatus.GOOD


def test_a_public_key_never_replaces_another(
    tmp_path: Path, plain: ThrowawayKey, locked: ThrowawayKey
) -> None:
    file = tmp_path / "key"
    shutil.copy(locked.public, file)
    with open_keyring(tmp_path / "keys") as keyring:
        key = import_secret_key(keyring, plain.secret)
        with pytest.raises(SigningError, match="holds another key"):
            keyring.export_public_key(key, file)
    assert file.read_bytes() == locked.public.read_bytes()


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "A\nKey-Length: 512"), ("email", "a@b\r"), ("passphrase", "x\n%no-protection")],
)
def test_no_line_can_be_smuggled_into_gpg_s_input(tmp_path: Path, field: str, value: str) -> None:
    fields = {"name": "Release Key", "email": "release@example.org", "passphrase": "x", field: value}
    with open_keyring(tmp_path / "keys") as keyring:
        with pytest.raises(InputError, match=field):
            keyring.make_key(KeyRequest(**fields))
        assert keyring.list_secret_keys() == ()


def test_a_stored_key_is_hard_to_guess_although_the_session_s_copy_is_quick(tmp_path: Path) -> None:
    home = tmp_path / "keys"
    with open_keyring(home) as keyring:
        keyring.make_key(KeyRequest("A", "a@b.c", algorithm="ed25519", passphrase="secret"))
    (stored,) = (home / "private-keys-v1.d").glob("*.key")
    text = re.sub(rb"\s+", b"", stored.read_bytes())
    # The salt between them is printed in hexadecimal, or quoted where libgcrypt takes its bytes for text.
    iterations = re.search(rb'\(sha1.+?"(\d+)"\)', text, re.DOTALL)
    assert iterations is not None, text
    assert int(iterations[1]) > 1_000_000


def test_the_key_that_a_repository_declares_must_be_here(
    tmp_path: Path, plain: ThrowawayKey, locked: ThrowawayKey
) -> None:
    with open_keyring(tmp_path / "keys") as keyring:
        with pytest.raises(SigningError) as caught:
            keyring.find_key(read_public_keys(plain.public))
        assert "no secret key" in caught.value.why
        key = import_secret_key(keyring, plain.secret)
        assert keyring.find_key([*read_public_keys(locked.public), *read_public_keys(plain.public)]) == key


def test_a_keyring_of_another_user_is_not_one_without_keys() -> None:
    # Nobody may change the mode of this directory, not even root.
    with pytest.raises(KeyringUnusableError) as caught, open_keyring(Path("/proc/self")):
        pass
    assert (caught.value.what, caught.value.why) == (
        "cannot use the keyring /proc/self",
        "Operation not permitted",
    )
    assert caught.value.exit_code == 6 and caught.value.todo


@pytest.mark.parametrize("ending", ["exit 2", "kill -9 $$"])
def test_a_gpg_that_fails_is_not_a_keyring_without_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: ThrowawayKey, ending: str
) -> None:
    real = shutil.which("gpg")
    stub = tmp_path / "bin" / "gpg"
    stub.parent.mkdir()
    lines = ["#!/bin/sh", 'case "$*" in *--list-secret-keys*)', f'echo "gpg: planted" >&2; {ending} ;; esac']
    stub.write_text("\n".join([*lines, f'exec {real} "$@"', ""]))
    stub.chmod(0o755)
    with open_keyring(tmp_path / "keys") as keyring:
        import_secret_key(keyring, plain.secret)
    monkeypatch.setenv("PATH", f"{stub.parent}:{os.environ['PATH']}")
    refused = pytest.raises(SigningError, match="gpg cannot list the secret keys of")
    with open_keyring(tmp_path / "keys") as keyring, refused as caught:
        keyring.find_key(read_public_keys(plain.public))
    assert "gpg: planted" in caught.value.why
    end = "gpg exited with 2" if ending == "exit 2" else "gpg was killed by SIGKILL"
    assert end in caught.value.why
    stub.write_text(f"#!/bin/sh\n{ending}\n")
    with pytest.raises(SigningError, match="gpg does not work") as caught, open_keyring(tmp_path / "keys"):
        pass
    assert ("killed by SIGKILL" in caught.value.why) == ("SIGKILL" in end) and "-9" not in caught.value.why


def test_lock_files_of_killed_programs_are_removed_and_others_stay(tmp_path: Path) -> None:
    """gpg takes over the lock of a process that was killed, but never removes the file that it was made from."""
    home, host = tmp_path / "keys", os.uname().nodename
    home.mkdir(mode=0o700)
    gone, running, elsewhere = (
        home / f".#lk0x0000563af5a0.{name}.{pid}"
        for name, pid in ((host, 2**22 + 1), (host, os.getpid()), ("elsewhere", 2**22 + 1))
    )
    for path in (gone, running, elsewhere):
        path.touch()
    with open_keyring(home):
        assert [path.exists() for path in (gone, running, elsewhere)] == [False, True, True]
