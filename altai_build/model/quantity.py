"""Times, sizes and counts as people write them: 12h, 20G, 3 packages."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TIMES = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_duration(text: str) -> float:
    """Seconds out of 90m, 12h, 14d, 2w. Raises ValueError saying which units there are."""
    return _parse(text, _TIMES)


def parse_size(text: str) -> float:
    """Bytes out of 500M, 20G. Raises ValueError saying which units there are."""
    return _parse(text, _SIZES)


def format_size(size: float) -> str:
    """Bytes as people read them, in decimal units: `300 B`, `250 kB`, `3.2 MB`, `1.75 GB`."""
    if size < 1_000:
        return f"{size:.0f} B"
    if size < 1_000_000:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e6:.1f} MB" if size < 1_000_000_000 else f"{size / 1e9:.2f} GB"


def format_size_change(change: int) -> str:
    """A difference of sizes with its sign: `+3.2 MB`, `-300 B`, `0 B`."""
    sign = "-" if change < 0 else "+" if change else ""
    return f"{sign}{format_size(abs(change))}"


def format_count(number: int, noun: str) -> str:
    """A number with its noun: `1 finding`, `3 findings`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def parse_whole_number(text: str) -> int | None:
    """A number of at most 18 ASCII digits; None for all other text, such as longer ones."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _parse(text: str, units: Mapping[str, int]) -> float:
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([A-Za-z]?)", text)
    if match is None or match[2] not in units:
        known = ", ".join(unit for unit in units if unit)
        raise ValueError(f"{text!r} is not a number with one of the units {known}")
    return float(match[1]) * units[match[2]]
