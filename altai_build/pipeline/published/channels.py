"""What channels show, as their signed histories say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError, describe_cause
from altai_build.model.channel import CHANNELS_FOLDER, ChannelHistory, is_channel_name
from altai_build.model.release_files import CHECKSUMS_NAME, KEY_FILE_PREFIX
from altai_build.model.trust import TrustLevel
from altai_build.stages.channel import list_channels, read_channel
from altai_build.tools.files import scratch_directory, sha256_file
from altai_build.tools.url import is_web_url, join_url

if TYPE_CHECKING:
    from altai_build.config import Config
    from altai_build.pipeline.run import Run


@dataclass(frozen=True)
class Channel:
    """A channel; `history` is None where it is unknown or must not be believed. `error` says what is wrong."""

    name: str
    history: ChannelHistory | None
    trust: TrustLevel
    error: InputError | None = None


def list_channel_keys(config: Config) -> tuple[Path, ...]:
    """The files of the keys that may sign a channel."""
    return tuple(key.file for key in config.keys.values() if key.is_signing_key)


@contextmanager
def open_channels(run: Run, where: str, name: str | None) -> Iterator[Path]:
    """A folder with the channels of the releases at `where`, a folder or a URL.

    With `name` only that one is downloaded.
    Raises InputError for a server that does not say which channels it has.
    """
    if not is_web_url(where):
        yield Path(where)
        return
    # Folders need nothing that downloads.
    from altai_build.pipeline.published.server import read_links
    from altai_build.stages.download_channel import download_channel

    url = where.rstrip("/")
    names = (
        [name] if name is not None else filter(is_channel_name, read_links(join_url(url, CHANNELS_FOLDER)))
    )
    run.workspace.prepare()
    with scratch_directory(run.workspace.scratch, "channels") as scratch:
        for each in list(names):
            download_channel(url, each, scratch)
        if not list_channels(scratch):
            raise InputError(
                f"the server does not list its channels at {join_url(url, CHANNELS_FOLDER)}",
                todo=f"name the channel: altai-build channels CHANNEL --releases {url}",
            )
        yield scratch


def read_channels(releases: Path, key_files: Sequence[Path]) -> tuple[Channel, ...]:
    """All channels beside the releases, by name. Without keys each is only compared with the keys that it brought."""
    return tuple(_read(releases, name, key_files) for name in list_channels(releases))


def find_channels_by_release(channels: Sequence[Channel]) -> Mapping[str, tuple[str, ...]]:
    """Version → the names of the channels that show it."""
    shown: dict[str, list[str]] = defaultdict(list)
    for channel in channels:
        if channel.history is not None:
            shown[channel.history.last.version].append(channel.name)
    return {version: tuple(names) for version, names in shown.items()}


def _read(releases: Path, name: str, key_files: Sequence[Path]) -> Channel:
    trust = TrustLevel.PINNED if key_files else TrustLevel.OWN_KEYS
    own = sorted((releases / CHANNELS_FOLDER / name).glob(f"{KEY_FILE_PREFIX}*"))
    try:
        history = read_channel(releases, name, key_files or own)
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
