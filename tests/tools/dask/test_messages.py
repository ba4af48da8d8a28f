"""Messages: what is written is read again, all else is refused with the name of the sender."""

from __future__ import annotations

import json
from typing import Any

import pytest

from altai_build.errors import InputError
from altai_build.tools.dask.messages import LONGEST_TASK, Answer, FileReference, Task, decode, encode

REFERENCE = FileReference(name="0.json", sha256="a" * 64, size=10)
TASK = Task(format=1, url="https://head:9000", job="0123-ab", token="t_-", description=REFERENCE)


def test_a_message_is_read_as_it_was_written() -> None:
    assert decode(encode(TASK), Task, limit=LONGEST_TASK, sender="the run") == TASK
    assert decode(b"{}", Answer, limit=9, sender="w") == Answer()


def change(**fields: Any) -> bytes:
    return json.dumps({**json.loads(encode(TASK)), **fields}).encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x80\x04N.", "malformed"),  # a pickle
        (b"[" * 2000, "Expected `object`, got `array`"),
        (b"", "truncated"),
        (b"x" * (LONGEST_TASK + 1), "at most 4096 are read"),
        (change(format=2), "Invalid enum value 2"),
        (change(format=1.5), "Expected `int`"),
        (change(more=1), "unknown field `more`"),
        (change(url="file:///etc/passwd"), "matching regex"),
        (change(url="http://head:9000/../x"), "matching regex"),
        (change(job="../x"), "matching regex"),
        (change(token="t\nX: y"), "matching regex"),
        (change(token="t\n"), "matching regex"),
        (change(description={"name": "../x", "sha256": "a" * 64, "size": 1}), "matching regex"),
        (change(description={"name": ".hidden", "sha256": "a" * 64, "size": 1}), "matching regex"),
        (change(description={"name": "-option", "sha256": "a" * 64, "size": 1}), "matching regex"),
        (change(description={"name": "x", "sha256": "A" * 64, "size": 1}), "matching regex"),
        (change(description={"name": "x", "sha256": "a" * 64, "size": -1}), ">= 0"),
        (change(description={"name": "x", "sha256": "a" * 64, "size": True}), "Expected `int`, got `bool`"),
    ],
)
def test_other_messages_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(InputError, match="the worker w sent a message that is refused") as caught:
        decode(data, Task, limit=LONGEST_TASK, sender="the worker w")
    assert why in caught.value.why
