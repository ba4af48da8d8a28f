"""Read public key files, without importing the keys."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from altai_build.errors import InputError, describe_cause
from altai_build.model.armor import dearmor
from altai_build.model.key_packets import parse_keys, rewrite_keys
from altai_build.model.openpgp import PublicKey
from altai_build.regular_files import read_regular_file

_MAX_KEY_FILE = 4 << 20  # bytes; keys with many certifications have some hundred thousand

T = TypeVar("T")

# A release has many signatures by few keys: the same bytes are parsed once.
_parse_keys = functools.lru_cache(maxsize=16)(parse_keys)
_dearmor = functools.lru_cache(maxsize=16)(dearmor)
_rewrite_keys = functools.lru_cache(maxsize=16)(rewrite_keys)


def read_public_keys(path: Path) -> tuple[PublicKey, ...]:
    """The keys in a public key file; raises InputError when it is unreadable or holds none."""
    return _read(path, _parse_keys)


def read_user_ids(paths: Iterable[Path]) -> dict[str, str]:
    """Fingerprint → user id of the keys in public key files. Raises InputError when one is unreadable."""
    return {key.fingerprint: key.uid for path in paths for key in read_public_keys(path)}


def read_key_packets(path: Path) -> bytes:
    """The content of a public key file without ASCII armor, which gpgv cannot read. Raises InputError."""
    return _read(path, _dearmor)


def read_rewritten_keys(path: Path) -> bytes:
    """The keys in a public key file in the form that every client reads, rpm too. Raises InputError."""
    return _read(path, _rewrite_keys)


def _read(path: Path, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(read_regular_file(path, limit=_MAX_KEY_FILE))
    except (OSError, ValueError) as error:
        own = (
            "make your own key with `altai-build keys init NAME`, "
            if isinstance(error, FileNotFoundError)
            else ""
        )
        raise InputError(
            f"cannot use the key file {path}",
            why=describe_cause(error),
            todo=f"{own}export the key with `gpg --armor --export KEYID`, or name another file (--key, or `file` under "
            "`keys` in repos.yaml)",
        ) from error
