"""What channels show, as their signed histories say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError, describe_cause
from altai_build.model.channel import CHANNELS_FOLDER, ChannelHistory
from altai_build.model.release_files import CHECKSUMS_NAME, KEY_FILE_PREFIX
from altai_build.model.trust import TrustLevel
from altai_build.stages.channel import list_channels, read_channel
from altai_build.tools.files import sha256_file

if TYPE_CHECKING:
    from altai_build.config import Config


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
