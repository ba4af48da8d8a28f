"""OpenPGP packets: what they say is read, and no bytes whatever make the reader fail in another way than ValueError."""

from __future__ import annotations

import base64
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from altai_build.model.openpgp import KeyId, dearmor, parse_keys, parse_signature
from altai_build.tools.openpgp.keyring import open_keyring
from tests.kit.keys import make_key

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
    ],
)
def test_a_malformed_signature_says_what_is_wrong(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_signature(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "neither an ASCII-armored"),
        (b"<html>", "neither an ASCII-armored"),
        (packet(V4), "no OpenPGP public key"),
        (packet(b"\x05" + bytes(20), kind=6), "key of version 5"),
        (
            b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!!\n-----END PGP PUBLIC KEY BLOCK-----\n",
            "armor is damaged",
        ),
    ],
)
def test_a_malformed_key_file_says_what_is_wrong(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_keys(data)


@given(some.binary(max_size=200), some.sampled_from([0xC2, 0xC6, 0xCE, 0x99, 0x88]))
def test_any_bytes_are_read_or_refused(data: bytes, first: int) -> None:
    for parse in (parse_signature, parse_keys):
        for start in (bytes([first]), bytes([first, min(len(data), 191)])):
            try:
                parse(start + data)
            except ValueError:
                continue


def test_numbers_that_no_key_has_are_refused_or_cut() -> None:
    body = b"\x04" + bytes(4) + b"\x01\x00\x08\xff" + bytes(0x10000)
    packet = b"\xc6\xff" + len(body).to_bytes(4, "big") + body
    with pytest.raises(ValueError, match="too long for its version"):
        parse_keys(packet)
    key = b"\xc6\x09\x04" + bytes(4) + b"\x01\x00\x01\x01"
    (parsed,) = parse_keys(key)
    issuer = b"\x09\x10" + bytes.fromhex(parsed.key_id)
    # A lifetime of sixteen octets instead of four.
    lifetime = b"\x11\x09" + b"\xff" * 16
    hashed = issuer + lifetime
    signature = b"\x04\x13\x01\x08" + len(hashed).to_bytes(2, "big") + hashed + b"\0\0"
    (parsed,) = parse_keys(key + b"\xc2" + bytes([len(signature)]) + signature)
    assert parsed.expires == datetime.fromtimestamp(0xFFFFFFFF, tz=timezone.utc)


@given(some.binary(max_size=100))
def test_any_bytes_survive_armor(data: bytes) -> None:
    lines = base64.encodebytes(data)
    armored = (
        b"-----BEGIN PGP MESSAGE-----\r\nVersion: 1\r\n\r\n" + lines + b"=abcd\n-----END PGP MESSAGE-----\n"
    )
    assert dearmor(b"leading text\n" + armored + b"\n" + armored) == data + data


def test_keys_of_one_file_are_kept_apart_with_their_expiry(tmp_path: Path) -> None:
    first = make_key(tmp_path, "first", born="20200101", expires="2y")
    second = make_key(tmp_path, "second", algorithm="ed25519")
    keys = parse_keys(first.public.read_bytes() + second.public.read_bytes())
    assert [(key.fingerprint, key.algorithm, key.bits) for key in keys] == [
        (first.fingerprint, "RSA", 2048),
        (second.fingerprint, "EdDSA", 255),
    ]
    assert [key.expires for key in keys] == [datetime(2021, 12, 31, tzinfo=timezone.utc), None]
    assert [keys[0].covers(KeyId(key.fingerprint[-16:])) for key in (first, second)] == [True, False]


def test_the_newest_self_signature_decides_on_expiry(tmp_path: Path) -> None:
    """The secret half was given no end after its public file had been handed out."""
    key = make_key(tmp_path, "extended", born="20200101", expires="1y", extended=True)
    assert parse_keys(key.public.read_bytes())[0].expires == datetime(2020, 12, 31, tzinfo=timezone.utc)
    with open_keyring(tmp_path / "home") as signer:
        assert signer.import_secret_key(key.secret).expires is None
