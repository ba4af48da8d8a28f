"""Verify detached signatures with gpgv, against the given public keys and no others."""

from __future__ import annotations

import functools
from collections.abc import Sequence
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
from altai_build.tools import process
from altai_build.tools.leftovers import temporary_directory
from altai_build.tools.openpgp.keyfile import read_key_packets, read_public_keys

# Bytes.
_MAX_SIGNATURE_FILE = 1 << 20
_MAX_SIGNED_FILE = 256 << 20
# Of one file, by keys that are given. Each costs a process.
_MAX_SIGNATURES = 16
# The reason that gpgv gives by its number: GPG_ERR_WRONG_KEY_USAGE.
_WRONG_KEY_USAGE = "125"


def verify_detached(
    path: Path, signature_file: Path, key_files: Sequence[Path], *, now: datetime | None = None
) -> SignatureCheck:
    """Check the signature of `path` in `signature_file`, as a client that trusts exactly these keys.

    Of several signatures one good one is enough, as for librepo. A missing signature file is UNSIGNED. Raises
    InputError for an unreadable key file.
    """
    moment = now or datetime.now(timezone.utc)
    keys = tuple(key for file in key_files for key in read_public_keys(file))
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
    known = [found for found in signatures if find_key(keys, found[0]) is not None]
    checks = []
    for signature, packet in known[:_MAX_SIGNATURES]:
        status = _run_gpgv(data, packet, tuple(read_key_packets(file) for file in key_files))
        part = find_key_part(keys, signature)
        detail = ""
        if status is SignatureStatus.GOOD and part is not None:
            status, detail = judge_signature(signature, part, moment)
        elif status is SignatureStatus.BAD_SIGNATURE:
            detail = describe_other_content(find_key(keys, signature))
        elif status is SignatureStatus.KEY_UNSUITABLE:
            detail = "gpgv cannot use the key"
        checks.append(_make_check(path, signature, keys, moment, status, detail))
        if checks[-1].is_good:
            return checks[-1]
    if checks:
        return checks[0]
    ids = ", ".join(signature.key_id or "no key id" for signature, _ in signatures[:_MAX_SIGNATURES])
    detail = f"it is signed with {ids}" if len(signatures) > 1 else ""
    return _make_check(path, signatures[0][0], keys, moment, SignatureStatus.UNKNOWN_KEY, detail)


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


@functools.lru_cache(maxsize=4096)
def _run_gpgv(data: bytes, signature: bytes, keys: tuple[bytes, ...]) -> SignatureStatus:
    """gpgv's result, read from its status lines (GnuPG's doc/DETAILS), not from its exit status.

    The cache saves a process for each signature that a release reuses: it is checked when the release is made, and
    again when the whole release is verified.
    """
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
