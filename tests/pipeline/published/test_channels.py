"""What channels show: known, distrusted and unreadable ones are told apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from altai_build.errors import DistrustedError, InputError
from altai_build.model.trust import TrustLevel
from altai_build.pipeline.published.channels import (
    OpenedChannels,
    find_channels_by_release,
    read_channels,
)
from altai_build.tools.openpgp.signing import SigningKey
from tests.kit.keys import signing_key
from tests.kit.releases import Materials
from tests.stages.test_channel import switch


@pytest.fixture(scope="module")
def key(materials: Materials) -> Iterator[SigningKey]:
    with signing_key(materials.ours) as key:
        yield key


def test_each_release_with_the_channels_that_show_it(
    tmp_path: Path, key: SigningKey, materials: Materials
) -> None:
    switch(tmp_path, key, 2)
    (tmp_path / "channels" / "broken").symlink_to("nothing")
    pinned = read_channels(OpenedChannels(tmp_path), [key.file])
    assert [(channel.name, channel.trust) for channel in pinned] == [
        ("broken", TrustLevel.UNVERIFIED),
        ("stable", TrustLevel.PINNED),
    ]
    assert find_channels_by_release(pinned) == {"1.0.1": ("stable",)}
    assert pinned[0].error is not None and "cannot be read" in pinned[0].error.what
    distrusted = read_channels(OpenedChannels(tmp_path), [materials.theirs.public])
    assert isinstance(distrusted[1].error, DistrustedError)
    assert find_channels_by_release(distrusted) == {}


def test_without_a_key_a_channel_is_compared_with_its_own(tmp_path: Path, key: SigningKey) -> None:
    switch(tmp_path, key, 1)
    (channel,) = read_channels(OpenedChannels(tmp_path), ())
    assert isinstance(channel.error, DistrustedError)
    switch(tmp_path, key, 2, {"RPM-GPG-KEY-ours": key.file.read_bytes()})
    (channel,) = read_channels(OpenedChannels(tmp_path), ())
    assert (channel.trust, channel.error) == (TrustLevel.OWN_KEYS, None)


def test_a_channel_that_shows_a_release_that_is_gone_or_another(tmp_path: Path, key: SigningKey) -> None:
    switch(tmp_path, key, 1)
    sums = tmp_path / "1.0.0" / "SHA256SUMS"
    for damage, why in (
        (lambda: sums.write_text("other"), "is not the file that was promoted"),
        (sums.unlink, "No such file"),
    ):
        damage()
        (channel,) = read_channels(OpenedChannels(tmp_path), [key.file])
        assert channel.history is not None and channel.error is not None
        assert channel.error.what == "the channel stable shows 1.0.0, which machines cannot get"
        assert why in channel.error.why


def test_a_channel_that_a_server_does_not_give_hides_no_other(tmp_path: Path, key: SigningKey) -> None:
    switch(tmp_path, key, 1)
    failure = InputError("it is larger than expected")
    found = read_channels(OpenedChannels(tmp_path, {"large": failure}), [key.file], "altai")
    assert [(channel.name, channel.error) for channel in found] == [("large", failure), ("stable", None)]
    (other,) = read_channels(OpenedChannels(tmp_path), [key.file], "another")
    assert other.history is None and isinstance(other.error, DistrustedError)
