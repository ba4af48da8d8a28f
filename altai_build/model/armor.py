"""The ASCII armor of OpenPGP data (RFC 4880, section 6): from text to packets, and from the packets of keys to text."""

from __future__ import annotations

import base64
import binascii
import re

_LINE = re.compile(rb"-----(BEGIN|END) PGP ([A-Z0-9 ,/]+)-----")
# A signed text has an armored signature behind it, and no end of its own.
_SIGNED_TEXT = b"SIGNED MESSAGE"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_CRC_START, _CRC_POLYNOMIAL = 0xB704CE, 0x1864CFB


def dearmor(data: bytes) -> bytes:
    """The binary packets of one or several ASCII-armored blocks; binary input comes back as it is.

    Blanks at the ends of lines do not count, as for gpg. Each line is looked at once. Raises ValueError for anything
    else, for a block without an end, and for one whose checksum is wrong.
    """
    if data.startswith(_UTF_16):
        raise ValueError("it is UTF-16 text, as PowerShell writes it: save it as ASCII")
    packets: list[bytes] = []
    block: list[bytes] | None = None
    for raw in data.removeprefix(_BYTE_ORDER_MARK).splitlines():
        line = raw.strip()
        match = _LINE.fullmatch(line)
        if match is None:
            if block is not None:
                block.append(line)
        elif match[2] == _SIGNED_TEXT:
            continue
        elif match[1] == b"BEGIN":
            if block is not None:
                raise ValueError("the ASCII armor is damaged: a block begins within another")
            block = []
        elif block is not None:
            packets.append(_decode_block(block))
            block = None
    if block is not None:
        raise ValueError("the ASCII armor is damaged: its last block has no end")
    if packets:
        return b"".join(packets)
    if data[:1] >= b"\x80":
        return data
    raise ValueError("neither an ASCII-armored OpenPGP block nor binary OpenPGP packets")


def armor_public_key(packets: bytes) -> bytes:
    """The packets of one public key as an armored block, in the form that `gpg --export --armor` writes."""
    text = base64.b64encode(packets)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    checksum = b"=" + base64.b64encode(_compute_crc(packets).to_bytes(3, "big"))
    kind = b"PGP PUBLIC KEY BLOCK-----"
    return b"\n".join([b"-----BEGIN " + kind, b"", *lines, checksum, b"-----END " + kind, b""])


def _decode_block(lines: list[bytes]) -> bytes:
    """The bytes of one block: headers (`Version: …`) come first, a checksum line (`=AbCd`) may come last."""
    start = 0
    while start < len(lines) and (not lines[start] or b":" in lines[start]):
        start += 1
    body = [line for line in lines[start:] if line]
    checksum = body.pop() if body and body[-1].startswith(b"=") and len(body[-1]) == 5 else None
    try:
        decoded = base64.b64decode(b"".join(body), validate=True)
        expected = base64.b64decode(checksum[1:], validate=True) if checksum is not None else None
    except binascii.Error as error:
        raise ValueError(f"the ASCII armor is damaged: {error}") from error
    if expected is not None and _compute_crc(decoded).to_bytes(3, "big") != expected:
        raise ValueError("the ASCII armor is damaged: its checksum is wrong")
    return decoded


def _make_crc_table() -> tuple[int, ...]:
    table = []
    for octet in range(256):
        crc = octet << 16
        for _ in range(8):
            crc = crc << 1 ^ (_CRC_POLYNOMIAL if crc & 0x800000 else 0)
        table.append(crc & 0xFFFFFF)
    return tuple(table)


_CRC_TABLE = _make_crc_table()


def _compute_crc(data: bytes) -> int:
    """The CRC-24 of RFC 4880, section 6.1."""
    crc = _CRC_START
    for octet in data:
        crc = (crc << 8 ^ _CRC_TABLE[crc >> 16 ^ octet]) & 0xFFFFFF
    return crc
