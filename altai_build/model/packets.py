"""The packets of OpenPGP data and the fields within them (RFC 4880, RFC 9580): where each begins and ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone


@dataclass(frozen=True)
class Packet:
    """One packet: its type, its body, and both with the length in front."""

    kind: int
    body: bytes
    raw: bytes


def read_packets(data: bytes) -> Iterator[Packet]:
    """Each packet (RFC 9580, section 4.2); raises ValueError for a malformed or truncated packet."""
    at = 0
    while at < len(data):
        start, first = at, data[at]
        if not first & 0x80:
            raise ValueError("not an OpenPGP packet")
        if first & 0x40:
            kind = first & 0x3F
            size, at = _read_length(data, at + 1)
        else:
            kind, octets = first >> 2 & 0x0F, (1, 2, 4, 0)[first & 3]
            if not octets:
                raise ValueError("an OpenPGP packet of unknown length")
            size, at = int.from_bytes(take_octets(data, at + 1, octets), "big"), at + 1 + octets
        body = take_octets(data, at, size)
        at += size
        yield Packet(kind=kind, body=body, raw=data[start:at])


def _read_length(data: bytes, at: int, *, is_subpacket: bool = False) -> tuple[int, int]:
    """(length, offset after it) in the one, two or five octet form; of packets some two octet forms are partial."""
    first = take_octets(data, at, 1)[0]
    if first < 192:
        return first, at + 1
    if first < 224 or (is_subpacket and first < 255):
        return (first - 192 << 8) + take_octets(data, at + 1, 1)[0] + 192, at + 2
    if first < 255:
        raise ValueError("an OpenPGP packet of partial length")
    return int.from_bytes(take_octets(data, at + 1, 4), "big"), at + 5


def take_octets(data: bytes, at: int, size: int) -> bytes:
    """So many octets from an offset on. Raises ValueError when there are fewer."""
    piece = data[at : at + size]
    if len(piece) != size:
        raise ValueError("a truncated OpenPGP packet")
    return piece


def read_subpackets(body: bytes, at: int, width: int) -> tuple[dict[int, bytes], int]:
    """({subpacket type: value}, offset after it) of one subpacket area; of equal types the last counts."""
    size = int.from_bytes(take_octets(body, at, width), "big")
    area = take_octets(body, at + width, size)
    values, inner = {}, 0
    while inner < len(area):
        length, inner = _read_length(area, inner, is_subpacket=True)
        subpacket = take_octets(area, inner, length)
        if subpacket:
            # The highest bit of the type marks a critical subpacket.
            values[subpacket[0] & 0x7F] = subpacket[1:]
        inner += length
    return values, at + width + size


def read_seconds(octets: bytes | None) -> int:
    """A number of seconds in a subpacket; 0 where there is none. Raises ValueError for another length than four."""
    if octets is not None and len(octets) != 4:
        raise ValueError(f"an OpenPGP duration of {len(octets)} octets")
    return int.from_bytes(octets or b"", "big")


def parse_time(octets: bytes) -> datetime:
    """A time in a packet. Raises ValueError for another length than four octets."""
    if len(octets) != 4:
        raise ValueError(f"an OpenPGP time of {len(octets)} octets")
    return datetime.fromtimestamp(int.from_bytes(octets, "big"), tz=timezone.utc)
