"""Checksums as repository metadata and the lock write them."""

from __future__ import annotations

import pytest

from altai_build.model.checksum import Checksum, find_strongest, make_checksum

SHA1, SHA256, SHA512 = (
    Checksum(name, "a" * digits) for name, digits in (("sha1", 40), ("sha256", 64), ("sha512", 128))
)
MD5 = Checksum("md5", "a" * 32)


@pytest.mark.parametrize(
    ("algorithm", "value", "expected"),
    [
        ("sha256", "a" * 64, SHA256),
        ("SHA256", f" {'A' * 64}\n", SHA256),
        ("sha", "a" * 40, SHA1),
        ("blake2s", "a" * 50, Checksum("blake2s", "a" * 50)),
    ],
)
def test_texts_of_xml_metadata_become_one_form(algorithm: str, value: str, expected: Checksum) -> None:
    assert make_checksum(algorithm, value) == expected


@pytest.mark.parametrize(
    ("algorithm", "value", "message"),
    [
        ("sha256", "a" * 40, f"{'a' * 40!r} is not a sha256 checksum: expected 64 hexadecimal digits"),
        (
            "sha256",
            "../../etc/passwd",
            "'../../etc/passwd' is not a sha256 checksum: expected 64 hexadecimal digits",
        ),
        ("sha256", "", "'' is not a sha256 checksum: expected 64 hexadecimal digits"),
        ("new", "a/" * 20, f"{'a/' * 20!r} is not a new checksum: expected hexadecimal digits"),
        ("../x", "a" * 64, "'../x' is not the name of a checksum algorithm"),
        ("", "a" * 64, "'' is not the name of a checksum algorithm"),
    ],
)
def test_other_texts_are_refused(algorithm: str, value: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        make_checksum(algorithm, value)
    assert str(caught.value) == message


def test_the_written_form() -> None:
    assert str(SHA256) == f"sha256:{'a' * 64}"


def test_only_a_sha256_is_given_as_one() -> None:
    assert SHA256.sha256 == "a" * 64
    assert SHA512.sha256 is None


def test_the_strongest_is_found_and_md5_proves_nothing() -> None:
    assert find_strongest([MD5, SHA256, SHA512, SHA1]) == SHA512
    assert find_strongest([MD5, SHA1]) == SHA1
    assert find_strongest([MD5]) is None
    assert find_strongest([]) is None
