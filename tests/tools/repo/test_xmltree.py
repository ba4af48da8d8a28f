"""XML of strangers: every way in which it can be wrong is the same kind of error."""

from __future__ import annotations

import pytest

from altai_build.tools.repo.xmltree import get_local_name, parse_xml


def test_elements_are_found_in_any_namespace() -> None:
    tree = parse_xml('<a xmlns="http://x/"><!-- b --><b/><c xmlns:y="http://y/"><y:b/></c></a>', "a")
    assert [get_local_name(node) for node in tree] == ["b", "c"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no XML",
        b"<a><b></a>",
        b"<a>" * 50_000,
        b"<a>\x00</a>",
        b"<a>&undefined;</a>",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        b'<?xml version="1.0" encoding="hex"?><a/>',
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b"\xff\xfe<a/>",
    ],
)
def test_what_is_not_xml_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="it is not XML"):
        parse_xml(data, "a")


def test_another_document_is_an_error() -> None:
    with pytest.raises(ValueError, match="it is a html document, not repomd"):
        parse_xml(b"<html>not found</html>", "repomd")


def test_entities_do_not_explode() -> None:
    names = [f"a{number}" for number in range(20)]
    bomb = '<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip(names, names[1:])
    )
    with pytest.raises(ValueError, match="it is not XML"):
        parse_xml(f"<!DOCTYPE a [{bomb}]><a>&{names[-1]};</a>", "a")
