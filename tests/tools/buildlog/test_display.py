"""What a log shows of itself: whole lines, and nothing that controls a terminal."""

from __future__ import annotations

import gzip
import io

import pytest

from altai_build.tools.buildlog import display
from altai_build.tools.buildlog.display import LogCleaner, read_clean


def test_lines_come_whole_however_the_bytes_come() -> None:
    cleaner = LogCleaner()
    data = "één\x1b[31m red\x1b[0m\r\n\x1b]0;title\x07progress 1\rprogress 2\nlast".encode()
    text = "".join(cleaner.feed(data[number : number + 1]) for number in range(len(data))) + cleaner.finish()
    assert text == "één red\nprogress 1\nprogress 2\nlast\n"
    assert cleaner.finish() == ""


def test_other_control_characters_and_bytes_are_escaped() -> None:
    text = "".join(read_clean(io.BytesIO(b"a\x07b\x9b2Jc\xc2\x9bd\x1be\tf\xe2\x80\xaeg\n")))
    assert text == "a\\x07b\\x9b2Jc\\x9bd\\x1be\tf\\u202eg\n"
    assert all(char.isprintable() or char in "\n\t" for char in text)


def test_a_line_without_end_is_cut_into_lines() -> None:
    parts = list(read_clean(io.BytesIO(b"x" * 1_000_000)))
    assert "".join(parts).replace("\n", "") == "x" * 1_000_000
    assert max(map(len, "".join(parts).split("\n"))) <= 2 * (1 << 16)


def test_a_compressed_log_is_bounded_and_must_be_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(b"line\n" * 100_000)
    assert "".join(read_clean(io.BytesIO(packed), is_compressed=True)) == "line\n" * 100_000
    for damaged, why in ((b"no gzip", "no gzip"), (packed[:-20], "ends in the middle")):
        with pytest.raises(OSError, match=why):
            list(read_clean(io.BytesIO(damaged), is_compressed=True))
    monkeypatch.setattr(display, "KEPT_SIZE", 100_000)
    with pytest.raises(OSError, match="unpacks to more than"):
        list(read_clean(io.BytesIO(packed), is_compressed=True))
