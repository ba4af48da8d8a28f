"""Sign each package once: a store keeps the signed copies by the digest of the unsigned package."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import SigningError
from altai_build.model.checksum import Sha256
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
    """A signed copy of an unsigned package; `reused` when an earlier call signed it.

    `sha256` is that of a new copy, hashed before its signature was found good; "" for one of an earlier call.
    """

    unsigned: Path
    path: Path
    reused: bool
    sha256: str = ""


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
    digests = _sign(missing, key, directory, rpmv3=compat is Compat.EL6) if missing else {}
    return tuple(
        SignedPackage(
            unsigned=entry.unsigned,
            path=entry.path,
            reused=entry.path not in missing,
            sha256=digests.get(entry.path, ""),
        )
        for entry in entries
    )


def _sign(
    entries: Mapping[Path, _StoreEntry], key: SigningKey, directory: Path, *, rpmv3: bool
) -> dict[Path, Sha256]:
    """Sign copies of the packages, verify them, and only then move each to its place in the store.

    Returns the SHA-256 of each that was moved, by its place. Read before the signature was checked: bytes with this
    digest later are those that were found good.
    """
    make_directory(directory)
    with scratch_directory(directory, ".signing") as scratch:
        copies = []
        # Each copy has a folder of its own: two packages may have the same file name.
        for number, entry in enumerate(entries.values()):
            copy = scratch / str(number) / entry.unsigned.name
            copy.parent.mkdir()
            shutil.copyfile(entry.unsigned, copy)
            copies.append(copy)
        key.sign_rpms(copies, rpmv3=rpmv3)
        digests = [sha256_file(copy) for copy in copies]
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
        moved = {}
        for copy, digest, entry in zip(copies, digests, entries.values()):
            # Two paths with the same content share one entry; and another run may have made it.
            if not entry.folder.exists():
                os.replace(copy.parent, entry.folder)
                moved[entry.path] = digest
        sync_directory(directory)
    return moved


def _find_rejected(paths: Sequence[Path], key: SigningKey) -> list[SignatureCheck]:
    """The checks of the packages that another key signed, or that a client with the key's file would refuse."""
    checks = verify_signatures(paths, [key.file]) if paths else ()
    return [check for check in checks if not check.is_good or check.fingerprint != key.public.fingerprint]
