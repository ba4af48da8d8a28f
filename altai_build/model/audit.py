"""What checks say: the verdict on a signature, findings, and the answer of a verification."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path

from altai_build.model.openpgp import PublicKey, Signature

# What RHEL 9's crypto policy and sequoia refuse although rpm 4.18 accepts it.
_WEAK_HASHES = ("MD5", "SHA1", "RIPEMD160")
_LEAST_BITS = {"RSA": 2048, "DSA": 2048}


class Verdict(str, Enum):
    """The judgement on one signed file, as a client with the repository's key would reach it."""

    GOOD = "good signature"
    UNSIGNED = "unsigned"
    PARTLY_SIGNED = "payload not signed"  # a header signature alone, on a header that holds no payload digest
    UNKNOWN_KEY = "unknown key"
    KEY_UNSUITABLE = "key unsuitable"  # the key file holds the key, but rpm refuses to import it
    V6_ONLY = "v6-only signature"  # rpm before 6 sees no signature
    UNREADABLE_ALGORITHM = "unreadable algorithm"  # rpm 4 calls it BAD: it cannot parse, for one, ECDSA
    BAD_SIGNATURE = "bad signature"
    BAD_DIGEST = "bad digest"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class SignatureCheck:
    """The verdict on one file with the evidence; `fingerprint` is the primary key's, when the key is known."""

    path: Path
    verdict: Verdict
    signature: Signature | None
    fingerprint: str | None
    weaknesses: tuple[str, ...]  # what a modern policy refuses although the verdict is good
    key_expired_on: date | None  # set when the key has expired by now
    signed_after_expiry: bool
    detail: str  # the checking program's own words

    @property
    def good(self) -> bool:
        """True only when every signature and digest was checked and is right."""
        return self.verdict is Verdict.GOOD


def weaknesses(signatures: Sequence[Signature], key: PublicKey | None) -> tuple[str, ...]:
    """What a modern policy refuses in these signatures and the key behind them."""
    found = []
    if key is not None and key.bits < _LEAST_BITS.get(key.algorithm, 0):
        found.append(f"{key.algorithm}-{key.bits} key")
    if key is not None and key.revoked:
        found.append("revoked key")
    for name in sorted({signature.hash_algorithm for signature in signatures}):
        if name in _WEAK_HASHES:
            found.append(f"{name} signature hash")
    return tuple(found)


def expired_on(key: PublicKey | None, now: datetime) -> date | None:
    """The day the key expired, or None while it has not by `now`."""
    if key is None or key.expires is None or key.expires > now:
        return None
    return key.expires.date()


class Severity(str, Enum):
    """How much a finding weighs: an error fails a verification."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One result of a check: which rule, how bad, about what, in words."""

    rule: str
    severity: Severity
    subject: str
    message: str


@dataclass(frozen=True)
class Verification:
    """The answer of `verify`."""

    release: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """True when no finding is an error."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)

    def to_json(self) -> str:
        """The contract's form: {release, ok, findings: [{rule, severity, subject, message}]}."""
        findings = [
            {
                "rule": finding.rule,
                "severity": finding.severity.value,
                "subject": finding.subject,
                "message": finding.message,
            }
            for finding in self.findings
        ]
        return json.dumps({"release": self.release, "ok": self.ok, "findings": findings}, indent=2) + "\n"
