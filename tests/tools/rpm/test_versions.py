"""Versions and their ranges are compared as rpm does."""

from __future__ import annotations

import pytest
import rpm

from altai_build.model.package import Dependency
from altai_build.tools.rpm.versions import (
    COMPARISONS,
    compare_evr,
    compare_versions,
    is_in_range,
    ranges_overlap,
)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0-1", "1.0-2"),
        ("1.0-1", "1:0.1-1"),
        ("1.0~rc1-1", "1.0-1"),
        ("1.0-1", "1.0^git1-1"),
        ("1.9-1", "1.10-1"),
        ("1.0-1.2.gabc", "1.0-1.10.g123"),
        ("1.0a-1", "1.0.1-1"),
    ],
)
def test_versions_are_ordered_as_rpm_orders_them(older: str, newer: str) -> None:
    assert (compare_evr(older, newer), compare_evr(newer, older), compare_evr(older, older)) == (-1, 1, 0)
    assert compare_evr(f"0:{older}" if ":" not in older else older, older) == 0


def test_versions_and_names_in_another_encoding_are_compared() -> None:
    assert (compare_evr("1\udce9-1", "1\udce9-2"), compare_evr("1\udce9-1", "1\udce9-1")) == (-1, 0)
    assert ranges_overlap(Dependency("caf\udce9", "", ""), Dependency("caf\udce9", "=", "1\udce9"))


def test_release_numbers_may_hold_dashes() -> None:
    assert compare_versions("1.0.9", "1.0.10") == -1
    assert compare_versions("1.0.1", "1.0.1") == 0
    assert compare_versions("1.0~rc1", "1.0") == -1


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        ("", True),
        ("< 1.3", True),
        ("< 1.2", False),
        ("<= 1.2", True),
        ("<= 1.2-3", False),
        ("= 1.2-4", True),
        (">= 1:0", False),
    ],
)
def test_a_version_is_in_a_range_as_written(bound: str, expected: bool) -> None:
    assert is_in_range("1.2-4", *bound.split()) is expected


@pytest.mark.parametrize(
    ("flags", "evr", "expected"),
    [
        ("", "", True),
        ("<", "2.0", True),
        (">", "2.0", False),
        ("<=", "1.0", True),
        ("<", "1.0", False),
        ("=", "1.0", True),
        (">=", "1.0-2", False),
        ("=", "1:1.0", False),
    ],
)
def test_dependencies_overlap_as_rpm_says(flags: str, evr: str, expected: bool) -> None:
    provided = Dependency(name="foo", flags="=", evr="1.0-1")
    wanted = Dependency(name="foo", flags=flags, evr=evr)
    assert ranges_overlap(wanted, provided) is expected
    assert ranges_overlap(provided, wanted) is expected
    assert not ranges_overlap(provided, Dependency(name="bar", flags=flags, evr=evr))


def test_the_signs_are_those_of_rpm() -> None:
    bits = {rpm.RPMSENSE_LESS: "<", rpm.RPMSENSE_GREATER: ">", rpm.RPMSENSE_EQUAL: "="}
    assert dict(COMPARISONS) == bits
