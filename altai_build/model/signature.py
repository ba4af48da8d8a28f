"""What a signature is worth: the one judgement for packages, metadata and releases.

rpm, gpgv and librepo prove that a key made a signature. Whether that key could still make it then, they decide each in
their own way (rpm 4.18: always; gpg and librepo: not if the key is revoked or has expired by now; sequoia: by the time
of the signature). Here it is decided once: a revoked key vouches for nothing, and a key vouches for what it signed
between its making and its expiry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path

from altai_build.model.openpgp import KeyFingerprint, KeyPart, PublicKey, Signature

# RHEL 9's crypto policy and sequoia refuse these, rpm 4.18 accepts them.
_WEAK_HASHES = ("MD5", "SHA1", "RIPEMD160")
_MINIMUM_KEY_BITS = {"RSA": 2048, "DSA": 2048}
# How far clocks may differ, as in sequoia (its CLOCK_SKEW_TOLERANCE).
CLOCK_TOLERANCE = timedelta(minutes=30)


class SignatureStatus(str, Enum):
    """The result of checking one signed file, as for a client that has the repository's key."""

    GOOD = "good signature"
    UNSIGNED = "unsigned"
    PARTLY_SIGNED = (
        "payload not signed"  # only the header is signed, and it contains no digest of the payload
    )
    UNKNOWN_KEY = "unknown key"
    KEY_UNSUITABLE = "key unsuitable"  # the key file contains the key, but rpm refuses to import it
    V6_ONLY = "v6-only signature"  # rpm before 6 sees no signature
    UNREADABLE_ALGORITHM = (
        "unreadable algorithm"  # rpm 4 says BAD to algorithms it cannot parse, such as ECDSA
    )
    BAD_SIGNATURE = "bad signature"
    BAD_DIGEST = "bad digest"
    DAMAGED = "damaged"
    # The key made the signature, but could not vouch for it.
    REVOKED_KEY = "signed with a revoked key"
    EXPIRED_KEY = "signed after the key expired"
    WRONG_KEY_USE = "signed with a key that is not for signing"
    WRONG_TIME = "signature of an impossible time"
    EXPIRED_SIGNATURE = "expired signature"


# What `judge_signature` says of correct signatures: the same of many packages that one key signed.
KEY_STATUSES = (
    SignatureStatus.REVOKED_KEY,
    SignatureStatus.EXPIRED_KEY,
    SignatureStatus.WRONG_KEY_USE,
    SignatureStatus.WRONG_TIME,
    SignatureStatus.EXPIRED_SIGNATURE,
)


@dataclass(frozen=True)
class SignatureCheck:
    """The check of one file, with the evidence; `fingerprint` is that of the primary key, if the key is known."""

    path: Path
    status: SignatureStatus
    signature: Signature | None
    fingerprint: KeyFingerprint | None
    weaknesses: tuple[str, ...]  # what a modern policy refuses although the signature is good
    key_expired_on: date | None  # set when the key has expired by now
    detail: (
        str  # who signed, and what is wrong, in plain words; the output of the program is in the debug log
    )

    @property
    def summary(self) -> str:
        """The status with the key id: `unknown key (key 0123456789ABCDEF)`."""
        key = f" (key {self.signature.key_id})" if self.signature and self.signature.key_id else ""
        return f"{self.status.value}{key}"

    @property
    def description(self) -> str:
        """The status with key id and details: `unknown key (key 0123456789ABCDEF): …`."""
        return f"{self.summary}: {self.detail}".rstrip(": ")

    @property
    def is_good(self) -> bool:
        """True only if every signature and digest was checked and is correct, and its key could vouch for it."""
        return self.status is SignatureStatus.GOOD


def describe_other_content(key: PublicKey | None) -> str:
    """What a wrong signature by a known key means."""
    signer = key.uid if key is not None and key.uid else "its key"
    return f"it was changed after {signer} signed it, or the signature is that of another file"


def find_key_part(keys: Sequence[PublicKey], signature: Signature | None) -> KeyPart | None:
    """The key or subkey among these keys that a signature names as its maker."""
    if signature is None:
        return None
    return next((part for key in keys if (part := key.find_part(signature.key_id))), None)


def find_key(keys: Sequence[PublicKey], signature: Signature | None) -> PublicKey | None:
    """The key among these keys that a signature, by itself or a subkey, names as its maker."""
    return next((key for key in keys if signature and key.covers(signature.key_id)), None)


def judge_signature(signature: Signature, part: KeyPart, now: datetime) -> tuple[SignatureStatus, str]:
    """(status, detail) of a correct signature that this key made: GOOD, or why the key does not vouch for it."""
    created = signature.created
    if part.revoked:
        return SignatureStatus.REVOKED_KEY, ""
    if not part.can_sign:
        return SignatureStatus.WRONG_KEY_USE, ""
    if created is None:
        return SignatureStatus.WRONG_TIME, "it does not say when it was made"
    if created > now + CLOCK_TOLERANCE:
        times = f"it is dated {_format(created)}, and it is {_format(now)} now"
        return SignatureStatus.WRONG_TIME, f"{times}: the clock of this machine is wrong, or the signer's was"
    if created < part.created:
        made = f"it is dated {_format(created)}, and the key was made at {_format(part.created)}"
        return SignatureStatus.WRONG_TIME, made
    if part.expires is not None and created >= part.expires:
        return SignatureStatus.EXPIRED_KEY, f"signed {_format(created)}, expired {_format(part.expires)}"
    if signature.expires is not None and signature.expires <= now:
        return SignatureStatus.EXPIRED_SIGNATURE, f"it expired {_format(signature.expires)}"
    return SignatureStatus.GOOD, ""


def _format(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def find_weaknesses(signatures: Sequence[Signature], part: KeyPart | None) -> tuple[str, ...]:
    """What a modern policy refuses in these signatures and the key behind them."""
    found = []
    if part is not None and part.bits < _MINIMUM_KEY_BITS.get(part.algorithm, 0):
        found.append(f"{part.algorithm}-{part.bits} key")
    for name in sorted({signature.hash_algorithm for signature in signatures}):
        if name in _WEAK_HASHES:
            found.append(f"{name} signature hash")
    return tuple(found)


def get_expiry_day(key: KeyPart | PublicKey | None, now: datetime) -> date | None:
    """The day on which the key expired; None if it has not expired by `now`."""
    if key is None or key.expires is None or key.expires > now:
        return None
    return key.expires.date()
