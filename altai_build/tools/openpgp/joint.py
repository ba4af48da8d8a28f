"""Proves many detached signatures with one gpg: a process for each takes twenty times as long.

gpg checks many files at once where each holds its own signature. A detached signature of a document (RFC 4880, 5.2.1,
type 0) is over the same bytes as one in such a message, so that the two are put together: the signature packet, then
the data as a literal packet. What gpg does not call good for certain is not judged here: gpgv decides about it alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import MissingToolError
from altai_build.model.packets import read_packets
from altai_build.tools import process
from altai_build.tools.leftovers import temporary_directory

# gpg stops at a signature that is not good, and another one continues with the next.
_MAX_FAILURES = 8
# Type of the signature, of a version 4 packet: over a document, as it is.
_BINARY_DOCUMENT = b"\x04\x00"
_SIGNATURE_HEADER, _LITERAL_HEADER = b"\xc2\xff", b"\xcb\xff"
# Format binary, no file name, no time: none of these is signed.
_LITERAL_FIELDS = b"b\0\0\0\0\0"
_STATUS_PREFIX = "[GNUPG:] "
# GnuPG's doc/DETAILS; the rest (expired, revoked, another use of the key) is a matter of judgement.
_MUST_HAVE = {"GOODSIG", "VALIDSIG"}
_MAY_HAVE = {*_MUST_HAVE, "FILE_START", "NEWSIG", "KEY_CONSIDERED", "SIG_ID", "PLAINTEXT", "PLAINTEXT_LENGTH"}
_MAY_HAVE |= {
    "FILE_DONE",
    "TRUST_FULLY",
    "TRUST_ULTIMATE",
    "TRUST_UNDEFINED",
    "TRUST_NEVER",
    "TRUST_MARGINAL",
}


@dataclass(frozen=True)
class SignedData:
    """Data, and the packet of one detached signature of it."""

    data: bytes
    signature: bytes


def find_proved(signed: Sequence[SignedData], keys: Sequence[bytes]) -> frozenset[int]:
    """The numbers of those whose signature is good by one of the keys; of the others nothing is said.

    `keys` are the packets of key files.
    """
    proved: set[int] = set()
    with temporary_directory("gpg") as home:
        rings = []
        for number, key in enumerate(keys):
            ring = home / f"keys{number}.gpg"
            ring.write_bytes(key)
            rings += ["--keyring", str(ring)]
        waiting = []
        for number, one in enumerate(signed):
            message = _make_message(one)
            if message is not None:
                (home / f"{number}").write_bytes(message)
                waiting.append(number)
        for _ in range(_MAX_FAILURES):
            if not waiting:
                break
            good, examined = _run_gpg(home, rings, waiting)
            proved.update(good)
            # At least one: else the next attempt would be the same.
            waiting = waiting[max(examined, 1) :]
    return frozenset(proved)


def _make_message(signed: SignedData) -> bytes | None:
    """The message of a signature and its data; None for a kind of signature that is over other bytes."""
    packets = list(read_packets(signed.signature))
    if len(packets) != 1 or packets[0].body[:2] != _BINARY_DOCUMENT:
        return None
    body, literal = packets[0].body, _LITERAL_FIELDS + signed.data
    return b"".join(
        (_SIGNATURE_HEADER, _format_length(body), body, _LITERAL_HEADER, _format_length(literal), literal)
    )


def _format_length(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big")


def _run_gpg(home: Path, rings: Sequence[str], numbers: Sequence[int]) -> tuple[list[int], int]:
    """Those of the messages that gpg calls good, and how many it has examined."""
    command = ["gpg", "--homedir", str(home), "--no-options", "--batch", "--no-autostart", "--status-fd", "1"]
    command += ["--no-auto-check-trustdb", "--trust-model", "always", "--no-default-keyring", *rings]
    # The times are judged by `judge_signature`.
    command += ["--ignore-time-conflict", "--verify-files", *(f"{home}/{number}" for number in numbers)]
    try:
        result = process.run(command, ok=process.ANY_END)
    except MissingToolError:
        # Whoever only verifies needs no gpg.
        return [], len(numbers)
    reports = list(_split_reports(result.text))
    good = [
        number
        for number, (name, words) in zip(numbers, reports)
        if name == f"{home}/{number}" and words >= _MUST_HAVE and words <= _MAY_HAVE
    ]
    return good, len(reports)


def _split_reports(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """(name, keywords) of gpg's report on each file, in their order; none where a keyword comes twice."""
    reports: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        row = line.removeprefix(_STATUS_PREFIX).split(" ") if line.startswith(_STATUS_PREFIX) else [""]
        if row[0] == "FILE_START":
            reports.append((row[-1], []))
        if reports and row[0]:
            reports[-1][1].append(row[0])
    for name, words in reports:
        is_single = words.count("VALIDSIG") == words.count("GOODSIG") == words.count("NEWSIG") == 1
        # The last file is without its end where gpg stopped.
        yield name, frozenset(words if is_single and words[-1] == "FILE_DONE" else ())
