"""Detached signatures, checked by the real gpgv against the keys given."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from altai_build.model.findings import SignatureStatus
from altai_build.tools import process
from altai_build.tools.openpgp.verify import verify_detached
from tests.kit.keys import ThrowawayKey, signing_key


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
    assert len(commands) == 3
