"""Verify detached signatures with gpgv, against the given public keys and no others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from altai_build.errors import describe_cause
from altai_build.model.openpgp import PublicKey, Signature, split_signatures
from altai_build.model.signature import (
    SignatureCheck,
    SignatureStatus,
    describe_other_content,
    find_key,
    find_key_part,
    find_weaknesses,
    get_expiry_day,
    judge_signature,
)
from altai_build.regular_files import read_regular_file
from altai_build.tools import process, processors
from altai_build.tools.leftovers import temporary_directory
from altai_build.tools.openpgp.keyfile import read_key_packets, read_public_keys

# Bytes.
_MAX_SIGNATURE_FILE = 1 << 20
_MAX_SIGNED_FILE = 256 << 20
# Of one file, by keys that are given. Each costs a process.
_MAX_SIGNATURES = 16
# Fewer are left to gpgv, whose process is smaller. More may be in memory at once than is needed, or on a command line.
_MIN_BATCH, _MAX_BATCH = 3, 500
_MAX_SMALL_FILE = 64 << 10  # bytes
# The digests of what was proved in this process: of which data, signature and keys.
_proved: set[bytes] = set()
# The reason that gpgv gives by its number: GPG_ERR_WRONG_KEY_USAGE.
_WRONG_KEY_USAGE = "125"


@dataclass(frozen=True)
class _SignedFile:
    """A file that was read, and its signatures with their packets."""

    path: Path
    data: bytes
    signatures: tuple[tuple[Signature, bytes], ...]


def verify_detached(
    path: Path, signature_file: Path, key_files: Sequence[Path], *, now: datetime | None = None
) -> SignatureCheck:
    """Check the signature of `path` in `signature_file`, as a client that trusts exactly these keys.

    Of several signatures one good one is enough, as for librepo. A missing signature file is UNSIGNED. Raises
    InputError for an unreadable key file.
    """
    (check,) = verify_all_detached([(path, signature_file)], key_files, now=now)
    return check


def verify_all_detached(
    files: Sequence[tuple[Path, Path]], key_files: Sequence[Path], *, now: datetime | None = None
) -> tuple[SignatureCheck, ...]:
    """`verify_detached` for many (path, signature file), in their order; small files share the processes of gpg."""
    moment = now or datetime.now(timezone.utc)
    keys = tuple(key for file in key_files for key in read_public_keys(file))
    packets = tuple(read_key_packets(file) for file in key_files)
    size = min(_MAX_BATCH, -(-len(files) // processors.available()))

    def check(batch: Sequence[tuple[Path, Path]]) -> list[SignatureCheck]:
        read = [_read_signed_file(*names, keys, moment) for names in batch]
        _prove_together([one for one in read if isinstance(one, _SignedFile)], keys, packets)
        return [
            one if isinstance(one, SignatureCheck) else _check(one, keys, packets, moment) for one in read
        ]

    if len(files) <= 1:
        return tuple(check(files))
    # Most commands check single files.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(processors.available()) as pool:
        batches = pool.map(check, (files[at : at + size] for at in range(0, len(files), size)))
        return tuple(one for checks in batches for one in checks)


def _read_signed_file(
    path: Path, signature_file: Path, keys: Sequence[PublicKey], moment: datetime
) -> _SignedFile | SignatureCheck:
    if _is_missing(signature_file):
        return _make_check(
            path, None, keys, moment, SignatureStatus.UNSIGNED, f"there is no {signature_file.name}"
        )
    try:
        data = read_regular_file(path, limit=_MAX_SIGNED_FILE)
        signatures = split_signatures(read_regular_file(signature_file, limit=_MAX_SIGNATURE_FILE))
    except (OSError, ValueError) as error:
        detail = describe_cause(error)
        return _make_check(path, None, keys, moment, SignatureStatus.DAMAGED, detail)
    return _SignedFile(path, data, signatures)


def _prove_together(
    files: Sequence[_SignedFile], keys: Sequence[PublicKey], packets: tuple[bytes, ...]
) -> None:
    """Note which of many small files have a good signature; the others are left to gpgv."""
    if len(files) < _MIN_BATCH:
        return
    from altai_build.tools.openpgp.joint import SignedData, find_proved

    signed = [
        SignedData(file.data, packet)
        for file in files
        if len(file.data) <= _MAX_SMALL_FILE and len(file.signatures) == 1
        for signature, packet in file.signatures
        if find_key(keys, signature) is not None and _digest(file.data, packet, packets) not in _proved
    ]
    if len(signed) >= _MIN_BATCH:
        for number in find_proved(signed, packets):
            _proved.add(_digest(signed[number].data, signed[number].signature, packets))


def _check(
    file: _SignedFile, keys: Sequence[PublicKey], packets: tuple[bytes, ...], moment: datetime
) -> SignatureCheck:
    """The check of a file by the first good signature, else by the first that one of the keys made."""
    known = [found for found in file.signatures if find_key(keys, found[0]) is not None]
    checks = []
    for signature, packet in known[:_MAX_SIGNATURES]:
        status = _find_status(file.data, packet, packets)
        part = find_key_part(keys, signature)
        detail = ""
        if status is SignatureStatus.GOOD and part is not None:
            status, detail = judge_signature(signature, part, moment)
        elif status is SignatureStatus.BAD_SIGNATURE:
            detail = describe_other_content(find_key(keys, signature))
        elif status is SignatureStatus.KEY_UNSUITABLE:
            detail = "gpgv cannot use the key"
        checks.append(_make_check(file.path, signature, keys, moment, status, detail))
        if checks[-1].is_good:
            return checks[-1]
    if checks:
        return checks[0]
    ids = ", ".join(signature.key_id or "no key id" for signature, _ in file.signatures[:_MAX_SIGNATURES])
    detail = f"it is signed with {ids}" if len(file.signatures) > 1 else ""
    return _make_check(file.path, file.signatures[0][0], keys, moment, SignatureStatus.UNKNOWN_KEY, detail)


def _is_missing(path: Path) -> bool:
    """True where there is nothing; what is there and cannot be read is something else."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _make_check(
    path: Path,
    signature: Signature | None,
    keys: Sequence[PublicKey],
    now: datetime,
    status: SignatureStatus,
    detail: str,
) -> SignatureCheck:
    key, part = find_key(keys, signature), find_key_part(keys, signature)
    return SignatureCheck(
        path=path,
        status=status,
        signature=signature,
        fingerprint=key.fingerprint if key else None,
        weaknesses=find_weaknesses([signature], part) if signature else (),
        key_expired_on=get_expiry_day(part, now),
        detail=detail,
    )


def _find_status(data: bytes, signature: bytes, keys: tuple[bytes, ...]) -> SignatureStatus:
    """gpgv's result; a good one is remembered.

    That saves a process for each signature that a release reuses: it is checked when the release is made, and again
    when the whole release is verified.
    """
    digest = _digest(data, signature, keys)
    if digest in _proved:
        return SignatureStatus.GOOD
    status = _run_gpgv(data, signature, keys)
    if status is SignatureStatus.GOOD:
        _proved.add(digest)
    return status


def _digest(data: bytes, signature: bytes, keys: tuple[bytes, ...]) -> bytes:
    """What a proof is about."""
    parts = (signature, *keys, data)
    return hashlib.sha256(
        b"".join(part for one in parts for part in (len(one).to_bytes(8, "big"), one))
    ).digest()


def _run_gpgv(data: bytes, signature: bytes, keys: tuple[bytes, ...]) -> SignatureStatus:
    """gpgv's result, read from its status lines (GnuPG's doc/DETAILS), not from its exit status."""
    with temporary_directory("gpgv") as home:
        (home / "signature").write_bytes(signature)
        # The times are judged by `judge_signature`.
        command = ["gpgv", "--homedir", str(home), "--ignore-time-conflict", "--status-fd", "1"]
        for number, key in enumerate(keys):
            ring = home / f"{number}.gpg"
            ring.write_bytes(key)
            command += ["--keyring", str(ring)]
        result = process.run([*command, "--", f"{home}/signature", "-"], input=data, ok=process.ANY_STATUS)
    rows = [line.split(" ")[1:] for line in result.text.splitlines() if line.startswith("[GNUPG:] ")]
    words = {row[0] for row in rows}
    if "VALIDSIG" in words and not words & {"BADSIG", "NO_PUBKEY", "ERRSIG", "FAILURE"}:
        return SignatureStatus.GOOD
    process.note_output(result.error_text)
    if any(row[0] == "ERRSIG" and row[6:7] == [_WRONG_KEY_USAGE] for row in rows):
        return SignatureStatus.WRONG_KEY_USE
    unsuitable = "NO_PUBKEY" in words and "BADSIG" not in words
    return SignatureStatus.KEY_UNSUITABLE if unsuitable else SignatureStatus.BAD_SIGNATURE
