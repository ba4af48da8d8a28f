"""The signatures of RPM files: read without librpm, and verified by `rpmkeys` with the given keys and no others.

The exit status of rpm 4.18 does not tell enough: by default an unsigned file passes, a version 6 signature looks like
none, ECDSA looks like a bad signature, and a key that rpm refuses to import looks like a missing key. So rpmkeys gets
verification level `all` and a keyring that holds only the given keys (never the host's), and every line of its output
decides about the result.
"""

from __future__ import annotations

import base64
import binascii
import signal
import struct
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING

from altai_build.errors import InputError, describe_cause
from altai_build.model.openpgp import KeyId, PublicKey, Signature, parse_signature
from altai_build.model.signature import (
    SignatureCheck,
    SignatureStatus,
    find_key,
    find_key_part,
    find_weaknesses,
    get_expiry_day,
    judge_signature,
)
from altai_build.regular_files import is_special_file, open_regular_file, read_regular_file
from altai_build.tools import commands, process, processors
from altai_build.tools.leftovers import temporary_directory
from altai_build.tools.openpgp.keyfile import read_public_keys, read_rewritten_keys
from altai_build.tools.rpm.check_report import (
    CheckReport,
    describe_bad_digests,
    describe_damage,
    describe_status,
    determine_status,
    note_report,
    split_reports,
)

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_LEAD_SIZE = 96
_HEADER_MAGIC = b"\x8e\xad\xe8\x01"
_MAX_HEADER_SIZE = 64 << 20  # rpm's own limit (lib/header.c, HEADER_DATA_MAX is 256 MiB for the main header)
# Tags of the signature header (lib/rpmtag.h); header signatures first, they are what every rpm since 4.0 checks.
_SIGNATURE_TAGS = {268: "RSAHEADER", 267: "DSAHEADER", 1002: "SIGPGP", 1005: "SIGGPG", 278: "OPENPGP"}
_GOOD = SignatureStatus.GOOD
_TYPE_BIN, _TYPE_STRING_ARRAY = 7, 8
# Files per rpmkeys process: enough that starting it costs little, few enough that their names fit on a command line.
_MIN_BATCH, _MAX_BATCH = 50, 500
# The texts of imported key files → the files of their keyring.
_rings: dict[tuple[bytes, ...], Mapping[str, bytes]] = {}
_making_ring = threading.Lock()


def read_signatures(path: Path) -> tuple[Signature, ...]:
    """Every signature in an RPM's signature header, in rpm's order of preference; empty when it is unsigned.

    Reads only the first pages of the file, without librpm. Raises InputError when it is not an RPM.
    """
    try:
        with open_regular_file(path) as stream:
            return tuple(_parse_signatures(stream))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} is not a readable RPM package",
            why=describe_cause(error),
            todo="fetch or build it again",
        ) from error


def read_signed_part(path: Path) -> bytes:
    """What signing changes of a package: everything before the header. Raises OSError, ValueError."""
    with open_regular_file(path) as stream:
        part = b"".join(_read_beginning(stream))
        return part + stream.read(-len(part) % 8)


def _parse_signatures(stream: IO[bytes]) -> Iterator[Signature]:
    """The signatures of an open RPM; raises ValueError where its lead or signature header is malformed."""
    _, _, index, store = _read_beginning(stream)
    entries = {tag: rest for tag, *rest in struct.iter_unpack(">IIII", index)}
    for tag, name in _SIGNATURE_TAGS.items():
        if tag in entries:
            yield from (_parse_or_describe(packet, name) for packet in _read_values(store, *entries[tag]))


def _read_beginning(stream: IO[bytes]) -> tuple[bytes, bytes, bytes, bytes]:
    """The lead of an open RPM, and of its signature header the first bytes, index and store. Raises ValueError."""
    lead = stream.read(_LEAD_SIZE)
    if lead[:4] != b"\xed\xab\xee\xdb":
        raise ValueError("it does not start like an RPM")
    head = stream.read(16)
    if head[:4] != _HEADER_MAGIC or len(head) != 16:
        raise ValueError("it has no signature header")
    count, size = struct.unpack(">8xII", head)
    if count > size or size > _MAX_HEADER_SIZE:
        raise ValueError("its signature header has an impossible size")
    index, store = stream.read(count * 16), stream.read(size)
    if len(index) != count * 16 or len(store) != size:
        raise ValueError("it ends within its signature header")
    return lead, head, index, store


def _read_values(store: bytes, kind: int, offset: int, count: int) -> list[bytes]:
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


def _parse_or_describe(packet: bytes, tag: str) -> Signature:
    """The signature; one that cannot be parsed is listed too, so that the file does not look unsigned."""
    try:
        return parse_signature(packet, tag=tag)
    except ValueError as error:
        return Signature(
            tag=tag, version=0, key_id=KeyId(""), algorithm=str(error), hash_algorithm="", created=None
        )


_NOT_REGULAR = CheckReport(lines=(), error_text="not a regular file")


def verify_signatures(
    paths: Sequence[Path], key_files: Sequence[Path], *, now: datetime | None = None
) -> tuple[SignatureCheck, ...]:
    """The check of each file, in the order given, for a client that trusts exactly the keys in `key_files`.

    Child processes read the files: one that crashes librpm is reported as DAMAGED and does not end this process.
    `now` decides which keys are expired. Raises InputError for an unreadable key file.
    """
    keys = tuple(key for file in key_files for key in read_public_keys(file))
    moment = now or datetime.now(timezone.utc)
    with _temporary_keyring(key_files) as ring, _pool() as pool:
        reports = _run_checks(paths, ring, pool)
        # Read while rpmkeys runs.
        signatures = [_read_signatures_or_error(path) for path in paths]
        return tuple(
            _check_signatures(path, report, found, keys, moment)
            for path, report, found in zip(paths, reports, signatures)
        )


def verify_signature(path: Path, key_files: Sequence[Path], *, now: datetime | None = None) -> SignatureCheck:
    """`verify_signatures` for one file."""
    return verify_signatures([path], key_files, now=now)[0]


def find_damaged_packages(paths: Sequence[Path]) -> tuple[tuple[Path, str], ...]:
    """(file, what is wrong) for each file that does not match its digests; signatures are not verified."""
    damaged = []
    with _temporary_keyring(()) as ring, _pool() as pool:
        for path, report in zip(paths, _run_checks(paths, ring, pool, "--nosignature")):
            bad = [line.text for line in report.lines if not line.is_signature and line.result == "BAD"]
            if bad or not any(line.result == "OK" for line in report.lines):
                note_report(report)
                damaged.append((path, describe_bad_digests(report) if bad else describe_damage(path, report)))
    return tuple(damaged)


@contextmanager
def _temporary_keyring(key_files: Sequence[Path]) -> Iterator[Path]:
    """A temporary keyring with the keys of these files that rpm imports.

    rpm gets them in the form that it reads, as a release publishes them. A key that it refuses to import nevertheless
    shows in the results as KEY_UNSUITABLE. rpm's `fs` keyring is a folder of key files: no rpmdb is opened.
    """
    files = _list_ring_files(tuple(read_rewritten_keys(file) for file in key_files))
    with temporary_directory("ring") as home:
        (home / "keys").mkdir()
        for name, content in files.items():
            (home / "keys" / name).write_bytes(content)
        yield home


def _list_ring_files(texts: tuple[bytes, ...]) -> Mapping[str, bytes]:
    """The files of the keyring that rpm makes of some key files, imported one after the other.

    A run checks many repositories with few keys, and rpm makes the same files of the same keys. Where it refused one,
    it is asked again: the reason may be another than the key.
    """
    with _making_ring:
        files = _rings.get(texts)
        if files is None:
            with temporary_directory("ring") as home:
                (home / "keys").mkdir()
                imported = []
                for number, text in enumerate(texts):
                    (home / f"{number}.asc").write_bytes(text)
                    imported.append(_import_keys(home / f"{number}.asc", home))
                found = (home / "keys").iterdir()
                files = {file.name: read_regular_file(file, limit=_MAX_HEADER_SIZE) for file in found}
            if all(imported):
                _rings[texts] = files
        return files


def can_import_keys(file: Path) -> bool:
    """False when `rpm --import` refuses a key file only because of its form: binary, or blanks at the ends of lines.

    A key that rpm refuses in every form is a matter of the key. Raises InputError for an unreadable key file.
    """
    rewritten = read_rewritten_keys(file)
    if read_regular_file(file, limit=_MAX_HEADER_SIZE) == rewritten:
        return True
    with _temporary_keyring(()) as home:
        (home / "rewritten").write_bytes(rewritten)
        return _import_keys(file, home) or not _import_keys(home / "rewritten", home)


def _import_keys(file: Path, home: Path) -> bool:
    """Import the keys of a file into the temporary keyring; False when rpm refuses some."""
    command = [*_rpmkeys(home), "--import", str(file.absolute())]
    return process.run(command, env={"HOME": str(home)}, ok=process.ANY_STATUS).returncode == 0


def _rpmkeys(home: Path) -> list[str]:
    """rpmkeys with every setting that decides a result set here, whatever the macros of the host are."""
    macros = {"_keyring": "fs", "_keyringpath": str(home / "keys"), "_dbpath": str(home / "db")}
    macros.update({"_pkgverify_level": "all", "_pkgverify_flags": "0x0"})
    return ["rpmkeys", *(word for name, value in macros.items() for word in ("--define", f"{name} {value}"))]


def _pool() -> ThreadPoolExecutor:
    """As many threads as there are processors; each waits for one rpmkeys."""
    # Loads logging, which is not needed to read signatures.
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(processors.available())


def _run_checks(
    paths: Sequence[Path], ring: Path, pool: ThreadPoolExecutor, *options: str
) -> Iterator[CheckReport]:
    """rpmkeys' report on each file; the processes have started when this returns."""
    for path in paths:
        if "\n" in str(path):
            raise InputError(f"the name of a package file contains a line break: {str(path)!r}")
    # rpmkeys would wait for a FIFO, and read a device without end.
    special = {path for path in paths if is_special_file(path)}
    files = [path for path in paths if path not in special] if special else paths
    share = -(-len(files) // processors.available())
    size = min(max(share, _MIN_BATCH), _MAX_BATCH)
    batches = [files[at : at + size] for at in range(0, len(files), size)]
    reports = chain.from_iterable(pool.map(lambda batch: _check_batch(batch, ring, options), batches))
    return (_NOT_REGULAR if special and path in special else next(reports) for path in paths)


def _check_batch(paths: Sequence[Path], ring: Path, options: Sequence[str]) -> list[CheckReport]:
    """The reports of one rpmkeys process; if it crashes, of one process per file, so that the damaged file is known."""
    names = [str(path.absolute()) for path in paths]
    # A file, because rpmkeys flushes after every package: a pipe would be read once for each.
    with tempfile.TemporaryFile(dir=ring) as output:
        result = process.run(
            [*_rpmkeys(ring), "--checksig", "--verbose", *options, *names],
            env={"HOME": str(ring)},
            stdout=output,
            ok=process.ANY_END,
            timeout=600,
        )
        output.seek(0)
        text = output.read().decode("utf-8", "surrogateescape")
    if commands.READ_ERROR.search(text + result.error_text):
        raise process.ProgramFailed(result._replace(stderr=result.stderr or text.encode()))
    reports = split_reports(names, text, result.stderr.decode("utf-8", "surrogateescape"))
    if result.returncode < 0 or reports is None:
        if len(paths) == 1:
            if result.returncode == -signal.SIGKILL and not result.stderr.strip():
                # By the kernel or a person, and not by our time limit, which says so: that is no fault of the file.
                raise process.ProgramFailed(result)
            why = f"rpmkeys {commands.describe_exit(result.returncode)} on it"
            return [CheckReport(lines=(), error_text=why)]
        return [report for path in paths for report in _check_batch([path], ring, options)]
    passed = all(line.result == "OK" for report in reports for line in report.lines)
    if passed and result.returncode and not options:
        if len(paths) > 1:
            return [report for path in paths for report in _check_batch([path], ring, options)]
        return [CheckReport(lines=(), error_text=result.error_text or "rpmkeys refused it without a reason")]
    return reports


def _read_signatures_or_error(path: Path) -> tuple[Signature, ...] | InputError:
    try:
        return read_signatures(path)
    except InputError as error:
        return error


def _check_signatures(
    path: Path,
    report: CheckReport,
    signatures: tuple[Signature, ...] | InputError,
    keys: Sequence[PublicKey],
    now: datetime,
) -> SignatureCheck:
    """The check of one file from rpmkeys' report and our own reading of its signatures."""
    if isinstance(signatures, InputError):
        report = CheckReport(lines=(), error_text=report.error_text or signatures.why)
        signatures = ()
    signature = signatures[0] if signatures else None
    key, part = find_key(keys, signature), find_key_part(keys, signature)
    status = determine_status(report, signatures, key)
    if status is SignatureStatus.GOOD:
        status, detail = _judge_signatures(signatures, keys, now)
    else:
        note_report(report)
        detail = describe_status(path, status, report, signature, key)
    return SignatureCheck(
        path=path,
        status=status,
        signature=signature,
        fingerprint=key.fingerprint if key else None,
        weaknesses=find_weaknesses(signatures, part),
        key_expired_on=get_expiry_day(part, now),
        detail=detail,
    )


def _judge_signatures(
    signatures: Sequence[Signature], keys: Sequence[PublicKey], now: datetime
) -> tuple[SignatureStatus, str]:
    """The judgement on the signatures that rpm found correct: all must be good, as clients check different ones."""
    parts = [(signature, find_key_part(keys, signature)) for signature in signatures]
    judged = [judge_signature(signature, part, now) for signature, part in parts if part is not None]
    if not judged:
        return SignatureStatus.UNKNOWN_KEY, "no signature names one of the keys"
    return next((judgement for judgement in judged if judgement[0] is not _GOOD), judged[0])
