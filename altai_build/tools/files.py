"""Files that are written whole or not at all; hard links, locks, trees, SHA-256."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from altai_build.errors import InputError, advise_on_place
from altai_build.regular_files import open_regular_file, read_regular_file
from altai_build.tools.tree import walk_tree

if TYPE_CHECKING:
    from altai_build.model.checksum import Sha256

PUBLIC_FILE_MODE = 0o644
PUBLIC_DIRECTORY_MODE = 0o755
# Threads that wait for the disk.
_SYNC_THREADS = 8


class CannotWriteError(InputError):
    """A path cannot be written."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"cannot write to {path}",
            why=error.strerror or str(error),
            todo=f"{advise_on_place(error)}, or choose another directory (--workspace, -o, release.directory)",
        )
        self.path = path


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644, durable: bool = True) -> None:
    """Replace the content of `path`: a reader finds the old bytes or the new ones, also after a crash.

    Without `durable` the file may hold anything after a power cut: for caches whose readers notice damage. Raises
    InputError when the directory cannot be written.
    """
    make_directory(path.parent, durable=durable)
    # Always the same name: what a killed process left is overwritten by the next one.
    partial = path.with_name(f".{path.name}.new")
    try:
        while (descriptor := _open_partial(partial)) is None:
            pass
    except OSError as error:
        raise CannotWriteError(path.parent, error) from error
    with os.fdopen(descriptor, "wb") as stream:
        try:
            stream.truncate()
            stream.write(data)
            stream.flush()
            os.fchmod(descriptor, mode)
            if durable:
                os.fsync(descriptor)
            os.replace(partial, path)
        except BaseException:
            # It has been renamed already when an interruption comes late.
            partial.unlink(missing_ok=True)
            raise
    if durable:
        sync_directory(path.parent)


def _open_partial(partial: Path) -> int | None:
    """A locked file to write to; None when it must be tried again."""
    try:
        descriptor = lock_name(partial, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK)
    except OSError as error:
        # A link, or a file that only another user may write. Nobody else needs the name for long.
        try:
            partial.unlink()
        except OSError:
            raise error from None
        return None
    if descriptor is not None:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and (status.st_uid, status.st_nlink) == (os.geteuid(), 1):
            return descriptor
        # Others can change it after it was renamed.
        os.close(descriptor)
        partial.unlink()
    return None


def link_if_identical_else_write(path: Path, data: bytes, earlier: Path | None, *, mode: int = 0o644) -> None:
    """Write `data`, or link the file `earlier` if it has the same bytes and mode. Does not fsync.

    Raises InputError when the directory cannot be written.
    """
    if earlier is not None and _is_identical(earlier, data, mode):
        make_directory(path.parent)
        link_or_copy(earlier, path)
    else:
        write_atomically(path, data, mode=mode, durable=False)


def _is_identical(path: Path, data: bytes, mode: int) -> bool:
    """Whether `path` is a regular file with these bytes and permissions."""
    try:
        status = path.lstat()
        return (status.st_mode, status.st_size) == (
            stat.S_IFREG | mode,
            len(data),
        ) and read_regular_file(path, limit=len(data)) == data
    except OSError:
        return False


def sync_directory(path: Path) -> None:
    """fsync a directory, so that renames in it survive a power cut."""
    _sync(path)


def sync_tree(path: Path) -> None:
    """fsync every file and directory below `path`, before the rename that publishes it.

    Several threads wait at the same time, because a file system writes all that is waited for in one go.
    """
    entries = [path]
    for entry in walk_tree(path):
        if entry.is_folder or stat.S_ISREG(entry.stat().st_mode):
            entries.append(path / entry.path)
    sync_all(entries)


def sync_all(paths: Iterable[Path]) -> None:
    """fsync files and directories."""
    # Imported late: commands that write nothing start faster.
    from concurrent.futures import ThreadPoolExecutor

    listed = list(paths)
    with ThreadPoolExecutor(_SYNC_THREADS) as pool:
        list(pool.map(_sync_each, (listed[first::_SYNC_THREADS] for first in range(_SYNC_THREADS))))


def _sync_each(paths: Iterable[Path]) -> None:
    for path in paths:
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path, *, mode: int = 0o755, durable: bool = False) -> Path:
    """Create a directory and its parents if they do not exist; raises InputError when that fails.

    With `durable` those that were made are still there after a power cut.
    """
    try:
        if os.path.isdir(path):
            return path
        missing: list[Path] = []
        try:
            path.mkdir(mode=mode)
        except FileNotFoundError:
            # Not by mkdir(parents=True), which calls itself for each of them.
            missing = [folder for folder in path.parents if not folder.exists()]
            for folder in reversed(missing):
                folder.mkdir(exist_ok=True)
            path.mkdir(mode=mode, exist_ok=True)
        except FileExistsError:
            # Another process has made it meanwhile, or it is no directory.
            path.mkdir(exist_ok=True)
        if durable:
            for folder in (path, *missing):
                sync_directory(folder.parent)
    except OSError as error:
        raise CannotWriteError(path, error) from error
    return path


@contextmanager
def scratch_directory(parent: Path, prefix: str) -> Iterator[Path]:
    """A new private directory below `parent`, removed with its content at the end.

    Its process keeps it locked: without a lock it was left by a process that was killed (`tools.leftovers`).
    """
    make_directory(parent)
    try:
        while (made := _make_locked_directory(parent, prefix)) is None:
            pass
    except OSError as error:
        raise CannotWriteError(parent, error) from error
    path, lock = made
    try:
        yield path
    finally:
        try:
            remove_tree(path)
        finally:
            os.close(lock)


def _make_locked_directory(parent: Path, prefix: str) -> tuple[Path, int] | None:
    """None when another process has taken the directory for a leftover before it was locked."""
    path = Path(tempfile.mkdtemp(prefix=f"{prefix}.", dir=parent))
    try:
        lock = lock_name(path, os.O_RDONLY | os.O_DIRECTORY)
    except BaseException:
        remove_tree(path)
        raise
    return None if lock is None else (path, lock)


def lock_name(path: Path, flags: int, *, blocking: bool = True) -> int | None:
    """A locked descriptor of the file or directory that has this name; no link is followed.

    None when there is none any more, when another one has the name by now, or, without `blocking`, when it is locked.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        # Where it can be made, its folder takes no files: another attempt would fail too.
        if flags & os.O_CREAT:
            raise
        return None
    try:
        if lock_descriptor(descriptor, blocking=blocking) and os.path.samestat(
            os.fstat(descriptor), os.lstat(path)
        ):
            return descriptor
    except FileNotFoundError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def remove_tree(path: Path) -> None:
    """Remove a file or a tree, also with read-only directories, which sources of packages contain.

    Another process may remove it at the same time. Raises OSError for what cannot be removed, and for a mount point,
    on which nothing is touched.
    """
    try:
        if not stat.S_ISDIR(path.lstat().st_mode):
            path.unlink()
            return
        for entry in walk_tree(path, removing=True):
            with suppress(FileNotFoundError):
                if entry.is_folder:
                    os.rmdir(entry.name, dir_fd=entry.folder)
                else:
                    os.unlink(entry.name, dir_fd=entry.folder)
        path.rmdir()
    except FileNotFoundError:
        # It does not exist, or another process has removed it.
        return


def make_tree_public(top: Path) -> None:
    """Give a tree the modes that everybody can read, whatever the umask was: 0755 for directories, 0644 for files.

    A file with other hard links is replaced by a copy, because its mode is that of its other names too.
    """
    for entry in walk_tree(top, changing=True):
        mode = (status := entry.stat()).st_mode
        if entry.is_folder:
            _set_directory_mode(top / entry.path, mode)
        elif stat.S_ISREG(mode) and stat.S_IMODE(mode) != PUBLIC_FILE_MODE:
            path = top / entry.path
            if status.st_nlink > 1:
                copy = path.with_name(f".{path.name}.part")
                shutil.copy2(path, copy)
                os.replace(copy, path)
            path.chmod(PUBLIC_FILE_MODE)
    _set_directory_mode(top, top.stat().st_mode)


def _set_directory_mode(path: Path, mode: int) -> None:
    # The set-group-ID bit comes from the parent directory and lets a group of people share it.
    wanted = PUBLIC_DIRECTORY_MODE | mode & stat.S_ISGID
    if stat.S_IMODE(mode) != wanted:
        path.chmod(wanted)


def chown_tree(path: Path, owner: int) -> None:
    """Change owner and group of a tree to the user of this number; no other process may work in it."""
    for entry in walk_tree(path, changing=True):
        os.chown(entry.name, owner, owner, dir_fd=entry.folder, follow_symlinks=False)
    os.lchown(path, owner, owner)


def move_out(source: Path, destination: Path, ending: str) -> list[Path]:
    """Move the files whose names end in `ending` out of an untrusted tree; returns their new paths, sorted.

    Only regular files are moved, and no symbolic link is followed, in the tree or in its place. The files get this
    process's owner and mode 0644. Of two files with one name the last is kept. No untrusted process may still run.
    Raises OSError for what cannot be read or moved.
    """
    moved = set()
    if _is_real_directory(source):
        for entry in walk_tree(source, changing=True):
            if entry.name.endswith(ending) and stat.S_ISREG(entry.stat().st_mode):
                target = destination / entry.name
                os.replace(entry.name, target, src_dir_fd=entry.folder)
                os.chown(target, os.geteuid(), os.getegid())
                target.chmod(0o644)
                moved.add(target)
    return sorted(moved)


def _is_real_directory(path: Path) -> bool:
    """True for a directory, False for anything else and for nothing; raises OSError when that is unknown."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def sha256_file(path: str | Path) -> Sha256:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open_regular_file(path) as stream:
        view = memoryview(bytearray(min(os.fstat(stream.fileno()).st_size + 1, 1 << 20)))
        for size in iter(lambda: stream.readinto(view), 0):
            digest.update(view[:size])
    return cast("Sha256", digest.hexdigest())


def keep_latest(paths: Iterable[Path], most: int) -> None:
    """Remove all but the `most` files that were used last, by their times of modification."""

    def find_last_use(path: Path) -> float:
        try:
            return path.stat().st_mtime
        except OSError:
            return 0.0

    for path in sorted(paths, key=find_last_use, reverse=True)[most:]:
        path.unlink(missing_ok=True)


def link_or_copy(source: str | Path, destination: str | Path) -> None:
    """Hard-link a file, or copy it atomically where no link can be made, for whatever reason.

    Paths may be text: for thousands of files, creating Path objects takes as long as linking. Raises FileExistsError
    when `destination` exists, OSError when no copy can be made either.
    """
    try:
        os.link(source, destination)
    except FileExistsError:
        raise
    except OSError:
        partial = Path(destination).with_name(f".{os.path.basename(destination)}.part")
        try:
            shutil.copy2(source, partial)
            os.replace(partial, destination)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def lock_descriptor(descriptor: int, *, shared: bool = False, blocking: bool = True) -> bool:
    """Take an flock(2) on an open file or directory; False when it is held elsewhere and `blocking` is off.

    The kernel drops it when the descriptor is closed, at the latest with the process. Raises OSError, with the file,
    where its file system has no locks.
    """
    operation = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if blocking else fcntl.LOCK_NB)
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        return False
    except OSError as error:
        with suppress(OSError):
            error.filename = os.readlink(f"/proc/self/fd/{descriptor}")
        error.strerror = f"cannot lock: {error.strerror}"
        raise
    return True


@contextmanager
def file_lock(path: Path, *, blocking: bool = True) -> Iterator[bool]:
    """An flock(2) on `path`, held for the block; yields False when it is held elsewhere and `blocking` is off."""
    make_directory(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise CannotWriteError(path, error) from error
    try:
        yield lock_descriptor(descriptor, blocking=blocking)
    finally:
        os.close(descriptor)
