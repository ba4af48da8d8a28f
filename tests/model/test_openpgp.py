"""OpenPGP packets: what they say is read, and no bytes whatever make the reader fail in another way than ValueError."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some

from altai_build.model.openpgp import parse_signature, split_signatures

# A version 4 signature by hand: SHA256/RSA, made 2013-02-28, issuer in the unhashed area, no numbers after it.
HASHED = b"\x05\x02" + (1362052800).to_bytes(4, "big")
UNHASHED = b"\x09\x10" + bytes.fromhex("499590CC596F1E88")
V4 = (
    b"\x04\x00\x01\x08"
    + len(HASHED).to_bytes(2, "big")
    + HASHED
    + len(UNHASHED).to_bytes(2, "big")
    + UNHASHED
)
V3 = b"\x03\x05\x00" + (1362052800).to_bytes(4, "big") + bytes.fromhex("499590CC596F1E88") + b"\x11\x02"


def packet(body: bytes, *, kind: int = 2) -> bytes:
    return bytes([0xC0 | kind, len(body)]) + body


@pytest.mark.parametrize(
    ("body", "version", "algorithm", "hash_algorithm"), [(V4, 4, "RSA", "SHA256"), (V3, 3, "DSA", "SHA1")]
)
def test_a_signature_tells_who_when_and_how(
    body: bytes, version: int, algorithm: str, hash_algorithm: str
) -> None:
    signature = parse_signature(packet(body), tag="RSAHEADER")
    assert (signature.tag, signature.version, signature.key_id) == ("RSAHEADER", version, "499590CC596F1E88")
    assert (signature.algorithm, signature.hash_algorithm) == (algorithm, hash_algorithm)
    assert signature.created == datetime(2013, 2, 28, 12, tzinfo=timezone.utc)


def test_the_three_lengths_of_old_and_new_packets_are_the_same_to_the_reader() -> None:
    size = len(V4)
    forms = [
        bytes([0x88, size]) + V4,
        b"\x89" + size.to_bytes(2, "big") + V4,
        b"\x8a" + size.to_bytes(4, "big") + V4,
        b"\xc2" + bytes([size]) + V4,
        b"\xc2\xff" + size.to_bytes(4, "big") + V4,
    ]
    assert len({parse_signature(form) for form in forms}) == 1
    long = V4 + bytes(300)
    two_octets = bytes([192 + (len(long) - 192 >> 8), len(long) - 192 & 0xFF])
    assert parse_signature(b"\xc2" + two_octets + long) == parse_signature(packet(V4))


def test_the_fingerprint_names_the_issuer_before_an_unhashed_key_id() -> None:
    fingerprint = b"\x16\x21\x04" + bytes(range(20))
    hashed = HASHED + fingerprint
    body = b"\x04\x00\x16\x0a" + len(hashed).to_bytes(2, "big") + hashed + b"\0\x0a" + UNHASHED
    signature = parse_signature(packet(body))
    assert (signature.key_id, signature.algorithm) == ("0C0D0E0F10111213", "EdDSA")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no OpenPGP signature packet"),
        (b"text", "not an OpenPGP packet"),
        (packet(b"user", kind=13), "no OpenPGP signature packet"),
        (packet(V4)[:-1], "truncated"),
        (packet(b"\x05" + V4[1:]), "signature of version 5"),
        (packet(V4[:7]), "truncated"),
        (b"\xc2\xe1" + V4, "partial length"),
        (b"\x8b" + V4, "unknown length"),
        (
            packet(V4.replace(HASHED, b"\x08\x02" + bytes(7)).replace(b"\0\x06", b"\0\x09")),
            "time of 7 octets",
        ),
    ],
)
def test_a_malformed_signature_says_what_is_wrong(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_signature(data)


@given(some.binary(max_size=200), some.sampled_from([0xC2, 0xC6, 0xCE, 0x99, 0x88]))
def test_any_bytes_are_read_or_refused(data: bytes, first: int) -> None:
    for parse in (parse_signature, split_signatures):
        for start in (bytes([first]), bytes([first, min(len(data), 191)])):
            try:
                parse(start + data)
            except ValueError:
                continue


def test_a_file_of_several_signatures_has_them_in_order() -> None:
    other = packet(V3)
    assert [raw for _, raw in split_signatures(packet(V4) + other)] == [packet(V4), other]
    assert [found.version for found, _ in split_signatures(packet(V4) + other)] == [4, 3]


def test_a_signature_of_an_unknown_version_does_not_hide_the_others() -> None:
    unknown = packet(b"\x05" + V4[1:])
    ((signature, raw),) = split_signatures(unknown + packet(V4))
    assert (signature.version, raw) == (4, packet(V4))
    with pytest.raises(ValueError, match="signature of version 5"):
        split_signatures(unknown)


def test_a_signature_tells_when_it_expires() -> None:
    hashed = HASHED + b"\x05\x03" + (86400).to_bytes(4, "big")
    body = b"\x04\x00\x01\x08" + len(hashed).to_bytes(2, "big") + hashed + b"\0\x0a" + UNHASHED
    assert parse_signature(packet(body)).expires == datetime(2013, 3, 1, 12, tzinfo=timezone.utc)
    odd = b"\x04\x03" + bytes(3)
    body = b"\x04\x00\x01\x08" + len(HASHED + odd).to_bytes(2, "big") + HASHED + odd + b"\0\x0a" + UNHASHED
    with pytest.raises(ValueError, match="duration of 3 octets"):
        parse_signature(packet(body))
