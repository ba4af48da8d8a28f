"""The signatures of RPM files: read without librpm, and judged by `rpmkeys` with a ring of our choosing.

rpm's own exit status is no judgement (rpm 4.18): by default an unsigned file passes, a version 6 signature looks like
none, ECDSA looks like a bad signature, and a key that would not import looks like a key that is not there. So: level
`all`, a ring that holds nothing but the keys given (never the host's), and a verdict from every line it prints.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.findings import SignatureCheck, SignatureStatus, find_weaknesses, get_expiry_day
from altai_build.model.openpgp import KeyId, PublicKey, Signature, parse_signature
from altai_build.tools import process, processors
from altai_build.tools.files import remove_tree
from altai_build.tools.openpgp.keyfile import read_public_keys

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_LEAD_SIZE = 96
_HEADER_MAGIC = b"\x8e\xad\xe8\x01"
_MAX_HEADER_SIZE = 64 << 20  # rpm's own limit (lib/header.c, HEADER_DATA_MAX is 256 MiB for the main header)
# Tags of the signature header (lib/rpmtag.h); header signatures first, they are what every rpm since 4.0 checks.
_SIGNATURE_TAGS = {268: "RSAHEADER", 267: "DSAHEADER", 1002: "SIGPGP", 1005: "SIGGPG", 278: "OPENPGP"}
_TYPE_BIN, _TYPE_STRING_ARRAY = 7, 8
_RPM4_ALGORITHMS = ("RSA", "DSA", "EdDSA")
_CHECK_LINE = re.compile(
    r"    (?P<what>.*?(?P<kind>[Ss]ignature|digest)(?:, key ID [0-9a-f]+)?): (?P<result>[A-Z]+)(?P<more>.*)"
)
# Files a process: so many that starting it costs little, so few that their names are arguments however long they are.
_MIN_BATCH, _MAX_BATCH = 50, 500


def read_signatures(path: Path) -> tuple[Signature, ...]:
    """Every signature in an RPM's signature header, in rpm's order of preference; empty when it is unsigned.

    Reads the first pages of the file only and runs no foreign code on it. Raises InputError when it is no RPM.
    """
    try:
        with open(path, "rb") as stream:
            return tuple(_signatures(stream))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as an RPM package",
            why=getattr(error, "strerror", None) or str(error),
            todo="fetch or build it again",
        ) from error


def _signatures(stream: IO[bytes]) -> Iterator[Signature]:
    """The signatures of an open RPM; raises ValueError where its lead or signature header is malformed."""
    if stream.read(_LEAD_SIZE)[:4] != b"\xed\xab\xee\xdb":
        raise ValueError("it does not start as an RPM does")
    head = stream.read(16)
    if head[:4] != _HEADER_MAGIC or len(head) != 16:
        raise ValueError("it has no signature header")
    count, size = struct.unpack(">8xII", head)
    if count > size or size > _MAX_HEADER_SIZE:
        raise ValueError("its signature header is of impossible size")
    index, store = stream.read(count * 16), stream.read(size)
    if len(index) != count * 16 or len(store) != size:
        raise ValueError("it ends within its signature header")
    entries = {tag: rest for tag, *rest in struct.iter_unpack(">IIII", index)}
    for tag, name in _SIGNATURE_TAGS.items():
        if tag in entries:
            yield from (_describe(packet, name) for packet in _values(store, *entries[tag]))


def _values(store: bytes, kind: int, offset: int, count: int) -> list[bytes]:
    """The binary values of one entry: one blob, or an array of base64 strings (OPENPGP, rpm 6)."""
    if kind == _TYPE_BIN:
        return [store[offset : offset + count]]
    if kind != _TYPE_STRING_ARRAY:
        raise ValueError("a signature entry of an unknown type")
    strings = store[offset:].split(b"\0", count)[:count]
    try:
        return [base64.b64decode(string, validate=True) for string in strings]
    except binascii.Error as error:
        raise ValueError(f"a signature is not base64: {error}") from error


def _describe(packet: bytes, tag: str) -> Signature:
    """A signature of a form unknown here is still a signature: the file must not pass for unsigned."""
    try:
        return parse_signature(packet, tag=tag)
    except ValueError as error:
        return Signature(
            tag=tag, version=0, key_id=KeyId(""), algorithm=str(error), hash_algorithm="", created=None
        )


@dataclass(frozen=True)
class _CheckLine:
    """One result that `rpmkeys --checksig --verbose` printed."""

    is_signature: bool
    result: str  # OK, NOTFOUND, NOKEY, BAD, …
    text: str


@dataclass(frozen=True)
class _CheckReport:
    """What rpmkeys said of one file."""

    lines: tuple[_CheckLine, ...]
    complaint: str  # what it said on standard error


def verify_signatures(
    paths: Sequence[Path], key_files: Sequence[Path], *, now: datetime | None = None
) -> tuple[SignatureCheck, ...]:
    """The verdict on each file for a client that trusts exactly the keys in `key_files`, in the order given.

    Files are judged in a few child processes, so that a file that crashes librpm is one DAMAGED verdict and not our
    end. `now` decides which keys count as expired. Raises InputError for an unreadable key file.
    """
    keys = tuple(key for file in key_files for key in read_public_keys(file))
    moment = now or datetime.now(timezone.utc)
    with _temporary_keyring(key_files) as ring, _pool() as pool:
        reports = _run_checks(paths, ring, pool)
        read = [_read_signatures_or_error(path) for path in paths]  # while rpmkeys works
        return tuple(
            _check_signatures(path, report, signatures, keys, moment)
            for path, report, signatures in zip(paths, reports, read)
        )


def verify_signature(path: Path, key_files: Sequence[Path], *, now: datetime | None = None) -> SignatureCheck:
    """`verify_signatures` for one file."""
    return verify_signatures([path], key_files, now=now)[0]


def find_damaged_packages(paths: Sequence[Path]) -> tuple[tuple[Path, str], ...]:
    """(file, what is wrong) for each file whose digests do not fit its bytes; signatures are not looked at."""
    damaged = []
    with _temporary_keyring(()) as ring, _pool() as pool:
        for path, report in zip(paths, _run_checks(paths, ring, pool, "--nosignature")):
            bad = [line.text for line in report.lines if not line.is_signature and line.result == "BAD"]
            if bad or not any(line.result == "OK" for line in report.lines):
                damaged.append((path, "; ".join(bad) or report.complaint or "it holds no digest at all"))
    return tuple(damaged)


@contextmanager
def _temporary_keyring(key_files: Sequence[Path]) -> Iterator[Path]:
    """A private ring with what rpm will import of these files; a refused key is told from the verdicts.

    rpm's `fs` keyring is a folder of key files: it costs 3 ms where a database costs 10, and opens no rpmdb at all.
    """
    home = Path(tempfile.mkdtemp(prefix="altai-ring."))
    try:
        (home / "keys").mkdir()
        for file in key_files:
            process.run(
                [*_rpmkeys(home), "--import", str(file.absolute())],
                env={"HOME": str(home)},
                ok=process.ANY_STATUS,
            )
        yield home
    finally:
        remove_tree(home)


def _rpmkeys(home: Path) -> list[str]:
    """rpmkeys with every setting that decides a verdict fixed here, whatever the host's macros say."""
    macros = {"_keyring": "fs", "_keyringpath": str(home / "keys"), "_dbpath": str(home / "db")}
    macros.update({"_pkgverify_level": "all", "_pkgverify_flags": "0x0"})
    return ["rpmkeys", *(word for name, value in macros.items() for word in ("--define", f"{name} {value}"))]


def _pool() -> ThreadPoolExecutor:
    """Threads to wait for one rpmkeys a core."""
    # Loads logging, which who only reads signatures can do without.
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(processors.available())


def _run_checks(
    paths: Sequence[Path], ring: Path, pool: ThreadPoolExecutor, *options: str
) -> Iterator[_CheckReport]:
    """rpmkeys' report on each file, as they come; it has begun to work on all of them when this returns."""
    for path in paths:
        if "\n" in str(path):
            raise InputError(f"a package file may not have a line break in its name: {str(path)!r}")
    share = -(-len(paths) // processors.available())
    size = min(max(share, _MIN_BATCH), _MAX_BATCH)
    batches = [paths[at : at + size] for at in range(0, len(paths), size)]
    return chain.from_iterable(pool.map(lambda batch: _check_batch(batch, ring, options), batches))


def _check_batch(paths: Sequence[Path], ring: Path, options: Sequence[str]) -> list[_CheckReport]:
    """One rpmkeys process for all; should it die, one for each, so that the culprit is known."""
    names = [str(path.absolute()) for path in paths]
    with tempfile.TemporaryFile(
        dir=ring
    ) as told:  # from a pipe every file's few lines would be fetched by themselves
        result = process.run(
            [*_rpmkeys(ring), "--checksig", "--verbose", *options, *names],
            env={"HOME": str(ring)},
            stdout=told,
            ok=process.ANY_END,
            timeout=600,
        )
        told.seek(0)
        text = told.read().decode("utf-8", "surrogateescape")
    reports = _split_reports(names, text, result.stderr.decode("utf-8", "surrogateescape"))
    if result.returncode < 0 or reports is None:
        if len(paths) == 1:
            return [
                _CheckReport(lines=(), complaint=f"rpmkeys {process.describe_exit(result.returncode)} on it")
            ]
        return [report for path in paths for report in _check_batch([path], ring, options)]
    passed = all(line.result == "OK" for report in reports for line in report.lines)
    if passed and result.returncode and not options:
        if len(paths) > 1:
            return [report for path in paths for report in _check_batch([path], ring, options)]
        return [
            _CheckReport(lines=(), complaint=result.error_text or "rpmkeys refused it and did not say why")
        ]
    return reports


def _split_reports(names: Sequence[str], stdout: str, stderr: str) -> list[_CheckReport] | None:
    """The report of each file, in order; None when the text does not have one section for each file."""
    sections: list[list[_CheckLine]] = []
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
        _CheckReport(
            lines=tuple(lines), complaint="; ".join(row for row in complaints if f" {name}: " in row)
        )
        for name, lines in zip(names, sections)
    ]


@lru_cache(maxsize=1024)  # most rows say the same of every package
def _parse_check_line(row: str) -> _CheckLine:
    """A row that has not the known form is kept as a failed signature: silence must not pass."""
    match = _CHECK_LINE.fullmatch(row)
    if match is None:
        return _CheckLine(is_signature=True, result="UNKNOWN", text=row.strip())
    return _CheckLine(is_signature=match["kind"] != "digest", result=match["result"], text=row.strip())


def _read_signatures_or_error(path: Path) -> tuple[Signature, ...] | InputError:
    try:
        return read_signatures(path)
    except InputError as error:
        return error


def _check_signatures(
    path: Path,
    report: _CheckReport,
    signatures: tuple[Signature, ...] | InputError,
    keys: Sequence[PublicKey],
    now: datetime,
) -> SignatureCheck:
    """The check of one file from rpmkeys' report and our own reading of its signatures."""
    if isinstance(signatures, InputError):
        report = _CheckReport(lines=(), complaint=report.complaint or signatures.why)
        signatures = ()
    signature = signatures[0] if signatures else None
    key = next((one for one in keys if signature and one.covers(signature.key_id)), None)
    expired = get_expiry_day(key, now)
    return SignatureCheck(
        path=path,
        status=_verdict(report, signatures, key),
        signature=signature,
        fingerprint=key.fingerprint if key else None,
        weaknesses=find_weaknesses(signatures, key),
        key_expired_on=expired,
        signed_after_expiry=bool(
            expired
            and key
            and key.expires
            and signature
            and signature.created
            and signature.created > key.expires
        ),
        detail="; ".join(line.text for line in report.lines if line.result != "OK") or report.complaint,
    )


def _verdict(report: _CheckReport, signatures: Sequence[Signature], key: PublicKey | None) -> SignatureStatus:
    """Worst first: bytes that changed, then a signature that is wrong, then one that cannot be checked, then none."""
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
