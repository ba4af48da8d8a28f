"""Detached signatures judged by gpgv against nothing but the keys given."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.findings import SignatureCheck, SignatureStatus, find_weaknesses, get_expiry_day
from altai_build.model.openpgp import PublicKey, Signature, dearmor, parse_signature
from altai_build.tools import process
from altai_build.tools.openpgp.keyfile import read_public_keys


def verify_detached(
    path: Path, signature_file: Path, key_files: Sequence[Path], *, now: datetime | None = None
) -> SignatureCheck:
    """The check of `path` against the signature in `signature_file`, for a reader who trusts exactly these keys.

    A missing signature file is UNSIGNED. As with packages an expired key does not change the status but is told.
    Raises InputError for an unreadable key file.
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
            status, detail = _ask_gpgv(data, armored, tuple(_dearmored(file) for file in key_files))
    key = next((one for one in keys if signature and one.covers(signature.key_id)), None)
    if status is SignatureStatus.UNKNOWN_KEY and key is not None:
        status = SignatureStatus.KEY_UNSUITABLE
    return SignatureCheck(
        path=path,
        status=status,
        signature=signature,
        fingerprint=key.fingerprint if key else None,
        weaknesses=find_weaknesses([signature], key) if signature else (),
        key_expired_on=get_expiry_day(key, moment),
        signed_after_expiry=_after_expiry(signature, key),
        detail=detail,
    )


def _after_expiry(signature: Signature | None, key: PublicKey | None) -> bool:
    """True when the key had expired when it signed."""
    if signature is None or signature.created is None or key is None or key.expires is None:
        return False
    return signature.created > key.expires


@functools.lru_cache(maxsize=4096)
def _ask_gpgv(data: bytes, signature: bytes, keys: tuple[bytes, ...]) -> tuple[SignatureStatus, str]:
    """gpgv's verdict and its words, from its status lines (GnuPG's doc/DETAILS), not from its exit status.

    It is asked once about the same bytes: a release takes over signatures that are good, and is verified as a whole.
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


def _dearmored(file: Path) -> bytes:
    """A key file as gpgv reads it: binary, whatever it is on disk."""
    try:
        return dearmor(file.read_bytes())
    except ValueError as error:
        raise InputError(f"the key file {file} cannot be used", why=str(error)) from error
