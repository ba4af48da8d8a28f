"""What `rpmkeys --checksig --verbose` prints about files, what it means, and how to say that in plain words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from altai_build.model.openpgp import PublicKey, Signature
from altai_build.model.signature import SignatureStatus, describe_other_content
from altai_build.tools import process

_RPM4_ALGORITHMS = ("RSA", "DSA", "EdDSA")
_CHECK_LINE = re.compile(
    r"    (?P<what>.*?(?P<kind>[Ss]ignature|digest)(?:, key ID [0-9a-f]+)?): (?P<result>[A-Z]+)(?P<more>.*)"
)


@dataclass(frozen=True)
class CheckLine:
    """One result that `rpmkeys --checksig --verbose` printed."""

    is_signature: bool
    result: str  # OK, NOTFOUND, NOKEY, BAD, …
    text: str


@dataclass(frozen=True)
class CheckReport:
    """What rpmkeys printed about one file."""

    lines: tuple[CheckLine, ...]
    error_text: str  # what it printed on standard error


def split_reports(names: Sequence[str], stdout: str, stderr: str) -> list[CheckReport] | None:
    """The report of each file, in order; None when the text does not have one section for each file."""
    sections: list[list[CheckLine]] = []
    for row in stdout.splitlines():
        if len(sections) < len(names) and row == f"{names[len(sections)]}:":
            sections.append([])
        elif not sections:
            return None
        else:
            sections[-1].append(_parse_check_line(row))
    if len(sections) != len(names):
        return None
    complaints = stderr.splitlines()
    return [
        CheckReport(
            lines=tuple(lines), error_text="; ".join(row for row in complaints if f" {name}: " in row)
        )
        for name, lines in zip(names, sections)
    ]


# Most rows are the same for every package.
@lru_cache(maxsize=1024)
def _parse_check_line(row: str) -> CheckLine:
    """One row of the output; a row of an unknown form counts as a failed signature, so that nothing passes unread."""
    match = _CHECK_LINE.fullmatch(row)
    if match is None:
        return CheckLine(is_signature=True, result="UNKNOWN", text=row.strip())
    return CheckLine(is_signature=match["kind"] != "digest", result=match["result"], text=row.strip())


def note_report(report: CheckReport) -> None:
    """What rpmkeys printed goes to the debug log: messages say it in plain words."""
    if printed := "\n".join([*(line.text for line in report.lines), report.error_text]).strip():
        process.note_output(printed)


def describe_status(
    path: Path,
    status: SignatureStatus,
    report: CheckReport,
    signature: Signature | None,
    key: PublicKey | None,
) -> str:
    """Who signed, and what is wrong, in plain words; "" where the status says it."""
    if status is SignatureStatus.DAMAGED:
        return describe_damage(path, report)
    if status is SignatureStatus.BAD_DIGEST:
        return describe_bad_digests(report)
    if status is SignatureStatus.KEY_UNSUITABLE:
        return "rpm does not import the key"
    if status is SignatureStatus.UNREADABLE_ALGORITHM and signature is not None:
        return f"rpm cannot read signatures with {signature.algorithm}"
    if status is SignatureStatus.BAD_SIGNATURE:
        # What rpmkeys calls neither good nor bad is unforeseen: its words are all there is.
        known = {"OK", "NOTFOUND", "NOKEY", "BAD"}
        odd = [line.text for line in report.lines if line.is_signature and line.result not in known]
        return "; ".join(odd) or describe_other_content(key)
    return ""


def describe_damage(path: Path, report: CheckReport) -> str:
    """Why rpm cannot read a package, without the path, which callers name."""
    if not report.error_text:
        return "it has no digest"
    words = report.error_text.replace("error: ", "").replace(f"{path.absolute()}: ", "")
    return f"rpm cannot read it: {words}" if words != report.error_text else words


def describe_bad_digests(report: CheckReport) -> str:
    """Which parts of a package are not those that its digests were made of."""
    bad = [line.text for line in report.lines if not line.is_signature and line.result == "BAD"]
    # The digest of the whole is wrong with each part.
    parts = [part for part in ("header", "payload") if any(text.lower().startswith(part) for text in bad)]
    names = " and ".join(parts) or "content"
    return f"its {names} {'differ' if len(parts) > 1 else 'differs'} from what was packed"


def determine_status(
    report: CheckReport, signatures: Sequence[Signature], key: PublicKey | None
) -> SignatureStatus:
    """The worst that applies: damaged, a wrong digest, a wrong signature, one that cannot be checked, none."""
    results = {line.result for line in report.lines if line.is_signature}
    if not report.lines:
        return SignatureStatus.DAMAGED
    if any(not line.is_signature and line.result == "BAD" for line in report.lines):
        return SignatureStatus.BAD_DIGEST
    if results - {"OK", "NOTFOUND", "NOKEY"}:
        unreadable = any("invalid OpenPGP" in line.text for line in report.lines) and any(
            signature.algorithm not in _RPM4_ALGORITHMS for signature in signatures
        )
        return SignatureStatus.UNREADABLE_ALGORITHM if unreadable else SignatureStatus.BAD_SIGNATURE
    if "NOKEY" in results:
        return SignatureStatus.KEY_UNSUITABLE if key else SignatureStatus.UNKNOWN_KEY
    if "OK" not in results:
        return SignatureStatus.V6_ONLY if signatures else SignatureStatus.UNSIGNED
    return (
        SignatureStatus.GOOD
        if all(line.result == "OK" for line in report.lines)
        else SignatureStatus.PARTLY_SIGNED
    )
