"""Verify detached signatures with gpgv, against the given public keys and no others."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.findings import (
    SignatureCheck,
    SignatureStatus,
    find_weaknesses,
    get_expiry_day,
    is_signed_after_expiry,
)
from altai_build.model.openpgp import Signature, dearmor, parse_signature
from altai_build.tools import process
from altai_build.tools.openpgp.keyfile import read_public_keys


def verify_detached(
    path: Path, signature_file: Path, key_files: Sequence[Path], *, now: datetime | None = None
) -> SignatureCheck:
    """Check the signature of `path` in `signature_file`, as a client that trusts exactly these keys.

    A missing signature file is UNSIGNED. As with packages, the check says that a key has expired, but its status does
    not depend on that. Raises InputError for an unreadable key file.
    """
    moment = now or datetime.now(timezone.utc)
    keys = tuple(key for file in key_files for key in read_public_keys(file))
    signature: Signature | None = None
    if not signature_file.exists():
        status, detail = SignatureStatus.UNSIGNED, f"there is no {signature_file.name}"
    else:
        try:
            data, armored = path.read_bytes(), signature_file.read_bytes()
            signature = parse_signature(dearmor(armored))
        except (OSError, ValueError) as error:
            status, detail = SignatureStatus.DAMAGED, str(error)
        else:
            status, detail = _run_gpgv(data, armored, tuple(_read_binary_keys(file) for file in key_files))
    key = next((key for key in keys if signature and key.covers(signature.key_id)), None)
    if status is SignatureStatus.UNKNOWN_KEY and key is not None:
        status = SignatureStatus.KEY_UNSUITABLE
    return SignatureCheck(
        path=path,
        status=status,
        signature=signature,
        fingerprint=key.fingerprint if key else None,
        weaknesses=find_weaknesses([signature], key) if signature else (),
        key_expired_on=get_expiry_day(key, moment),
        signed_after_expiry=is_signed_after_expiry(signature, key, moment),
        detail=detail,
    )


@functools.lru_cache(maxsize=4096)
def _run_gpgv(data: bytes, signature: bytes, keys: tuple[bytes, ...]) -> tuple[SignatureStatus, str]:
    """gpgv's result and messages; the result is read from its status lines (GnuPG's doc/DETAILS), not its exit status.

    The cache saves a process for each signature that a release reuses: it is checked when the release is made, and
    again when the whole release is verified.
    """
    with tempfile.TemporaryDirectory(prefix="altai-gpgv.") as home:
        Path(home, "signature").write_bytes(signature)
        command = ["gpgv", "--homedir", home, "--status-fd", "1"]
        for number, key in enumerate(keys):
            ring = Path(home, f"{number}.gpg")
            ring.write_bytes(key)
            command += ["--keyring", str(ring)]
        result = process.run([*command, "--", f"{home}/signature", "-"], input=data, ok=process.ANY_STATUS)
    words = {line.split(" ")[1] for line in result.text.splitlines() if line.startswith("[GNUPG:] ")}
    if "BADSIG" in words:
        status = SignatureStatus.BAD_SIGNATURE
    elif "NO_PUBKEY" in words:
        status = SignatureStatus.UNKNOWN_KEY
    elif "VALIDSIG" in words and not words & {"ERRSIG", "EXPSIG", "FAILURE"}:
        status = SignatureStatus.GOOD
    else:
        status = SignatureStatus.BAD_SIGNATURE
    return status, "" if status is SignatureStatus.GOOD else result.error_text


def _read_binary_keys(file: Path) -> bytes:
    """The content of a key file without ASCII armor, which gpgv cannot read."""
    try:
        return dearmor(file.read_bytes())
    except ValueError as error:
        raise InputError(f"cannot use the key file {file}", why=str(error)) from error
