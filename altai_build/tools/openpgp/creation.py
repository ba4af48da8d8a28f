"""Make a new signing key: it is there completely, on disk, or not at all.

The key is made in a folder of its own, written to disk, and moved into the keyring's home with one rename. From then on
it exists: the steps that follow (its files, the public ring, the public key file) can be repeated, and the next run
repeats them if this one is killed.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from altai_build.errors import InputError, SigningError
from altai_build.model.openpgp import PublicKey
from altai_build.regular_files import read_regular_file
from altai_build.tools.files import (
    file_lock,
    make_directory,
    remove_tree,
    sync_directory,
    sync_tree,
    write_atomically,
)
from altai_build.tools.openpgp.key_request import KeyRequest
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.keyring import SHARED_DIRS, open_keyring
from altai_build.tools.progress import ProgressReporter

_PENDING = "new-key"
_SCRATCH_PREFIX = ".new-key."
_PUBLIC, _TARGET = "public.asc", "target.json"


@contextmanager
def lock_creation(home: Path, reporter: ProgressReporter) -> Iterator[None]:
    """One process at a time makes keys in this home; a process that has to wait says so."""
    make_directory(home, mode=0o700)
    lock = home / ".init.lock"
    with file_lock(lock, blocking=False) as free:
        if free:
            yield
            return
    reporter.info(f"waiting for another `keys init` in {home}")
    with file_lock(lock):
        yield


def finish_creation(home: Path) -> PublicKey | None:
    """Complete the key that a killed run left behind, in the keyring and in its public key file; None if there is none.

    The caller holds the lock. Raises SigningError when its public key file has been written with another key since.
    """
    for left in home.glob(f"{_SCRATCH_PREFIX}*"):
        remove_tree(left)
    pending = home / _PENDING
    if not pending.is_dir():
        return None
    return _install(home, pending)


def create_key(home: Path, file: Path, request: KeyRequest) -> PublicKey:
    """Make a key in the keyring in `home`, and write its public half to `file`, which must not exist.

    The caller holds the lock, and has called `finish_creation`. Raises InputError or SigningError.
    """
    scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX, dir=home))
    try:
        with open_keyring(scratch) as keyring:
            key = keyring.make_key(request)
            keyring.export_public_key(key, scratch / _PUBLIC)
        (scratch / _TARGET).write_text(json.dumps(str(file.absolute())), encoding="utf-8")
        sync_tree(scratch)
        os.rename(scratch, home / _PENDING)
    finally:
        remove_tree(scratch)
    sync_directory(home)
    return _install(home, home / _PENDING)


def _install(home: Path, pending: Path) -> PublicKey:
    """Put a key that was made into the keyring and its public half into its file; may be repeated at any point."""
    (key,) = read_public_keys(pending / _PUBLIC)
    file = Path(json.loads(read_regular_file(pending / _TARGET)))
    for name in SHARED_DIRS:
        for path in (pending / name).iterdir():
            target = make_directory(home / name, mode=0o700) / path.name
            write_atomically(target, read_regular_file(path), mode=0o600)
    with open_keyring(home) as keyring:
        keyring.import_key(pending / _PUBLIC)
        sync_tree(home)
        _refuse_other_key(file, key)
        keyring.export_public_key(key, file)
    # The last step: its name goes first, so that a killed removal leaves nothing that looks pending.
    done = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX, dir=home))
    os.rename(pending, done / _PENDING)
    sync_directory(home)
    remove_tree(done)
    return key


def _refuse_other_key(file: Path, key: PublicKey) -> None:
    try:
        present = (
            {other.fingerprint for other in read_public_keys(file)} if file.exists() else {key.fingerprint}
        )
    except InputError:
        present = set()
    if present != {key.fingerprint}:
        raise SigningError(
            f"the key {key.key_id} was made, and its public key file {file} holds something else",
            why=f"its secret half is in the keyring; the file should hold {key.fingerprint}",
            todo="move the file away and rerun the command",
        )
