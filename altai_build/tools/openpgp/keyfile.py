"""Public key files, read without importing them."""

from __future__ import annotations

from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.openpgp import PublicKey, parse_keys


def read_public_keys(path: Path) -> tuple[PublicKey, ...]:
    """The keys of a public key file, without importing them; raises InputError when it holds none."""
    try:
        return parse_keys(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            f"the key file {path} cannot be used",
            why=getattr(error, "strerror", None) or str(error),
            todo="export it with `gpg --armor --export KEYID`, or correct `file` under `keys` in repos.yaml",
        ) from error
