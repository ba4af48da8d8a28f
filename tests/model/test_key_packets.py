"""Public keys as their packets describe them: self-signatures, subkeys, copies, and bytes that are no key."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from altai_build.model.armor import dearmor
from altai_build.model.key_packets import parse_keys, rewrite_keys
from altai_build.model.openpgp import KeyId
from altai_build.tools.openpgp.keyring import open_keyring
from tests.kit.keys import import_secret_key, make_key
from tests.kit.timed_keys import timed_keyring

V4_SIGNATURE = b"\x04\x00\x01\x08\0\0\0\x0a\x09\x10" + bytes.fromhex("499590CC596F1E88")


def packet(body: bytes, *, kind: int) -> bytes:
    return bytes([0xC0 | kind, len(body)]) + body


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "neither an ASCII-armored"),
        (b"<html>", "neither an ASCII-armored"),
        (packet(V4_SIGNATURE, kind=2), "no OpenPGP public key"),
        (packet(b"\x05" + bytes(20), kind=6), "key of version 5"),
        (
            b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!!\n-----END PGP PUBLIC KEY BLOCK-----\n",
            "armor is damaged",
        ),
        (packet(b"\x04" + bytes(4) + b"\x01\x00\x01\x01", kind=5), "contains a secret key"),
    ],
)
def test_a_malformed_key_file_says_what_is_wrong(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_keys(data)


@given(some.binary(max_size=200), some.sampled_from([0xC2, 0xC6, 0xCE, 0x99, 0x88]))
def test_any_bytes_are_read_or_refused(data: bytes, first: int) -> None:
    for start in (bytes([first]), bytes([first, min(len(data), 191)])):
        try:
            parse_keys(start + data)
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
    with pytest.raises(ValueError, match="duration of 16 octets"):
        parse_keys(key + b"\xc2" + bytes([len(signature)]) + signature)
    # What a stranger certifies is not looked at.
    stranger = signature.replace(bytes.fromhex(parsed.key_id), b"stranger")
    assert parse_keys(key + b"\xc2" + bytes([len(stranger)]) + stranger)[0].expires is None


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
        assert import_secret_key(signer, key.secret).expires is None


def test_subkeys_end_with_their_primary_key_or_before(tmp_path: Path) -> None:
    with timed_keyring(tmp_path) as keyring:
        key = keyring.make("one", "20200101", expires="4y", usage="cert")
        first = keyring.add_subkey(key, "20210101", expires="1y")
        second = keyring.add_subkey(key, "20220101")
        (parsed,) = parse_keys(keyring.export(tmp_path / "one", key).read_bytes())
        keyring.revoke_subkey(key, number=2)
        (revoked,) = parse_keys(keyring.export(tmp_path / "one", key).read_bytes())
    assert [(part.fingerprint, part.can_sign, part.revoked) for part in parsed.parts] == [
        (key, False, False),
        (first, True, False),
        (second, True, False),
    ]
    assert [part.expires and part.expires.year for part in parsed.parts] == [2023, 2022, 2023]
    assert [part.fingerprint for part in parsed.signing_parts] == [second, first]
    assert [part.revoked for part in revoked.parts] == [False, False, True]
    assert [part.fingerprint for part in revoked.signing_parts] == [first]
    assert (parsed.signing_ends, revoked.signing_ends) == (parsed.parts[2].expires, parsed.parts[1].expires)


def test_copies_of_a_key_are_one_key_and_the_newest_self_signature_of_all_counts(tmp_path: Path) -> None:
    with timed_keyring(tmp_path) as keyring:
        key = keyring.make("one", "20200101", expires="1y")
        old = keyring.export(tmp_path / "old", key).read_bytes()
        keyring.extend(key)
        new = keyring.export(tmp_path / "new", key).read_bytes()
        keyring.revoke(key)
        gone = keyring.export(tmp_path / "gone", key).read_bytes()
    for data in (old + new, new + old):
        (parsed,) = parse_keys(data)
        assert (parsed.fingerprint, parsed.expires, parsed.revoked) == (key, None, False)
    for data in (gone + old, old + gone):
        assert [parsed.revoked for parsed in parse_keys(data)] == [True]


def test_a_rewritten_key_file_has_the_same_keys_and_nothing_else(tmp_path: Path) -> None:
    first, second = make_key(tmp_path, "first"), make_key(tmp_path, "second", algorithm="ed25519")
    both = dearmor(first.public.read_bytes()) + dearmor(second.public.read_bytes())
    text = rewrite_keys(both)
    assert text == first.public.read_bytes() + second.public.read_bytes()
    assert rewrite_keys(text.replace(b"\n", b" \n")) == text
    assert rewrite_keys(both + packet(b"trust", kind=12)) == text
    with pytest.raises(ValueError, match="contains a secret key"):
        rewrite_keys(first.public.read_bytes() + first.secret.read_bytes())
