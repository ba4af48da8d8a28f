"""Files made whole or not at all: beside, fsync, rename; hard links; SHA-256 at disk speed."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from altai_build.errors import InputError

if TYPE_CHECKING:
    from altai_build.model.checksum import Sha256

_SYNC_THREADS = 8  # threads that wait for the disk


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644, durable: bool = True) -> None:
    """Replace `path` by `data` so that a reader, or a crash, sees the old bytes or the new ones.

    Without `durable` a power cut may leave anything there: for what its reader can tell to be damaged, and make again.
    Raises InputError when the place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise cannot_write_error(path.parent, error) from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            if durable:
                os.fsync(stream.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    if durable:
        sync_directory(path.parent)


def link_if_identical_else_write(path: Path, data: bytes, earlier: Path | None, *, mode: int = 0o644) -> None:
    """Write `data`, as the same inode as the file `earlier` where that holds these very bytes; not durable by itself.

    Raises InputError when the place cannot be written.
    """
    if earlier is not None and _is_identical(earlier, data, mode):
        make_directory(path.parent)
        link_or_copy(earlier, path)
    else:
        write_atomically(path, data, mode=mode, durable=False)


def _is_identical(path: Path, data: bytes, mode: int) -> bool:
    """True for a regular file of these bytes and permissions."""
    try:
        status = path.lstat()
        return (status.st_mode, status.st_size) == (
            stat.S_IFREG | mode,
            len(data),
        ) and path.read_bytes() == data
    except OSError:
        return False


def sync_directory(path: Path) -> None:
    """Make the renames done in a directory survive a power cut (fsync(2): the entry needs its own)."""
    _sync(path)


def sync_tree(path: Path) -> None:
    """fsync every file and directory below `path`, before the rename that publishes it.

    They are waited for side by side: what waits together a file system writes down in one go.
    """
    from concurrent.futures import ThreadPoolExecutor  # slow to load for verbs that write nothing

    entries = [
        Path(folder, name)
        for folder, _, names in os.walk(path)
        for name in (*names, "")
        if not name or stat.S_ISREG(_lstat_mode(Path(folder, name)))
    ]
    with ThreadPoolExecutor(_SYNC_THREADS) as pool:
        list(pool.map(_sync, entries))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path, *, mode: int = 0o755) -> Path:
    """Make a directory and its parents; raises InputError when that is not allowed."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=mode)
    except OSError as error:
        raise cannot_write_error(path, error) from error
    return path


@contextmanager
def scratch_directory(parent: Path, prefix: str) -> Iterator[Path]:
    """A fresh private directory under `parent`, removed with all it holds at the end."""
    make_directory(parent)
    try:
        path = Path(tempfile.mkdtemp(prefix=f"{prefix}.", dir=parent))
    except OSError as error:
        raise cannot_write_error(parent, error) from error
    try:
        yield path
    finally:
        remove_tree(path)


def remove_tree(path: Path) -> None:
    """Remove a tree, read-only directories included (sources of real packages hold them)."""
    if not os.path.lexists(path):
        return

    def unlock(function: object, name: str, info: tuple[object, BaseException, object]) -> None:
        if isinstance(info[1], FileNotFoundError):
            return  # somebody else removes it too, or what wrote there has just been killed
        # Only directories are opened: a file may be a hard link, and its mode is that of its other names too.
        with suppress(FileNotFoundError):
            if Path(name) != path:
                os.chmod(os.path.dirname(name), 0o700)
            if function is os.unlink:
                os.unlink(name)
            elif function is os.rmdir:
                os.rmdir(name)
            else:  # it could not be entered
                os.chmod(name, 0o700)
                remove_tree(Path(name))

    shutil.rmtree(path, onerror=unlock)


def chown_tree(path: Path, owner: int) -> None:
    """Make a user (and the group of the same number) the owner of a tree that nobody else works in."""
    os.lchown(path, owner, owner)
    for folder, folders, names in os.walk(path):
        for name in (*folders, *names):
            os.lchown(os.path.join(folder, name), owner, owner)


def move_out(source: Path, destination: Path, ending: str) -> list[Path]:
    """Move the files whose names end in `ending` out of a tree that a stranger wrote; returns their new places, sorted.

    Regular files only, and through no link: neither one in the tree nor one in the place of the tree can bring in
    what lies elsewhere. They become ours and readable, whatever the stranger made of their owner and mode. Of two of
    one name the later takes the earlier's place. No process of the stranger's may be alive any more.
    """
    taken = set()
    if stat.S_ISDIR(_lstat_mode(source)):
        for folder, folders, names in os.walk(source):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                if name.endswith(ending) and stat.S_ISREG(_lstat_mode(path)):
                    target = destination / name
                    os.replace(path, target)
                    os.chown(target, os.geteuid(), os.getegid())
                    target.chmod(0o644)
                    taken.add(target)
    return sorted(taken)


def _lstat_mode(path: Path) -> int:
    """The kind and permissions of what is called `path` itself; 0 for nothing."""
    try:
        return path.lstat().st_mode
    except OSError:
        return 0


def sha256_file(path: Path) -> Sha256:
    """The SHA-256 of a file's bytes in hexadecimal; hashlib goes through OpenSSL and its CPU instructions."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:
        view = memoryview(bytearray(min(os.fstat(stream.fileno()).st_size + 1, 1 << 20)))
        for size in iter(lambda: stream.readinto(view), 0):
            digest.update(view[:size])
    return cast("Sha256", digest.hexdigest())


def link_or_copy(source: str | Path, destination: str | Path) -> None:
    """The same inode under a second name; a copy (made whole) where links are not to be had.

    Places may be text: for thousands of files, making paths of them takes as long as linking.
    """
    try:
        os.link(source, destination)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        partial = Path(destination).with_name(f".{os.path.basename(destination)}.part")
        shutil.copy2(source, partial)
        os.replace(partial, destination)


def copy_into(source: Path, folder: Path) -> Path:
    """Give a file its name in another folder too, whole, in the place of what had it; returns the new place.

    Runs side by side may do this to one folder. Raises InputError where the place cannot be written.
    """
    place = folder / source.name
    partial = folder / f".{source.name}.{os.getpid()}.part"
    try:
        partial.unlink(missing_ok=True)
        link_or_copy(source, partial)
        os.replace(partial, place)
        partial.unlink(missing_ok=True)  # rename(2) does nothing when both names are one inode already
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise cannot_write_error(place, error) from error
    return place


def lock_descriptor(descriptor: int, *, shared: bool = False, blocking: bool = True) -> bool:
    """Take an flock(2) on an open file or directory; False when it is held elsewhere and `blocking` is off.

    The kernel drops it when the descriptor is closed, at the latest with the process.
    """
    operation = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if blocking else fcntl.LOCK_NB)
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        return False
    return True


@contextmanager
def file_lock(path: Path, *, blocking: bool = True) -> Iterator[bool]:
    """An flock(2) on `path`, held for the block; yields False when it is held elsewhere and `blocking` is off."""
    make_directory(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise cannot_write_error(path, error) from error
    try:
        yield lock_descriptor(descriptor, blocking=blocking)
    finally:
        os.close(descriptor)


def cannot_write_error(path: Path, error: OSError) -> InputError:
    """The error for a place that cannot be written."""
    return InputError(
        f"cannot write in {path}",
        why=error.strerror or str(error),
        todo="give a writable place (--workspace, -o, or release.directory), or mend its permissions or free space",
    )
