"""Tags and options are taken apart as rpm and popt(3) do it."""

from __future__ import annotations

import pytest

from altai_build.tools.spec.tags import Tag, is_legal, parse_tag, split_quoted_words, strip_comment


@pytest.mark.parametrize(
    ("line", "tag"),
    [
        ("Name: x", Tag("name", None, "x")),
        ("NAME :\tx \r", Tag("name", None, "x")),
        ("Source: a:b", Tag("source", None, "a:b")),
        ("source07 : a", Tag("source", 7, "a")),
        ("Patch 3: a", Tag("patch", None, "a")),
        ("SourceLicense: x", Tag("sourcelicense", None, "x")),
        ("Requires( pre,post ): x", Tag("requires", None, "x")),
        ("Summary(de): x", Tag("summary", None, "x")),
        ("BuildArchitectures: noarch", Tag("buildarchitectures", None, "noarch")),
        ("AutoReqProv: no", Tag("autoreqprov", None, "no")),
    ],
)
def test_tags(line: str, tag: Tag) -> None:
    assert parse_tag(line) == tag


@pytest.mark.parametrize(
    "line",
    [
        *(
            "Names: x",
            " Name: x",
            "Name",
            "Name:",
            "Name: \t",
            "Provides(x): y",
            "Sourcex: y",
            "Source: ",
            "Source9999999999: x",
        ),
        *("Requires(pre, post): x", "Requires(none): x", "Requires(pre: x", "x", ""),
    ],
)
def test_what_is_no_tag(line: str) -> None:
    with pytest.raises(ValueError):
        parse_tag(line)


def test_values_that_rpm_takes() -> None:
    taken = [
        ("name", "a-b_c.d+1"),
        ("name", "lib%{x}"),
        ("version", "1.0~rc1^2"),
        ("release", "1.el6"),
        ("epoch", "07"),
        ("epoch", "4294967295"),
    ]
    refused = [
        ("name", "-a"),
        ("name", "a b"),
        ("name", "a..b"),
        ("version", "1-2"),
        ("epoch", "-1"),
        ("epoch", "4294967296"),
        ("epoch", "9" * 5000),
        ("name", ""),
    ]
    assert all(is_legal(*one) for one in taken) and not any(is_legal(*one) for one in refused)


def test_words_are_parted_by_ascii_blanks() -> None:
    assert split_quoted_words("a\tb\u00a0c\u2003d e\x1cf") == ["a", "b\u00a0c\u2003d", "e\x1cf"]
    assert split_quoted_words("'a b' c") == ["a b", "c"] and split_quoted_words("'a") == []


def test_comments() -> None:
    assert [strip_comment(line) for line in ("a # b \t", "  # a", "#", " ")] == ["a # b", "", "", ""]
