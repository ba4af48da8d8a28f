"""Walk through directory trees of any depth, by descriptor, without following links and without skipping errors.

os.walk and pathlib take a directory that cannot be read for an empty one, and give up at a depth of about 1,000.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator, Iterator

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class TreeEntry:
    """A file or directory of a tree. It is valid until the walk goes on: `folder` is closed then."""

    __slots__ = ("_parents", "folder", "is_folder", "name")

    def __init__(self, folder: int, name: str, is_folder: bool, parents: list[str]) -> None:
        # A descriptor of the directory that holds the entry.
        self.folder = folder
        self.name = name
        self.is_folder = is_folder
        self._parents = parents

    @property
    def path(self) -> str:
        """The path below the top of the tree."""
        return "/".join((*self._parents, self.name))

    def stat(self) -> os.stat_result:
        """The status of the entry itself, not of what a link points to."""
        return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)


def walk_tree(
    top: str | os.PathLike[str], *, changing: bool = False, removing: bool = False
) -> Iterator[TreeEntry]:
    """Every entry below `top`, sorted within its directory; each directory after what it contains.

    With `changing` no mount point is entered, be it `top` itself or below it: what is mounted there, such as the
    host's /dev, is not the tree's. With `removing`, which includes that, directories become accessible before they are
    opened, and what vanishes meanwhile is left out. Raises OSError, with the full path, for a mount point (EBUSY) and
    for anything that cannot be read or is moved during the walk.
    """
    parents: list[str] = []
    # That of every directory of the walk; None: mount points are entered.
    mount = _read_outer_mount_id(os.fspath(top)) if changing or removing else None
    descriptor = _open_folder(os.fspath(top), None, parents, mount, removing)
    # For each directory on the way: its identity, and its subdirectories that were not visited yet.
    levels: list[tuple[tuple[int, int], list[str]]] = []
    try:
        folders = yield from _list_entries(descriptor, parents)
        levels.append((_get_identity(descriptor), folders))
        while True:
            folders = levels[-1][1]
            if folders:
                name = folders.pop()
                try:
                    above = [os.fspath(top), *parents]
                    child = _open_folder(name, descriptor, above, mount, removing)
                except FileNotFoundError:
                    if not removing:
                        raise
                    continue
                os.close(descriptor)
                descriptor = child
                parents.append(name)
                inner = yield from _list_entries(descriptor, parents)
                levels.append((_get_identity(descriptor), inner))
                continue
            levels.pop()
            if not levels:
                return
            parent = os.open("..", _FOLDER_FLAGS, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = parent
            if _get_identity(descriptor) != levels[-1][0]:
                raise OSError(
                    errno.ESTALE, "a directory was moved while it was read", os.path.join(top, *parents)
                )
            yield TreeEntry(descriptor, parents.pop(), True, parents)
    finally:
        os.close(descriptor)


def _list_entries(descriptor: int, parents: list[str]) -> Generator[TreeEntry, None, list[str]]:
    """Yield the files of a directory in order; returns the names of its subdirectories, the first one last."""
    with os.scandir(descriptor) as scan:
        listed = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in scan)
    for name, is_folder in listed:
        if not is_folder:
            yield TreeEntry(descriptor, name, False, parents)
    return [name for name, is_folder in reversed(listed) if is_folder]


def _open_folder(
    name: str, parent: int | None, parents: list[str], mount: bytes | None, removing: bool
) -> int:
    try:
        if mount is None:
            return os.open(name, _FOLDER_FLAGS, dir_fd=parent)
        handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            _refuse_mount_point(handle, mount)
            if removing:
                _make_accessible(handle)
            # Not by name: what is opened is what was checked.
            return os.open(".", _FOLDER_FLAGS, dir_fd=handle)
        finally:
            os.close(handle)
    except OSError as error:
        error.filename = os.path.join(*parents, name)
        raise


def _refuse_mount_point(folder: int, mount: bytes) -> None:
    """Raise OSError (EBUSY) when another mount than that of the directory above it is on this directory.

    Mounts are compared, not devices: a bind mount has the device of its origin, and a subvolume of btrfs has a device
    of its own but is no mount.
    """
    if _read_mount_id(folder) != mount:
        raise OSError(errno.EBUSY, "a file system is mounted here (unmount it first)")


def _read_outer_mount_id(top: str) -> bytes:
    """The number of the mount on which the directory above `top` is."""
    # Its own ".." can only be opened with the permission to enter it.
    base = os.path.basename(top)
    outer = os.path.join(top, "..") if base in ("", ".", "..") else os.path.dirname(top) or "."
    try:
        handle = os.open(outer, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        error.filename = top
        raise
    try:
        return _read_mount_id(handle)
    finally:
        os.close(handle)


def _read_mount_id(folder: int) -> bytes:
    """The number of the mount that a descriptor belongs to (proc(5): /proc/PID/fdinfo)."""
    try:
        descriptor = os.open(f"/proc/self/fdinfo/{folder}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        # Not an entry that has vanished.
        raise OSError(errno.ENOSYS, "/proc is not mounted: mount points cannot be recognised") from error
    try:
        text = os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
    _, found, after = text.partition(b"\nmnt_id:")
    if found:
        return after.partition(b"\n")[0]
    raise OSError(errno.ENOSYS, "the kernel does not show mount points in /proc/self/fdinfo")


def _make_accessible(handle: int) -> None:
    """Let the owner list a directory and remove its entries.

    The mode is changed through a descriptor, so that a link in the place of the directory is not followed.
    """
    if os.fstat(handle).st_mode & stat.S_IRWXU != stat.S_IRWXU:
        os.chmod(f"/proc/self/fd/{handle}", stat.S_IRWXU)


def _get_identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
