"""Text of headers in UTF-8 and in other encodings."""

from __future__ import annotations

from altai_build.model.header_text import to_valid_text


def test_text_that_is_not_utf_8_is_what_createrepo_takes_it_for() -> None:
    texts = ["plain", "é", "caf\udce9", "é caf\udce9"]
    assert [to_valid_text(text) for text in texts] == ["plain", "é", "café", "Ã© café"]
