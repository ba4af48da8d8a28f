"""What channels show, as their signed histories say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError, UnreachableError, describe_cause
from altai_build.model.channel import CHANNELS_FOLDER, ChannelHistory, is_channel_name
from altai_build.model.release_files import CHECKSUMS_NAME, KEY_FILE_PREFIX
from altai_build.model.trust import TrustLevel
from altai_build.stages.channel import list_channels, read_channel
from altai_build.tools.files import scratch_directory, sha256_file
from altai_build.tools.url import is_web_url, join_url

if TYPE_CHECKING:
    from altai_build.config import Config
    from altai_build.pipeline.run import Run


# Of a server: channels, and bytes of all of them together.
_MOST_CHANNELS = 100
_MAX_DOWNLOAD = 256 << 20


@dataclass(frozen=True)
class Channel:
    """A channel; `history` is None where it is unknown or must not be believed. `error` says what is wrong."""

    name: str
    history: ChannelHistory | None
    trust: TrustLevel
    error: InputError | None = None


@dataclass(frozen=True)
class OpenedChannels:
    """The folder of the releases, or a copy of what a server has of their channels, and what it did not give."""

    releases: Path
    failures: Mapping[str, InputError] = field(default_factory=dict)


def list_channel_keys(config: Config) -> tuple[Path, ...]:
    """The files of the keys that may sign a channel."""
    return tuple(key.file for key in config.keys.values() if key.is_signing_key)


@contextmanager
def open_channels(run: Run, where: str, name: str | None) -> Iterator[OpenedChannels]:
    """The channels of the releases at `where`, a folder or a URL; with `name` only that one is downloaded.

    Raises InputError for a server that does not say which channels it has, UnreachableError when no server answers.
    """
    if not is_web_url(where):
        yield OpenedChannels(Path(where))
        return
    # Folders need nothing that downloads.
    from altai_build.pipeline.published.server import read_links
    from altai_build.stages.download_channel import download_channel

    url = where.rstrip("/")
    names = (
        [name] if name is not None else filter(is_channel_name, read_links(join_url(url, CHANNELS_FOLDER)))
    )
    run.workspace.prepare()
    listed = list(names)
    if not 0 < len(listed) <= _MOST_CHANNELS:
        raise InputError(
            f"the server does not list its channels at {join_url(url, CHANNELS_FOLDER)}",
            why=f"it lists {len(listed)}" if listed else "",
            todo=f"name the channel: altai-build channels CHANNEL --releases {url}",
        )
    failures, left = {}, _MAX_DOWNLOAD
    with scratch_directory(run.workspace.scratch, "channels") as scratch:
        for each in listed:
            try:
                left -= download_channel(url, each, scratch, limit=left)
            except UnreachableError:
                raise
            except InputError as error:
                failures[each] = error
        yield OpenedChannels(scratch, failures)


def read_channels(
    opened: OpenedChannels, key_files: Sequence[Path], project: str | None = None
) -> tuple[Channel, ...]:
    """All channels beside the releases, by name. Without keys each is only compared with the keys that it brought.

    With `project` each must be of that one. Raises InputError when it cannot be known which channels there are.
    """
    names = sorted({*list_channels(opened.releases), *opened.failures})
    return tuple(
        Channel(name, None, TrustLevel.UNVERIFIED, opened.failures[name])
        if name in opened.failures
        else _read(opened.releases, name, key_files, project)
        for name in names
    )


def find_channels_by_release(channels: Sequence[Channel]) -> Mapping[str, tuple[str, ...]]:
    """Version → the names of the channels that show it."""
    shown: dict[str, list[str]] = defaultdict(list)
    for channel in channels:
        if channel.history is not None:
            shown[channel.history.last.version].append(channel.name)
    return {version: tuple(names) for version, names in shown.items()}


def _read(releases: Path, name: str, key_files: Sequence[Path], project: str | None) -> Channel:
    trust = TrustLevel.PINNED if key_files else TrustLevel.OWN_KEYS
    own = sorted((releases / CHANNELS_FOLDER / name).glob(f"{KEY_FILE_PREFIX}*"))
    try:
        history = read_channel(releases, name, key_files or own, project=project)
    except InputError as error:
        return Channel(name, None, TrustLevel.UNVERIFIED, error)
    return Channel(name, history, trust, _find_error_of_release(releases, name, history))


def _find_error_of_release(releases: Path, name: str, history: ChannelHistory | None) -> InputError | None:
    """What is wrong with the release that a channel shows: it is gone, or another than was promoted."""
    if history is None:
        return None
    last = history.last
    sums = releases / last.version / CHECKSUMS_NAME
    try:
        if sha256_file(sums) == last.checksums:
            return None
        why = f"{sums} is not the file that was promoted"
    except OSError as error:
        why = f"{sums}: {describe_cause(error)}"
    return InputError(
        f"the channel {name} shows {last.version}, which machines cannot get",
        why=why,
        todo=f"restore release {last.version} from another copy, or promote another release",
    )
