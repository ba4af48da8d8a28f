"""Whether keys, the latest release and its channels can be relied on, by their signatures alone: no package is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from altai_build.config import Config, Key
from altai_build.errors import InputError
from altai_build.model.openpgp import PublicKey, describe_expiry
from altai_build.model.release import Manifest
from altai_build.model.release_files import MANIFEST_NAME
from altai_build.model.status import ChannelStatus, Problem
from altai_build.model.trust import TrustLevel
from altai_build.pipeline.published.channels import (
    Channel,
    OpenedChannels,
    list_channel_keys,
    read_channels,
)
from altai_build.pipeline.published.manifest_trust import check_signature
from altai_build.tools.openpgp.keyfile import read_public_keys


def check_key(config: Config, key: Key, now: datetime) -> Iterator[Problem]:
    """What is wrong with the file of a key: it cannot be read, or a key in it is revoked, has expired or will soon."""
    try:
        found = read_public_keys(key.file)
    except InputError as error:
        yield Problem(f"{error.what}: {error.why}", error.todo)
        return
    for public in found:
        problem = _describe_end(public, now, timedelta(days=config.verify.expiry_horizon_days))
        if problem:
            todo = (
                "add a key that replaces it: `altai-build keys list --help` says how"
                if key.is_signing_key
                else "get the file again from who publishes the key"
            )
            yield Problem(f"the key {key.name} ({public.key_id}) {problem}", todo)


def _describe_end(public: PublicKey, now: datetime, horizon: timedelta) -> str:
    if public.revoked:
        return "is revoked"
    end = public.signing_ends
    return describe_expiry(end, now) if end is not None and end <= now + horizon else ""


def check_release(config: Config, manifest: Manifest) -> tuple[TrustLevel | None, Problem | None]:
    """Whose signature the manifest of a published release has, and what is wrong with that."""
    if config.release is None:
        return None, None
    files = [file for file in list_channel_keys(config) if file.is_file()]
    folder = config.release.directory / manifest.version
    trust = check_signature(folder, MANIFEST_NAME, manifest, files)
    if not trust.warning:
        return trust.level, None
    return trust.level, Problem(
        f"release {manifest.version}: {trust.warning}", f"`altai-build verify {manifest.version}`"
    )


def read_channel_states(
    config: Config, published: Sequence[str]
) -> tuple[tuple[ChannelStatus, ...], list[Problem]]:
    """What each channel shows, and what is wrong with them. Raises InputError where they cannot be listed."""
    if config.release is None:
        return (), []
    files = [file for file in list_channel_keys(config) if file.is_file()]
    found = read_channels(OpenedChannels(config.release.directory), files, config.project)
    errors = [channel.error for channel in found if channel.error is not None]
    problems = [Problem(f"{error.what}: {error.why}", error.todo) for error in errors]
    problems += [
        Problem(
            f"channel {channel.name}: it agrees only with the keys it brought",
            "add the file of the key that signs it",
        )
        for channel in found
        if channel.trust is TrustLevel.OWN_KEYS
    ]
    return tuple(_describe_channel(channel, published) for channel in found), problems


def _describe_channel(channel: Channel, published: Sequence[str]) -> ChannelStatus:
    if channel.history is None:
        return ChannelStatus(channel.name, None, None, None)
    last = channel.history.last
    behind = len(published) - 1 - published.index(last.version) if last.version in published else None
    return ChannelStatus(channel.name, last.version, last.when, behind)
