"""The sources of a spec."""

from __future__ import annotations

import pytest

from altai_build.model.spec import find_archive_source
from tests.kit.spec_infos import make_info, make_source


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        (["a.tar.gz", "b.tar.gz"], 0),
        (["https://example.org/a-1.0.tar.gz"], 0),
        (["a.txt", "b.tgz"], 1),
        (["a.txt", "https://example.org/b.tgz", "c.zip"], 2),
        (["https://example.org/get?x#/a.tar.xz"], 0),
        (["a.txt", "https://example.org/b.tgz"], None),
        (["A-1.0.TAR.GZ"], 0),
        (["a.tar.lzma"], 0),
        (["a.txt", "a.tar.lz"], 1),
        (["https://example.org/o/r/tarball/v1"], 0),
        (["https://example.org/o/r/tarball/"], None),
        (["tarball/v1"], None),
        ([], None),
    ],
)
def test_the_source_that_stands_for_the_repository(values: list[str], chosen: int | None) -> None:
    tags = tuple(make_source(number, value) for number, value in enumerate(values))
    assert find_archive_source(make_info(sources=tags)) == (None if chosen is None else tags[chosen])


@pytest.mark.parametrize(
    ("value", "file"),
    [
        ("a.tar.gz", "a.tar.gz"),
        ("https://example.org/x/a.tar.gz", "a.tar.gz"),
        ("https://example.org/get?v=1#/a.tar.gz", "a.tar.gz"),
        ("sub/a", "a"),
        ("../../etc/passwd", "passwd"),
        ("dir/", ""),
        ("https://example.org/get?file=a.tar.gz", "a.tar.gz"),
        ("https://example.org/a=b/c.tar.gz", "c.tar.gz"),
        ("a=b.tar.gz", "a=b.tar.gz"),
    ],
)
def test_the_file_of_a_source(value: str, file: str) -> None:
    assert make_source(0, value).file == file
