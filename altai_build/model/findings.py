"""Results of checks: signature checks, findings and their waivers, the report of a verification."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from altai_build.errors import VerificationError
from altai_build.model.openpgp import KeyFingerprint, PublicKey, Signature
from altai_build.model.quantity import format_count

# RHEL 9's crypto policy and sequoia refuse these, rpm 4.18 accepts them.
_WEAK_HASHES = ("MD5", "SHA1", "RIPEMD160")
_MINIMUM_KEY_BITS = {"RSA": 2048, "DSA": 2048}

WAIVERS_RULE = "waivers"  # the rule of findings about waivers themselves
_MAX_LISTED_ERRORS = 40


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


@dataclass(frozen=True)
class SignatureCheck:
    """The check of one file, with the evidence; `fingerprint` is that of the primary key, if the key is known."""

    path: Path
    status: SignatureStatus
    signature: Signature | None
    fingerprint: KeyFingerprint | None
    weaknesses: tuple[str, ...]  # what a modern policy refuses although the signature is good
    key_expired_on: date | None  # set when the key has expired by now
    signed_after_expiry: bool
    detail: str  # the output of the program that checked

    @property
    def description(self) -> str:
        """The status with key id and details: `unknown key (key 0123456789ABCDEF): …`."""
        key = f" (key {self.signature.key_id})" if self.signature and self.signature.key_id else ""
        return f"{self.status.value}{key}: {self.detail}".rstrip(": ")

    @property
    def is_good(self) -> bool:
        """True only if every signature and digest was checked and is correct."""
        return self.status is SignatureStatus.GOOD


def find_weaknesses(signatures: Sequence[Signature], key: PublicKey | None) -> tuple[str, ...]:
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
    """The day on which the key expired; None if it has not expired by `now`."""
    if key is None or key.expires is None or key.expires > now:
        return None
    return key.expires.date()


def is_signed_after_expiry(signature: Signature | None, key: PublicKey | None, now: datetime) -> bool:
    """True when the key has expired by `now`, and had expired already when it made the signature."""
    if get_expiry_day(key, now) is None or signature is None or signature.created is None:
        return False
    return get_expiry_day(key, signature.created) is not None


class Severity(str, Enum):
    """How serious a finding is: an error fails a verification."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Waiver:
    """Findings that are accepted for a time: the id of their rule, and a pattern (`*`, `?`) for their subjects."""

    rule: str
    subject: str
    reason: str
    expires: date  # the last day on which it is valid

    def covers(self, finding: Finding) -> bool:
        """True when it applies to this finding."""
        return self.rule == finding.rule and fnmatch.fnmatchcase(finding.subject, self.subject)

    def to_json(self) -> dict[str, str]:
        """The waiver as release.json and `--json` have it."""
        return {**vars(self), "expires": self.expires.isoformat()}


@dataclass(frozen=True)
class Finding:
    """One result of a check. A waived finding is a note that carries its waiver.

    Findings of `upgrade-check` also name the release that is upgraded from (empty: the finding is about the new
    release itself) and the scenarios in which they appear.
    """

    rule: str
    severity: Severity
    subject: str  # a file, a package, or the release
    message: str
    fix: str = ""  # what to do about it
    waiver: Waiver | None = None
    upgrade_from: str = ""
    scenarios: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The message, with the release that is upgraded from."""
        return f"from {self.upgrade_from}: {self.message}" if self.upgrade_from else self.message


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """A finding in the one form that every `--json` output has."""
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "subject": finding.subject,
        "message": finding.message,
        "fix": finding.fix,
        "waiver": finding.waiver.to_json() if finding.waiver else None,
        "release": finding.upgrade_from or None,
        "scenarios": list(finding.scenarios),
    }


def waive(findings: Iterable[Finding], waivers: Sequence[Waiver], today: date) -> tuple[Finding, ...]:
    """The findings in their order; an error or warning that a waiver covers today becomes a note."""
    valid = [waiver for waiver in waivers if waiver.expires >= today]
    return tuple(_waive_finding(finding, valid) for finding in findings)


def _waive_finding(finding: Finding, waivers: Sequence[Waiver]) -> Finding:
    waiver = next((waiver for waiver in waivers if waiver.covers(finding)), None)
    if waiver is None or finding.severity is Severity.NOTE:
        return finding
    message = f"{finding.message} (waived until {waiver.expires}: {waiver.reason})"
    return replace(finding, severity=Severity.NOTE, message=message, waiver=waiver)


def select_errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that fail a verification."""
    return tuple(finding for finding in findings if finding.severity is Severity.ERROR)


def refuse_errors(findings: Iterable[Finding], what: str, *, todo: str, listed: bool = True) -> None:
    """Raise VerificationError when there are errors: `what` failed, how many errors, and each with its fix.

    `listed=False` leaves the errors out, for commands that have already printed their findings.
    """
    errors = select_errors(findings)
    if not errors:
        return
    lines = [f"  {one.rule}: {one.subject}: {one.text}\n    fix: {one.fix}" for one in errors]
    if len(lines) > _MAX_LISTED_ERRORS:
        lines[_MAX_LISTED_ERRORS:] = [f"  and {len(lines) - _MAX_LISTED_ERRORS} more"]
    raise VerificationError(
        f"{what}: {format_count(len(errors), 'error')}", why="\n".join(lines) if listed else "", todo=todo
    )


@dataclass(frozen=True)
class VerificationReport:
    """What the verification of one release found."""

    release: str
    findings: tuple[Finding, ...]

    @property
    def is_ok(self) -> bool:
        """True when no finding is an error."""
        return not select_errors(self.findings)

    def to_json(self) -> dict[str, Any]:
        """The contract's form: {release, ok, findings: [{rule, severity, subject, message, …}]}."""
        return {
            "release": self.release,
            "ok": self.is_ok,
            "findings": [finding_to_json(finding) for finding in self.findings],
        }
