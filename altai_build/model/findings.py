"""What checks say: the verdict on a signature, findings, and the answer of a verification."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from altai_build.model.openpgp import PublicKey, Signature

# What RHEL 9's crypto policy and sequoia refuse although rpm 4.18 accepts it.
_WEAK_HASHES = ("MD5", "SHA1", "RIPEMD160")
_MINIMUM_KEY_BITS = {"RSA": 2048, "DSA": 2048}

WAIVERS_RULE = "waivers"  # the rule that findings on waivers themselves have


class SignatureStatus(str, Enum):
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
    verdict: SignatureStatus
    signature: Signature | None
    fingerprint: str | None
    weaknesses: tuple[str, ...]  # what a modern policy refuses although the verdict is good
    key_expired_on: date | None  # set when the key has expired by now
    signed_after_expiry: bool
    detail: str  # the checking program's own words

    @property
    def good(self) -> bool:
        """True only when every signature and digest was checked and is right."""
        return self.verdict is SignatureStatus.GOOD


def weaknesses(signatures: Sequence[Signature], key: PublicKey | None) -> tuple[str, ...]:
    """What a modern policy refuses in these signatures and the key behind them."""
    found = []
    if key is not None and key.bits < _MINIMUM_KEY_BITS.get(key.algorithm, 0):
        found.append(f"{key.algorithm}-{key.bits} key")
    if key is not None and key.revoked:
        found.append("revoked key")
    for name in sorted({signature.hash_algorithm for signature in signatures}):
        if name in _WEAK_HASHES:
            found.append(f"{name} signature hash")
    return tuple(found)


def get_expiry_day(key: PublicKey | None, now: datetime) -> date | None:
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
class Waiver:
    """A finding that is accepted for a time: the rule's id, a pattern (`*`, `?`) of subjects, why, and until when."""

    rule: str
    subject: str
    reason: str
    expires: date  # the last day on which it holds

    def covers(self, finding: Finding) -> bool:
        """True when it speaks of this finding."""
        return self.rule == finding.rule and fnmatch.fnmatchcase(finding.subject, self.subject)


@dataclass(frozen=True)
class Finding:
    """One result of a check: which rule, how bad, about what, in words; a waived one is a note with its waiver."""

    rule: str
    severity: Severity
    subject: str
    message: str
    waiver: Waiver | None = None


def apply_waivers(findings: Sequence[Finding], waivers: Sequence[Waiver], today: date) -> tuple[Finding, ...]:
    """The findings with those waived that a waiver covers, and one more for each waiver that has expired.

    A waived finding stays in the answer: as a note, with its waiver.
    """
    valid = [one for one in waivers if one.expires >= today]
    told = [_apply_waivers_to(finding, valid) for finding in findings]
    told += [
        Finding(
            rule=WAIVERS_RULE,
            severity=Severity.WARNING,
            subject=f"{one.rule}: {one.subject}",
            message=f"the waiver ({one.reason}) expired on {one.expires}; mend the cause, or give it another day",
        )
        for one in waivers
        if one.expires < today
    ]
    return tuple(told)


def _apply_waivers_to(finding: Finding, waivers: Sequence[Waiver]) -> Finding:
    waiver = next((one for one in waivers if one.covers(finding)), None)
    if waiver is None or finding.severity is Severity.NOTE:
        return finding
    message = f"{finding.message} (waived until {waiver.expires}: {waiver.reason})"
    return replace(finding, severity=Severity.NOTE, message=message, waiver=waiver)


@dataclass(frozen=True)
class VerificationReport:
    """The answer of `verify`."""

    release: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """True when no finding is an error."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)

    def to_json(self) -> str:
        """The contract's form: {release, ok, findings: [{rule, severity, subject, message}]}."""
        findings = [_to_json(finding) for finding in self.findings]
        return json.dumps({"release": self.release, "ok": self.ok, "findings": findings}, indent=2) + "\n"


def _to_json(finding: Finding) -> dict[str, Any]:
    """The contract's keys; `waiver` only where there is one."""
    told: dict[str, Any] = {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "subject": finding.subject,
        "message": finding.message,
    }
    if finding.waiver is not None:
        told["waiver"] = {**vars(finding.waiver), "expires": finding.waiver.expires.isoformat()}
    return told
