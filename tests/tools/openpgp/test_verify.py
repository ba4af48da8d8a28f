"""Detached signatures, checked by the real gpgv against the keys given."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from altai_build.model.armor import dearmor
from altai_build.model.signature import SignatureStatus
from altai_build.tools import process
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.verify import verify_detached
from tests.kit.keys import ThrowawayKey, signing_key
from tests.kit.timed_keys import timed_keyring


def test_detached_signatures_are_judged_by_the_keys_given(
    tmp_path: Path, plain: ThrowawayKey, locked: ThrowawayKey
) -> None:
    data = tmp_path / "data"
    data.write_text("text\n")
    with signing_key(plain) as key:
        signature = key.sign_detached(data)
    good = verify_detached(data, signature, [locked.public, plain.public])
    assert (good.status, good.fingerprint) == (SignatureStatus.GOOD, plain.fingerprint)
    assert verify_detached(data, signature, [locked.public]).status is SignatureStatus.UNKNOWN_KEY
    assert verify_detached(data, tmp_path / "gone.asc", [plain.public]).status is SignatureStatus.UNSIGNED
    (tmp_path / "circle.asc").symlink_to("circle.asc")
    assert verify_detached(data, tmp_path / "circle.asc", [plain.public]).status is SignatureStatus.DAMAGED
    assert verify_detached(data, data, [plain.public]).status is SignatureStatus.DAMAGED
    gone = verify_detached(tmp_path / "gone", signature, [plain.public])
    assert gone.status is SignatureStatus.DAMAGED and "No such file" in gone.detail
    data.write_text("other\n")
    assert verify_detached(data, signature, [plain.public]).status is SignatureStatus.BAD_SIGNATURE


def test_gpgv_is_asked_once_about_the_same_bytes_and_again_about_others(
    tmp_path: Path, plain: ThrowawayKey, locked: ThrowawayKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.write_text("asked once\n")
    with signing_key(plain) as key:
        signature = key.sign_detached(data)
    commands: list[str] = []
    monkeypatch.setattr(process, "_listeners", [commands.append])
    copy = tmp_path / "copy"
    shutil.copy(data, copy)
    for path in (data, copy, data):
        assert verify_detached(path, signature, [plain.public]).is_good
    assert len(commands) == 1
    assert verify_detached(data, signature, [locked.public]).status is SignatureStatus.UNKNOWN_KEY
    data.write_text("asked again\n")
    assert verify_detached(data, signature, [plain.public]).status is SignatureStatus.BAD_SIGNATURE
    assert verify_detached(copy, signature, [plain.public]).is_good
    assert len([command for command in commands if command.startswith("$ ")]) == 2


def test_who_signed_and_what_is_wrong_is_said_in_plain_words_and_gpgv_s_own_go_to_the_log(
    tmp_path: Path, plain: ThrowawayKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.write_text("signed in plain words\n")
    with signing_key(plain) as key:
        signature = key.sign_detached(data)
    (uid,) = (key.uid for key in read_public_keys(plain.public))
    lines: list[str] = []
    monkeypatch.setattr(process, "_listeners", [lines.append])
    data.write_text("changed in plain words\n")
    check = verify_detached(data, signature, [plain.public])
    assert check.description == (
        f"bad signature (key {plain.fingerprint[-16:]}): it was changed after {uid} signed it, or the signature is "
        "that of another file"
    )
    assert [line for line in lines if "gpgv: BAD signature from" in line]


def test_one_good_signature_of_several_is_enough(
    tmp_path: Path, plain: ThrowawayKey, locked: ThrowawayKey
) -> None:
    """As for librepo: a repository that replaces its key is signed with both."""
    data = tmp_path / "data"
    data.write_text("signed twice\n")
    with signing_key(plain) as first, signing_key(locked) as second:
        ours, theirs = (key.sign_detached(data).read_bytes() for key in (first, second))
    signature = tmp_path / "data.asc"
    for both in (ours + theirs, theirs + ours, dearmor(ours) + dearmor(theirs)):
        signature.write_bytes(both)
        check = verify_detached(data, signature, [plain.public])
        assert (check.status, check.fingerprint) == (SignatureStatus.GOOD, plain.fingerprint)
    other = tmp_path / "other"
    other.write_text("other\n")
    assert verify_detached(other, signature, [plain.public]).status is SignatureStatus.BAD_SIGNATURE
    signature.write_bytes(theirs + theirs)
    unknown = verify_detached(data, signature, [plain.public])
    ids = f"{locked.fingerprint[-16:]}, {locked.fingerprint[-16:]}"
    assert unknown.description == f"unknown key (key {locked.fingerprint[-16:]}): it is signed with {ids}"


def test_a_good_signature_counts_beside_one_that_is_not(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("text\n")
    with timed_keyring(tmp_path) as keyring:
        key = keyring.make("one", "20200101")
        signatures = [keyring.sign(data, key, day=day).read_bytes() for day in ("20450101", "20210101")]
        public = keyring.export(tmp_path / "public", key)
    signature = tmp_path / "both.asc"
    signature.write_bytes(b"".join(signatures))
    assert verify_detached(data, signature, [public]).is_good
    signature.write_bytes(signatures[0] * 2)
    assert verify_detached(data, signature, [public]).status is SignatureStatus.WRONG_TIME


def test_the_state_of_the_subkey_counts(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("text\n")
    with timed_keyring(tmp_path) as keyring:
        key = keyring.make("one", "20200101", usage="cert")
        signature = keyring.sign(data, keyring.add_subkey(key, "20200101"), day="20210101")
        public = keyring.export(tmp_path / "public", key)
        assert verify_detached(data, signature, [public]).is_good
        keyring.revoke_subkey(key)
        keyring.export(public, key)
    assert verify_detached(data, signature, [public]).status is SignatureStatus.REVOKED_KEY


def test_a_signature_that_says_when_it_expires_is_good_until_then(
    tmp_path: Path, plain: ThrowawayKey
) -> None:
    data = tmp_path / "data"
    data.write_text("text\n")
    with signing_key(plain) as key:
        options = ["--default-sig-expire", "1d", "--local-user", plain.fingerprint, "--output", "-"]
        made = key.session.run_gpg(*options, "--detach-sign", str(data))
    signature = tmp_path / "data.sig"
    signature.write_bytes(made.stdout)
    assert verify_detached(data, signature, [plain.public]).is_good
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1, hours=1)
    expired = verify_detached(data, signature, [plain.public], now=tomorrow)
    assert expired.status is SignatureStatus.EXPIRED_SIGNATURE


def test_a_huge_signature_file_is_not_read(tmp_path: Path, plain: ThrowawayKey) -> None:
    data, signature = tmp_path / "data", tmp_path / "data.asc"
    data.write_text("text\n")
    with open(signature, "wb") as stream:
        stream.truncate(1 << 40)
    check = verify_detached(data, signature, [plain.public])
    assert (check.status, check.detail) == (
        SignatureStatus.DAMAGED,
        "larger than 1048576 bytes",
    )
