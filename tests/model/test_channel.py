"""history.json: what is written is read back, and whatever else somebody wrote is refused with a reason."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from altai_build.model.channel import (
    ChannelHistory,
    Promotion,
    format_moment,
    history_from_json,
    history_to_json,
    is_channel_name,
)


def compute_checksums(version: str) -> str:
    """The SHA-256 of what stands for the SHA256SUMS of a release."""
    return hashlib.sha256(version.encode()).hexdigest()


_FIRST = Promotion(
    number=1,
    who="Ann <ann@example.org>",
    when="2026-11-27T11:00:00Z",
    previous=None,
    version="1.0.0",
    why="",
    is_back=False,
    checksums=compute_checksums("1.0.0"),
)
_SECOND = replace(
    _FIRST, number=2, previous="1.0.0", version="1.0.1", why="näher", checksums=compute_checksums("1.0.1")
)
_THIRD = replace(_FIRST, number=3, previous="1.0.1", why="bad", is_back=True)
HISTORY = ChannelHistory(
    project="altai",
    channel="stable",
    promotions=(_FIRST, _SECOND, _THIRD),
    files={"altai-stable.repo": "b" * 64, "deps/epel/metalink.xml": "c" * 64},
)


def test_a_history_is_read_as_it_was_written() -> None:
    assert history_from_json(history_to_json(HISTORY)) == HISTORY
    assert HISTORY.last == _THIRD


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("schema_version",), 2, "schema_version is 2"),
        (("schema_version",), True, "schema_version is missing"),
        (("promotions",), [], "promotions is empty"),
        (("promotions",), [1], "promotions[0] is no object"),
        (("promotions", 1, "number"), 3, "promotions[1] has the number 3"),
        (("promotions", 1, "from"), "0.9", "promotion 2 is from 0.9, but 1 is to 1.0.0"),
        (("promotions", 0, "from"), "0.9", "promotion 1 is from 0.9"),
        (("promotions", 2, "to"), "../etc", "promotion 3 names no release"),
        (("promotions", 2, "checksums"), "x", "promotion 3 names no release"),
        (("promotions", 2, "back"), "yes", "back is missing, or no bool"),
        (("files",), [], "files is no object"),
        (("files", "../../x"), "d" * 64, "files has '../../x'"),
        (("files", "x"), "d", "files has 'x'"),
        (("files", "altai-stable.repo/x"), "d" * 64, "in a folder that is a file"),
        (("channel",), None, "channel is missing"),
    ],
)
def test_a_history_that_cannot_be_believed_is_refused(
    place: tuple[Any, ...], value: Any, message: str
) -> None:
    document: Any = json.loads(history_to_json(HISTORY))
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(ValueError) as caught:
        history_from_json(json.dumps(document))
    assert message in str(caught.value)


def test_names_of_channels() -> None:
    assert all(map(is_channel_name, ("stable", "ring-10", "a_b", "x" * 31)))
    assert not any(
        map(is_channel_name, ("", "Stable", "../x", ".x", "1", "a.b", "a/b", "-a", "x" * 32, "a\n"))
    )


def test_moments_are_in_universal_time() -> None:
    moment = datetime(2026, 11, 27, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert format_moment(moment) == "2026-11-26T23:00:00Z"
