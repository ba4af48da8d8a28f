"""What a correct signature is worth: the key's state and the times decide."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from altai_build.model.openpgp import KeyFingerprint, KeyId, KeyPart, PublicKey, Signature
from altai_build.model.signature import (
    SignatureCheck,
    SignatureStatus,
    find_key,
    find_key_part,
    find_weaknesses,
    get_expiry_day,
    judge_signature,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)
PART = KeyPart(
    key_id=KeyId("0123456789ABCDEF"),
    fingerprint=KeyFingerprint("0" * 24 + "0123456789ABCDEF"),
    algorithm="RSA",
    bits=4096,
    created=NOW - 100 * DAY,
    expires=None,
    revoked=False,
    can_sign=True,
)
SIGNATURE = Signature(
    tag="",
    version=4,
    key_id=PART.key_id,
    algorithm="RSA",
    hash_algorithm="SHA256",
    created=NOW - 50 * DAY,
)


@pytest.mark.parametrize(
    ("signature", "part", "status"),
    [
        ({}, {}, SignatureStatus.GOOD),
        ({}, {"expires": NOW - DAY}, SignatureStatus.GOOD),
        ({}, {"expires": NOW - 50 * DAY}, SignatureStatus.EXPIRED_KEY),
        ({}, {"expires": NOW - 51 * DAY}, SignatureStatus.EXPIRED_KEY),
        ({}, {"revoked": True}, SignatureStatus.REVOKED_KEY),
        ({}, {"can_sign": False}, SignatureStatus.WRONG_KEY_USE),
        ({"created": None}, {}, SignatureStatus.WRONG_TIME),
        ({"created": PART.created}, {}, SignatureStatus.GOOD),
        ({"created": PART.created - timedelta(seconds=1)}, {}, SignatureStatus.WRONG_TIME),
        ({"created": NOW + timedelta(minutes=30)}, {}, SignatureStatus.GOOD),
        ({"created": NOW + timedelta(minutes=31)}, {}, SignatureStatus.WRONG_TIME),
        ({"expires": NOW + DAY}, {}, SignatureStatus.GOOD),
        ({"expires": NOW}, {}, SignatureStatus.EXPIRED_SIGNATURE),
    ],
)
def test_a_key_vouches_for_what_it_signed_between_its_making_and_its_end(
    signature: dict[str, object], part: dict[str, object], status: SignatureStatus
) -> None:
    made = replace(SIGNATURE, **signature)  # type: ignore[arg-type]
    assert judge_signature(made, replace(PART, **part), NOW)[0] is status  # type: ignore[arg-type]


def test_the_judgement_gives_the_times_it_compared() -> None:
    late = replace(PART, expires=NOW - 60 * DAY)
    assert judge_signature(SIGNATURE, late, NOW)[1] == (
        "signed 2026-04-12 12:00:00 UTC, expired 2026-04-02 12:00:00 UTC"
    )
    early = judge_signature(SIGNATURE, PART, NOW - 51 * DAY)[1]
    assert early.endswith("UTC now: the clock of this machine is wrong, or the signer's was")


def test_a_key_expires_at_its_moment_and_not_on_the_day_before() -> None:
    part = replace(PART, expires=NOW + timedelta(hours=1))
    assert get_expiry_day(part, NOW) is None
    assert get_expiry_day(part, NOW + timedelta(hours=1)) == NOW.date()
    assert get_expiry_day(None, NOW) is None
    assert get_expiry_day(PART, NOW) is None


def test_the_weaknesses_are_those_of_the_part_that_signed() -> None:
    weak = replace(PART, key_id=KeyId("FEDCBA9876543210"), bits=1024)
    key = PublicKey(primary=PART, uid="one", subkeys=(weak,))
    by_subkey = replace(SIGNATURE, key_id=weak.key_id, hash_algorithm="SHA1")
    assert find_key([key], by_subkey) is key
    assert find_weaknesses([by_subkey], find_key_part([key], by_subkey)) == (
        "RSA-1024 key",
        "SHA1 signature hash",
    )
    assert find_weaknesses([SIGNATURE], find_key_part([key], SIGNATURE)) == ()
    assert (find_key([key], None), find_key_part([], SIGNATURE)) == (None, None)


def test_a_check_is_described_by_status_and_details() -> None:
    check = SignatureCheck(
        path=Path("a.rpm"),
        status=SignatureStatus.UNSIGNED,
        signature=None,
        fingerprint=None,
        weaknesses=(),
        key_expired_on=None,
        detail="",
    )
    assert (check.description, check.is_good) == ("unsigned", False)
    damaged = replace(check, status=SignatureStatus.DAMAGED, detail="not an RPM")
    assert damaged.description == "damaged: not an RPM"
    assert replace(check, status=SignatureStatus.GOOD).is_good
