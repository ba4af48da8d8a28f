"""Read public key files, without importing the keys."""

from __future__ import annotations

from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.openpgp import PublicKey, parse_keys


def read_public_keys(path: Path) -> tuple[PublicKey, ...]:
    """The keys in a public key file; raises InputError when it is unreadable or holds none."""
    try:
        return parse_keys(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot use the key file {path}",
            why=getattr(error, "strerror", None) or str(error),
            todo="export the key with `gpg --armor --export KEYID`, or correct `file` under `keys` in repos.yaml",
        ) from error
