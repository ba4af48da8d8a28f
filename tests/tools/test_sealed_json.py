"""A document with its digest comes back as it was, or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altai_build.tools.sealed_json import dump_sealed, load_sealed, read_sealed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = st.text().filter(lambda name: name != "digest")


@given(st.dictionaries(NAMES, VALUES, min_size=1))
def test_documents_come_back_as_they_were(document: dict[str, Any]) -> None:
    data = dump_sealed(document)
    assert load_sealed(data) == document and b"\n" not in data
    assert {name: value for name, value in json.loads(data).items() if name != "digest"} == document


@given(st.dictionaries(NAMES, VALUES, min_size=1), st.data())
def test_no_changed_or_missing_byte_goes_unnoticed(document: dict[str, Any], data: st.DataObject) -> None:
    whole = dump_sealed(document)
    place, change = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, 255))
    assert load_sealed(whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :]) is None
    assert load_sealed(whole[:place]) is None
    assert load_sealed(whole + b" ") is None


@pytest.mark.parametrize("data", [b"", b"null", b"{}", b'{"a": 1}', b'{"digest": "', b"\xff", b"[" * 100_000])
def test_other_texts_are_none(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    assert read_sealed(tmp_path / "file") is None


@pytest.mark.parametrize("body", [b"1]", b"}}", b"[" * 100_000, b'"digest": 1}', b"\xff}"])
def test_a_right_digest_of_another_text_is_no_document(body: bytes) -> None:
    digest = hashlib.sha256(body).hexdigest().encode()
    assert not load_sealed(b'{"digest": "' + digest + b'", ' + body)


def test_files_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    assert read_sealed(tmp_path / "missing") is None and read_sealed(tmp_path) is None
