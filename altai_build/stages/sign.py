"""Sign packages once: what was signed before is found again by the bytes it was made from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import SigningError
from altai_build.model.compat import Compat
from altai_build.model.findings import SignatureCheck
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
    """A signed copy of an unsigned package; `reused` when it was signed by an earlier run."""

    unsigned: Path
    path: Path
    reused: bool


@dataclass(frozen=True)
class _StoreEntry:
    """The place in the store that belongs to one unsigned file, one key and one form of signature."""

    unsigned: Path
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / self.unsigned.name


def sign_packages(
    unsigned: Sequence[Path],
    *,
    key: SigningKey,
    store: Path,
    compat: Compat,
) -> tuple[SignedPackage, ...]:
    """A signed copy of each package, in the order given; the originals are not touched.

    The copies are kept in `store` by the SHA-256 of the unsigned bytes and the key, so that a package keeps its bytes
    (and its inode) from release to release. Each, the kept ones too, is read again and must have a good signature by
    `key` for a client that has its public key file only. Raises SigningError.
    """
    form = "v3" if compat is Compat.EL6 else "v4"
    directory = store / f"{key.public.fingerprint}-{form}"
    slots = [_StoreEntry(unsigned=path, folder=directory / sha256_file(path)) for path in unsigned]
    kept = {slot.path for slot in slots if slot.path.is_file()}
    bad = {check.path for check in _find_rejected(sorted(kept), key)}
    for path in bad:  # the store was damaged; what it was made from is at hand
        remove_tree(path.parent)
    for path in kept - bad:
        os.utime(path.parent)  # `clean` removes what is not used
    missing = {slot.path: slot for slot in slots if slot.path not in kept - bad}
    if missing:
        _sign(list(missing.values()), key, directory, rpmv3=compat is Compat.EL6)
    return tuple(
        SignedPackage(unsigned=slot.unsigned, path=slot.path, reused=slot.path not in missing)
        for slot in slots
    )


def _sign(slots: Sequence[_StoreEntry], key: SigningKey, directory: Path, *, rpmv3: bool) -> None:
    """Sign copies in one go, verify them, and only then put each in its slot."""
    make_directory(directory)
    with scratch_directory(directory, ".signing") as scratch:
        copies = []
        for number, slot in enumerate(slots):  # two packages may have the same file name
            copy = scratch / str(number) / slot.unsigned.name
            copy.parent.mkdir()
            shutil.copyfile(slot.unsigned, copy)
            copies.append(copy)
        key.sign_rpms(copies, rpmv3=rpmv3)
        unfit = _find_rejected(copies, key)
        if unfit:
            raise SigningError(
                f"{len(unfit)} packages do not verify after signing",
                why="\n".join(f"{check.path.name}: {check.description}" for check in unfit),
                todo=f"see that {key.file} is the public half of {key.public.key_id} (`altai-build keys list`)",
            )
        for copy in copies:
            copy.chmod(0o644)
        sync_tree(scratch)
        for copy, slot in zip(copies, slots):
            if not slot.folder.exists():  # the same bytes may have come under two paths
                os.replace(copy.parent, slot.folder)
        sync_directory(directory)


def _find_rejected(paths: Sequence[Path], key: SigningKey) -> list[SignatureCheck]:
    """The checks of those that a client with this key file would refuse, or that somebody else signed."""
    checks = verify_signatures(paths, [key.file]) if paths else ()
    return [check for check in checks if not check.is_good or check.fingerprint != key.public.fingerprint]
