"""Times, sizes and counts as people write them."""

from __future__ import annotations

import pytest

from altai_build.model.quantity import (
    format_count,
    format_size,
    format_size_change,
    parse_duration,
    parse_size,
    parse_whole_number,
)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (250_400, "250 kB"),
        (1_000_000, "1.0 MB"),
        (3_249_000, "3.2 MB"),
        (999_900_000, "999.9 MB"),
        (1_754_000_000, "1.75 GB"),
    ],
)
def test_sizes_are_printed_in_decimal_units(size: int, text: str) -> None:
    assert format_size(size) == text


def test_sizes_and_durations_are_read_with_their_units() -> None:
    assert (parse_size("20G"), parse_size("1.5K"), parse_size("7")) == (20 << 30, 1536, 7)
    assert (parse_duration("90m"), parse_duration("2w")) == (5400, 14 * 86400)
    for parse, text in (
        (parse_size, "20X"),
        (parse_duration, "20"),
        (parse_size, "-1"),
        (parse_duration, "٣h"),
    ):
        with pytest.raises(ValueError, match="is not a number with one of the units"):
            parse(text)


def test_a_count_has_its_noun_in_the_right_number() -> None:
    assert [format_count(number, "target") for number in (0, 1, 2)] == ["0 targets", "1 target", "2 targets"]


def test_a_change_of_size_has_a_sign_unless_it_is_zero() -> None:
    assert [format_size_change(change) for change in (250_000, -300, 0)] == ["+250 kB", "-300 B", "0 B"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("", None),
        ("-1", None),
        ("\u00b2", None),
    ],
)
def test_whole_numbers(text: str, number: int | None) -> None:
    assert parse_whole_number(text) == number
