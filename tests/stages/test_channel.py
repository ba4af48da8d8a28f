"""A channel shows one release or another, wherever its change is stopped, and whoever tampers with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from altai_build.errors import DistrustedError, InputError, PublishError
from altai_build.model.channel import ChannelHistory
from altai_build.stages import channel as stage
from altai_build.stages.channel import list_channel_remains, list_channels, read_channel, switch_channel
from altai_build.tools.openpgp.signing import SigningKey
from tests.kit.keys import signing_key
from tests.kit.releases import Materials
from tests.model.test_channel import HISTORY


@pytest.fixture(scope="module")
def key(materials: Materials) -> Iterator[SigningKey]:
    with signing_key(materials.ours) as key:
        yield key


def switch(
    releases: Path, key: SigningKey, count: int, more: Mapping[str, bytes] = MappingProxyType({})
) -> None:
    """Let the channel `stable` show the release of its n-th promotion."""
    history = replace(HISTORY, promotions=HISTORY.promotions[:count], files={})
    version = history.last.version.encode()
    (releases / history.last.version).mkdir(parents=True, exist_ok=True)
    (releases / history.last.version / "SHA256SUMS").write_bytes(version)
    files = {"altai-stable.repo": version, "deps/epel/metalink.xml": version, **more}
    switch_channel(releases, history, files, key)


def read(releases: Path, key: SigningKey) -> ChannelHistory:
    history = read_channel(releases, "stable", [key.file])
    assert history is not None
    return history


def test_a_channel_is_a_link_to_a_whole_folder(tmp_path: Path, key: SigningKey) -> None:
    assert read_channel(tmp_path, "stable", [key.file]) is None
    assert list_channels(tmp_path) == ()
    for count in (1, 2, 3):
        switch(tmp_path, key, count)
        assert read(tmp_path, key).promotions == HISTORY.promotions[:count]
    channels = tmp_path / "channels"
    assert os.readlink(channels / "stable") == ".stable.3"
    assert (channels / "stable" / "deps/epel/metalink.xml").read_text() == "1.0.0"
    assert (channels / "stable").stat().st_mode & 0o777 == 0o755
    # Requests may be under way in the one before.
    assert sorted(os.listdir(channels)) == [".stable.2", ".stable.3", "stable"]
    assert list_channels(tmp_path) == ("stable",)
    (channels / ".stable.staging-abc").mkdir()
    (channels / ".stable.next").symlink_to(".stable.9")
    remains = list_channel_remains(tmp_path)
    assert [path.name for path in remains.earlier] == [".stable.2"]
    assert [path.name for path in remains.unfinished] == [".stable.next", ".stable.staging-abc"]
    # An older copy of the history was restored, and its number is taken.
    switch(tmp_path, key, 3)
    assert sorted(os.listdir(channels)) == [".stable.3", ".stable.4", "stable"]
    assert os.readlink(channels / "stable") == ".stable.4"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_wherever_it_is_stopped_the_channel_is_whole(
    tmp_path: Path, key: SigningKey, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interruption, which no handler of errors sees, before or after each call that gives a file its name."""
    switch(tmp_path, key, 1)
    shown, stops = [], 0
    while True:
        stops += 1
        with monkeypatch.context() as patch:
            calls = iter(range(1, 1000))
            for name in ("rename", "replace", "symlink"):
                patch.setattr(os, name, _stopping(getattr(os, name), calls, stops, moment))
            try:
                switch(tmp_path, key, 2)
            except KeyboardInterrupt:
                shown.append(read(tmp_path, key).last.version)
            else:
                break
        if shown[-1] == "1.0.1":
            switch(tmp_path, key, 1)
    # Only the last of the calls changes what is shown.
    assert shown == ["1.0.0"] * (len(shown) - 1) + ["1.0.0" if moment == "before" else "1.0.1"]
    assert len(shown) >= 6
    assert read(tmp_path, key).last == HISTORY.promotions[1]
    assert set(os.listdir(tmp_path / "channels")) == {".stable.1", ".stable.2", "stable"}


def _stopping(real: Callable[..., Any], calls: Iterator[int], number: int, moment: str) -> Callable[..., Any]:
    """A function that is interrupted when it is the `number`-th of all `calls`."""

    def call(*words: Any, **options: Any) -> Any:
        is_meant = next(calls) == number
        if is_meant and moment == "before":
            raise KeyboardInterrupt
        result = real(*words, **options)
        if is_meant:
            raise KeyboardInterrupt
        return result

    return call


def test_what_was_changed_is_not_believed(tmp_path: Path, key: SigningKey, materials: Materials) -> None:
    switch(tmp_path, key, 2)
    with pytest.raises(DistrustedError, match="unknown key"):
        read_channel(tmp_path, "stable", [materials.theirs.public])
    folder = tmp_path / "channels" / "stable"
    metalink = folder / "deps/epel/metalink.xml"
    metalink.write_text("another release")
    with pytest.raises(DistrustedError) as caught:
        read(tmp_path, key)
    assert "deps/epel/metalink.xml: it is not the file that the signed history lists" in caught.value.why
    metalink.unlink()
    with pytest.raises(DistrustedError, match="stable is not what was promoted") as caught:
        read(tmp_path, key)
    assert "No such file" in caught.value.why
    history = folder / "history.json"
    history.write_text(history.read_text().replace("Ann", "Eve"))
    with pytest.raises(DistrustedError, match="stable is not what was promoted"):
        read(tmp_path, key)
    (folder / "history.json.asc").unlink()
    with pytest.raises(DistrustedError) as caught:
        read(tmp_path, key)
    assert "there is no history.json.asc" in caught.value.why


def test_files_that_the_history_does_not_list(tmp_path: Path, key: SigningKey) -> None:
    switch(tmp_path, key, 1)
    folder = tmp_path / "channels" / "stable"
    (folder / "deps/other.repo").symlink_to("/dev/null")
    with pytest.raises(DistrustedError, match="stable is not what was promoted") as caught:
        read(tmp_path, key)
    assert caught.value.why == "deps/other.repo: the signed history does not list it"
    for number in range(10):
        (folder / str(number)).touch()
    with pytest.raises(DistrustedError) as caught:
        read(tmp_path, key)
    assert caught.value.why.split("\n")[0] == "0: the signed history does not list it"
    assert caught.value.why.split("\n")[10:] == ["and 1 more"]


def test_the_history_of_another_channel_is_not_believed(tmp_path: Path, key: SigningKey) -> None:
    switch(tmp_path, key, 1)
    (tmp_path / "channels" / "testing").symlink_to(".stable.1")
    with pytest.raises(DistrustedError) as caught:
        read_channel(tmp_path, "testing", [key.file])
    assert "is the history of the channel stable" in caught.value.why


@pytest.mark.parametrize("damage", ["missing", "fifo", "circle", "huge"])
def test_a_history_that_cannot_be_read(
    tmp_path: Path, key: SigningKey, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(tmp_path, key, 1)
    path = tmp_path / "channels" / "stable" / "history.json"
    if damage == "huge":
        monkeypatch.setattr(stage, "MAX_HISTORY_SIZE", 10)
    else:
        path.unlink()
    if damage == "fifo":
        os.mkfifo(path)
    if damage == "circle":
        path.symlink_to("history.json")
    with pytest.raises(InputError, match="the channel stable cannot be read"):
        read(tmp_path, key)


@pytest.mark.parametrize("damage", ["file", "circle", "dangling"])
def test_channels_that_cannot_be_listed_are_not_none(tmp_path: Path, key: SigningKey, damage: str) -> None:
    channels = tmp_path / "channels"
    if damage == "file":
        channels.touch()
    else:
        channels.symlink_to("channels" if damage == "circle" else "not mounted")
    for call in (
        lambda: list_channels(tmp_path),
        lambda: read_channel(tmp_path, "stable", [key.file]),
        lambda: list_channel_remains(tmp_path),
    ):
        with pytest.raises(InputError, match=r"the channels in .* cannot be read"):
            call()


def test_the_history_of_another_project_is_not_believed(tmp_path: Path, key: SigningKey) -> None:
    switch(tmp_path, key, 1)
    assert read_channel(tmp_path, "stable", [key.file], project="altai") is not None
    with pytest.raises(DistrustedError) as caught:
        read_channel(tmp_path, "stable", [key.file], project="other")
    assert "is of the project altai, not of other" in caught.value.why


def test_a_history_that_nobody_would_read_is_not_written(
    tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(tmp_path, key, 1)
    with monkeypatch.context() as patch, pytest.raises(PublishError, match="was not changed"):
        patch.setattr(stage, "MAX_HISTORY_SIZE", 500)
        switch(tmp_path, key, 2)
    assert read(tmp_path, key).last.number == 1


def test_a_folder_in_the_place_of_the_link(tmp_path: Path, key: SigningKey) -> None:
    (tmp_path / "channels" / "stable").mkdir(parents=True)
    with pytest.raises(PublishError, match="is not a link"):
        switch(tmp_path, key, 1)


def test_a_disk_that_refuses_leaves_the_channel_as_it_is(
    tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(tmp_path, key, 1)

    def refuse(*_words: object, **_options: object) -> None:
        raise OSError(28, "No space left on device", "there")

    with monkeypatch.context() as patch, pytest.raises(PublishError) as caught:
        patch.setattr(stage, "sync_tree", refuse)
        switch(tmp_path, key, 2)
    assert caught.value.what == "the channel stable was not changed"
    assert caught.value.why == "there: No space left on device"
    assert read(tmp_path, key).last == HISTORY.promotions[0]
