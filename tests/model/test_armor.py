"""ASCII armor: what gpg reads is read, in linear time; what is damaged is refused."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from altai_build.model.armor import armor_public_key, dearmor

BEGIN, END = b"-----BEGIN PGP MESSAGE-----\n", b"-----END PGP MESSAGE-----\n"


@given(some.binary(max_size=100))
def test_any_bytes_survive_armor(data: bytes) -> None:
    armored = armor_public_key(data)
    assert dearmor(b"leading text\n" + armored + b"\n" + armored) == data + data
    for changed in (
        armored.replace(b"\n", b" \t\r\n"),
        armored.replace(b"-\n\n", b"-\nVersion: 1\nComment: a: b\n\n", 1),
        b"\xef\xbb\xbf" + armored,
        b"".join(line for line in armored.splitlines(keepends=True) if line[:1] != b"=" or len(line) != 6),
    ):
        assert dearmor(changed) == data


def test_a_signed_text_is_its_signature() -> None:
    text = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nhello\n"
    assert dearmor(text + BEGIN + b"\nYWJj\n" + END) == b"abc"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "neither an ASCII-armored"),
        (b"<html>", "neither an ASCII-armored"),
        (END, "neither an ASCII-armored"),
        ((BEGIN + b"\nYWJj\n" + END).decode().encode("utf-16"), "it is UTF-16 text, as PowerShell writes it"),
        (BEGIN + b"\n!!!!\n" + END, "armor is damaged: "),
        (BEGIN + b"\nYWJj\n=abcd\n" + END, "armor is damaged: its checksum is wrong"),
        (BEGIN + b"\nYWJj\n", "armor is damaged: its last block has no end"),
        (BEGIN + b"\nYWJj\n" + BEGIN + b"\nYWJj\n" + END, "armor is damaged: a block begins within another"),
    ],
)
def test_what_is_damaged_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        dearmor(data)


def test_binary_packets_are_what_they_are() -> None:
    assert dearmor(b"\x99\x00") == b"\x99\x00"


@pytest.mark.parametrize("text", [BEGIN, BEGIN + b"\n", BEGIN + END, b"-----BEGIN PGP ", BEGIN.strip()])
def test_many_lines_that_begin_a_block_take_no_longer_than_other_lines(text: bytes) -> None:
    begin = time.process_time()
    with pytest.raises(ValueError, match="armor"):
        dearmor(text * 20_000 + BEGIN)
    assert time.process_time() - begin < 2.0


def test_a_block_has_the_form_that_gpg_writes() -> None:
    lines = armor_public_key(bytes(range(100))).splitlines()
    assert lines[:2] == [b"-----BEGIN PGP PUBLIC KEY BLOCK-----", b""]
    assert lines[2] == base64.b64encode(bytes(range(48)))
    assert lines[-2:] == [b"=ojIo", b"-----END PGP PUBLIC KEY BLOCK-----"]
