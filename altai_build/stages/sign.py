"""Sign each package once: a store keeps the signed copies by the digest of the unsigned package."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import SigningError
from altai_build.model.compat import Compat
from altai_build.model.quantity import format_count
from altai_build.model.signature import SignatureCheck
from altai_build.tools.files import (
    make_directory,
    remove_tree,
    scratch_directory,
    sha256_file,
    sync_directory,
    sync_tree,
)
from altai_build.tools.openpgp.signing import SigningKey
from altai_build.tools.rpm.signatures import verify_signatures


@dataclass(frozen=True)
class SignedPackage:
    """A signed copy of an unsigned package; `reused` when an earlier call signed it."""

    unsigned: Path
    path: Path
    reused: bool


@dataclass(frozen=True)
class _StoreEntry:
    """Where the store keeps the signed copy of a package."""

    unsigned: Path
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / self.unsigned.name


def sign_packages(
    unsigned: Sequence[Path], *, key: SigningKey, store: Path, compat: Compat
) -> tuple[SignedPackage, ...]:
    """A signed copy of each package, in the order given; the originals do not change.

    `store` keeps the copies by key, form of signature, and SHA-256 of the unsigned package, so that a package keeps its
    bytes (and its inode) from release to release. Every copy, old or new, is verified with the key's public key file
    alone, as a client would. Raises SigningError.
    """
    form = "v3" if compat is Compat.EL6 else "v4"
    directory = store / f"{key.public.fingerprint}-{form}"
    entries = [_StoreEntry(unsigned=path, folder=directory / sha256_file(path)) for path in unsigned]
    stored = {entry.path for entry in entries if entry.path.is_file()}
    damaged = {check.path for check in _find_rejected(sorted(stored), key)}
    for path in damaged:
        remove_tree(path.parent)
    for path in stored - damaged:
        # `clean` removes what has not been used for some time.
        os.utime(path.parent)
    missing = {entry.path: entry for entry in entries if entry.path not in stored - damaged}
    if missing:
        _sign(list(missing.values()), key, directory, rpmv3=compat is Compat.EL6)
    return tuple(
        SignedPackage(unsigned=entry.unsigned, path=entry.path, reused=entry.path not in missing)
        for entry in entries
    )


def _sign(entries: Sequence[_StoreEntry], key: SigningKey, directory: Path, *, rpmv3: bool) -> None:
    """Sign copies of the packages, verify them, and only then move each to its place in the store."""
    make_directory(directory)
    with scratch_directory(directory, ".signing") as scratch:
        copies = []
        # Each copy has a folder of its own: two packages may have the same file name.
        for number, entry in enumerate(entries):
            copy = scratch / str(number) / entry.unsigned.name
            copy.parent.mkdir()
            shutil.copyfile(entry.unsigned, copy)
            copies.append(copy)
        key.sign_rpms(copies, rpmv3=rpmv3)
        rejected = _find_rejected(copies, key)
        if rejected:
            raise SigningError(
                f"{format_count(len(rejected), 'package')} cannot be verified after signing",
                why="\n".join(f"{check.path.name}: {check.description}" for check in rejected),
                todo=f"check that {key.file} is the public key of {key.public.key_id} (`altai-build keys list`)",
            )
        for copy in copies:
            copy.chmod(0o644)
        sync_tree(scratch)
        for copy, entry in zip(copies, entries):
            # Two paths with the same content share one entry.
            if not entry.folder.exists():
                os.replace(copy.parent, entry.folder)
        sync_directory(directory)


def _find_rejected(paths: Sequence[Path], key: SigningKey) -> list[SignatureCheck]:
    """The checks of the packages that another key signed, or that a client with the key's file would refuse."""
    checks = verify_signatures(paths, [key.file]) if paths else ()
    return [check for check in checks if not check.is_good or check.fingerprint != key.public.fingerprint]
