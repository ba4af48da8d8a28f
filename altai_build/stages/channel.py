"""Channels on disk: read what one shows, and let it show another release with one rename.

`channels/NAME` is a link to a folder `channels/.NAME.NUMBER`, which is complete before the link is replaced and never
changes afterwards. A client that asks while the link is replaced gets the files of the folder before or after it. The
folder before the last stays, for requests that are under way. What a killed run leaves, the next one removes.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from altai_build.errors import DistrustedError, InputError, PublishError, describe_cause
from altai_build.model.channel import (
    CHANNELS_FOLDER,
    HISTORY_NAME,
    MAX_HISTORY_SIZE,
    ChannelHistory,
    history_from_json,
    history_to_json,
    is_channel_name,
)
from altai_build.regular_files import read_regular_file, resolve_links
from altai_build.tools.files import (
    CannotWriteError,
    make_directory,
    make_tree_public,
    remove_tree,
    sync_directory,
    sync_tree,
    write_atomically,
)
from altai_build.tools.openpgp.signing import SigningKey
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.tree import walk_tree

# Of a channel: the folders that its link has pointed to, those that were not finished or removed, and the next link.
_FOLDER = re.compile(r"(?:\.gone\.)?\.(?P<channel>[a-z][a-z0-9_-]*)\.(?:[0-9]+|staging-.+|next)")
_MAX_FILE = 64 << 20  # bytes of a file of a channel
_MOST_STRAYS = 10  # that are named


@dataclass(frozen=True)
class ChannelRemains:
    """Folders of channels that no channel shows."""

    earlier: tuple[Path, ...]  # were shown before
    unfinished: tuple[Path, ...]  # left by a killed run


def list_channels(releases: Path) -> tuple[str, ...]:
    """The names of all channels, those with a damaged folder too.

    Raises InputError where something is there that cannot be listed: that is not the same as no channels.
    """
    folder = releases / CHANNELS_FOLDER
    try:
        names = os.listdir(folder)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not folder.is_symlink():
            return ()
        raise InputError(
            f"the channels in {releases} cannot be read",
            why=f"{folder}: {describe_cause(error)}",
            todo=f"restore {folder}, a folder that everybody can read",
        ) from error
    return tuple(sorted(filter(is_channel_name, names)))


def read_channel(
    releases: Path, name: str, key_files: Sequence[Path], *, project: str | None = None
) -> ChannelHistory | None:
    """The history of a channel that one of the keys signed; None where there is no such channel.

    Raises InputError for one that cannot be read, DistrustedError for one that none of the keys signed, that is of
    another project than `project`, or whose files are not those that it lists.
    """
    folder = releases / CHANNELS_FOLDER / name
    if name not in list_channels(releases):
        return None
    path = folder / HISTORY_NAME
    try:
        text = read_regular_file(path, limit=MAX_HISTORY_SIZE)
        check = verify_detached(path, folder / f"{HISTORY_NAME}.asc", key_files)
        if not check.is_good:
            raise _make_distrust(name, f"{path}: {check.description}")
        history = history_from_json(text.decode("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"the channel {name} cannot be read",
            why=f"{path}: {describe_cause(error)}",
            todo=f"restore {folder} from another copy; without one, move it away and promote a release again",
        ) from error
    if history.channel != name:
        raise _make_distrust(name, f"{path} is the history of the channel {history.channel}")
    if project not in (None, history.project):
        raise _make_distrust(name, f"{path} is of the project {history.project}, not of {project}")
    _check_files(folder, history)
    return history


def _check_files(folder: Path, history: ChannelHistory) -> None:
    """Raise DistrustedError unless the files of a channel are those that its signed history lists, and no others."""
    wrong = []
    for path, digest in history.files.items():
        try:
            data = read_regular_file(folder / path, limit=_MAX_FILE)
        except OSError as error:
            wrong.append(f"{path}: {describe_cause(error)}")
            continue
        if hashlib.sha256(data).hexdigest() != digest:
            wrong.append(f"{path}: it is not the file that the signed history lists")
    wrong += _list_strays(folder, {*history.files, HISTORY_NAME, f"{HISTORY_NAME}.asc"})
    if wrong:
        raise _make_distrust(history.channel, "\n".join(wrong))


def _list_strays(folder: Path, listed: Container[str]) -> list[str]:
    """What is wrong with the other files in the folder of a channel: web servers give them to machines, too."""
    try:
        strays = [
            entry.path
            for entry in walk_tree(resolve_links(folder))
            if not entry.is_folder and entry.path not in listed
        ]
    except OSError as error:
        return [f"{os.fsdecode(error.filename or folder)}: {describe_cause(error)}"]
    named = [f"{path}: the signed history does not list it" for path in strays[:_MOST_STRAYS]]
    return named + ([f"and {len(strays) - len(named)} more"] if len(strays) > len(named) else [])


def _make_distrust(name: str, why: str) -> DistrustedError:
    return DistrustedError(
        f"the channel {name} is not what was promoted",
        why=why,
        todo=f"find out who changed it; restore channels/{name} from another copy, or move it away and promote a "
        "release again",
    )


def switch_channel(
    releases: Path, history: ChannelHistory, files: Mapping[str, bytes], key: SigningKey
) -> Path:
    """Let a channel show these files, with the history that `key` signs; returns its folder.

    The caller holds the lock of `releases`. Raises PublishError: the channel shows then what it showed before.
    """
    name, number = history.channel, history.last.number
    channels = releases / CHANNELS_FOLDER
    with _publish_errors(channels / name):
        make_directory(channels, durable=True)
        link = channels / name
        _refuse_folder(link)
        shown = link.readlink().name if link.is_symlink() else ""
        for remains in _list_remains(channels, name):
            if remains.name != shown:
                remove_tree(remains)
        staging = Path(tempfile.mkdtemp(prefix=f".{name}.staging-", dir=channels))
        digests = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
        for path, data in files.items():
            write_atomically(staging / path, data, durable=False)
        text = history_to_json(replace(history, files=digests))
        if len(text) > MAX_HISTORY_SIZE:
            raise PublishError(
                f"the channel {name} was not changed",
                why=f"its history would have more than {MAX_HISTORY_SIZE} bytes, and nobody reads that",
                todo="give a shorter reason",
            )
        write_atomically(staging / HISTORY_NAME, text.encode(), durable=False)
        key.sign_detached(staging / HISTORY_NAME)
        make_tree_public(staging)
        sync_tree(staging)
        # A number is taken where an older copy of the history was restored.
        names = (f".{name}.{each}" for each in count(number))
        folder = next(channels / each for each in names if not os.path.lexists(channels / each))
        os.rename(staging, folder)
        sync_directory(channels)
        following = channels / f".{name}.next"
        following.symlink_to(folder.name)
        os.replace(following, link)
    try:
        sync_directory(channels)
    except OSError as error:
        raise PublishError(
            f"the channel {name} shows {history.last.version}, but a power cut now could undo that",
            why=f"{channels}: {describe_cause(error)}",
            todo=f"check the disk of {channels}",
        ) from error
    return link


def list_channel_remains(releases: Path) -> ChannelRemains:
    """The folders that no channel shows. The caller holds the lock of `releases`: nobody works on them."""
    channels = releases / CHANNELS_FOLDER
    links = [channels / name for name in list_channels(releases)]
    shown = {link.readlink().name for link in links if link.is_symlink()}
    remains = [path for path in _list_remains(channels, None) if path.name not in shown]
    return ChannelRemains(
        earlier=tuple(path for path in remains if path.suffix[1:].isdigit() and path.is_dir()),
        unfinished=tuple(path for path in remains if not path.suffix[1:].isdigit() or not path.is_dir()),
    )


def _list_remains(channels: Path, channel: str | None) -> list[Path]:
    """The folders and links that promotions made, of one channel or of all; the one that is shown too."""
    if not channels.is_dir():
        return []
    found = ((entry, _FOLDER.fullmatch(entry.name)) for entry in sorted(channels.iterdir()))
    return [entry for entry, match in found if match is not None and channel in (None, match["channel"])]


def _refuse_folder(link: Path) -> None:
    """Raise PublishError for a channel that is a folder: a rename cannot replace it."""
    if os.path.lexists(link) and not link.is_symlink():
        raise PublishError(
            f"{link} is not a link",
            why="a copy without links was put there, and one rename cannot replace a folder",
            todo=f"rename it to .{link.name}.0 and make the link again: ln -s .{link.name}.0 {link.name}",
        )


@contextmanager
def _publish_errors(place: Path) -> Iterator[None]:
    """Turn errors of the disk into a PublishError that says what the channel shows."""
    try:
        yield
    except (CannotWriteError, OSError) as error:
        why = error.why if isinstance(error, CannotWriteError) else describe_cause(error)
        filename = error.path if isinstance(error, CannotWriteError) else error.filename
        raise PublishError(
            f"the channel {place.name} was not changed",
            why=f"{os.fsdecode(filename or place)}: {why}",
            todo=f"check permissions and free space of {place.parent}",
        ) from error
