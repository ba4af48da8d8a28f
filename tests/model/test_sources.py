"""Names that sources can have, and the lists of checksums that dist-git repositories have."""

from __future__ import annotations

import pytest

from altai_build.model.checksum import Checksum
from altai_build.model.sources import is_source_file_name, read_checksum_list

MD5, SHA1, SHA256, SHA512 = "0" * 32, "1" * 40, "2" * 64, "5" * 128


@pytest.mark.parametrize(
    "name", ["a@.service", "f,patch", "a b", "-x", "é", "q'uote", "(p)", "a%b", "x" * 255]
)
def test_whatever_rpm_packs_is_a_name(name: str) -> None:
    assert is_source_file_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\nb", "a\x1b[2J", "x" * 256, "é" * 128])
def test_what_is_no_file_name_is_refused(name: str) -> None:
    assert not is_source_file_name(name)


def test_every_form_of_line_is_read_and_the_strongest_checksum_counts() -> None:
    text = (
        f"SHA512 (a.tar.gz) = {SHA512.upper()}\nSHA512 (with (b).zip) = {SHA512}\n\n# from lookaside\n"
        f"{MD5}  old.tgz\n{SHA1} SOURCES/c.tar.xz\n{SHA256} *d\n{MD5}  d\n"
    )
    assert read_checksum_list(text) == {
        "a.tar.gz": Checksum("sha512", SHA512),
        "with (b).zip": Checksum("sha512", SHA512),
        "old.tgz": None,
        "c.tar.xz": Checksum("sha1", SHA1),
        "d": Checksum("sha256", SHA256),
    }


@pytest.mark.parametrize(
    "text", ["deb http://example.org stable", f"SHA256 (a) = {SHA512}", f"{'0' * 33} a", "README\n"]
)
def test_other_texts_are_no_list(text: str) -> None:
    assert read_checksum_list(text) is None


def test_an_empty_list_is_one() -> None:
    assert read_checksum_list("") == {}
