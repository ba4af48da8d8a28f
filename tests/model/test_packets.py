"""Packets and subpackets: lengths of every form, and fields of the wrong length."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from altai_build.model.packets import parse_time, read_packets, read_seconds, read_subpackets


def test_a_packet_has_its_type_its_body_and_all_its_bytes() -> None:
    first, second = b"\xcd\x01a", b"\xb4\x02bc"
    assert [(packet.kind, packet.body, packet.raw) for packet in read_packets(first + second)] == [
        (13, b"a", first),
        (13, b"bc", second),
    ]


@pytest.mark.parametrize("size", [1, 191, 192, 8383, 8384, 16_319, 16_320, 60_000])
def test_a_subpacket_may_be_longer_than_a_packet_of_the_same_form(size: int) -> None:
    """A packet of 8,384 to 16,319 bytes would be partial (RFC 4880, 4.2.2.4); no subpacket is (5.2.3.1)."""
    if size < 192:
        length = bytes([size])
    elif size < 16_320:
        length = bytes([192 + (size - 192 >> 8), size - 192 & 0xFF])
    else:
        length = b"\xff" + size.to_bytes(4, "big")
    area = length + b"\x14" + bytes(size - 1)
    assert read_subpackets(len(area).to_bytes(4, "big") + area, 0, 4) == (
        {0x14: bytes(size - 1)},
        4 + len(area),
    )


def test_times_and_durations_have_four_octets() -> None:
    assert parse_time(b"\0\0\0\x3c") == datetime(1970, 1, 1, 0, 1, tzinfo=timezone.utc)
    assert (read_seconds(None), read_seconds(b"\0\0\0\x3c")) == (0, 60)
    for octets in (b"", b"\0\0\0", b"\xff" * 5, b"\xff" * 16):
        with pytest.raises(ValueError, match=f"time of {len(octets)} octets"):
            parse_time(octets)
        with pytest.raises(ValueError, match=f"duration of {len(octets)} octets"):
            read_seconds(octets)
