"""The files of a buildroot, written down when it was made, so that a damaged one is not used."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from altai_build.errors import describe_cause
from altai_build.regular_files import read_regular_file
from altai_build.tools.files import write_atomically
from altai_build.tools.tree import TreeEntry, walk_tree

# Of the list, which is beside its buildroot.
SUFFIX = ".files"
# What is written down of each entry, in this order.
_PROPERTIES = ("mode", "owner", "size", "time", "overlay")


class NoFileList(Exception):
    """Nothing says what the files of a buildroot were: earlier versions wrote no list of them."""


def write_file_list(root: Path, place: Path) -> None:
    """Write down what is in `root`, which nothing changes any more, for `place`, where it will be."""
    write_atomically(get_list_path(place), _list_entries(root))


def find_change(place: Path) -> str:
    """Why a buildroot cannot be taken for what it was when it was made, "" when nothing has changed.

    Names, modes, owners, sizes and times are compared, in about 50 ms for ten thousand files. Contents are not: reading
    them takes longer than many builds. Raises NoFileList where nobody wrote down how they were.
    """
    try:
        recorded = read_regular_file(get_list_path(place))
    except FileNotFoundError as error:
        raise NoFileList from error
    except OSError as error:
        return f"the list of its files cannot be read: {describe_cause(error)}"
    found = _list_entries(place)
    if found == recorded:
        return ""
    before, after = _parse(recorded), _parse(found)
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if not names:
        return "the list of its files is damaged"
    first = _describe_change(names[0], before.get(names[0]), after.get(names[0]))
    more = "" if len(names) == 1 else f", and {len(names) - 1} more"
    return f"its files have changed: {first}{more}"


def get_list_path(place: Path) -> Path:
    """Where the list for a buildroot is."""
    return place.with_name(f"{place.name}{SUFFIX}")


def _list_entries(root: Path) -> bytes:
    """A line for each entry: its name, a NUL byte, and what must not change.

    Times are whole seconds, because archives keep no more.
    """
    top = root.stat()
    # Its time is that of its last use.
    rows = [f".\0{stat.filemode(top.st_mode)} {top.st_uid}:{top.st_gid}\n"]
    for entry in walk_tree(root):
        status = entry.stat()
        if entry.is_folder:
            # Its size depends on the file system, its time on its entries, which are listed.
            rest = f"- - {_read_overlay_attributes(entry)}"
        else:
            rest = f"{status.st_size} {status.st_mtime_ns // 10**9} "
        owner = f"{status.st_uid}:{status.st_gid}"
        rows.append(f"{_escape(entry.path)}\0{stat.filemode(status.st_mode)} {owner} {rest}\n")
    return "".join(rows).encode("utf-8", "surrogateescape")


def _escape(path: str) -> str:
    return path.replace("\\", "\\\\").replace("\n", "\\n") if "\n" in path or "\\" in path else path


def _read_overlay_attributes(entry: TreeEntry) -> str:
    """Those by which overlayfs knows that a directory hides one below it; copies of a workspace easily lose them."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    # Some file systems have none, and only root sees these.
    with suppress(OSError):
        descriptor = os.open(entry.name, flags, dir_fd=entry.folder)
        try:
            return ",".join(
                sorted(name for name in os.listxattr(descriptor) if name.endswith(".overlay.opaque"))
            )
        finally:
            os.close(descriptor)
    return ""


def _parse(rows: bytes) -> dict[str, list[str]]:
    lines = rows.decode("utf-8", "replace").split("\n")[:-1]
    return {name: values.split(" ") for name, _, values in (line.partition("\0") for line in lines)}


def _describe_change(name: str, before: list[str] | None, after: list[str] | None) -> str:
    if before is None or after is None:
        return f"{name} {'is new' if before is None else 'is missing'}"
    pairs = zip(_PROPERTIES, before, after)
    changes = [f"{what} {old or 'none'}, now {new or 'none'}" for what, old, new in pairs if old != new]
    return f"{name} has changed ({'; '.join(changes)})"
