"""Queries of `which`: versions are compared by rpm's rules, and nothing is taken for a range that is none."""

from __future__ import annotations

import pytest

from altai_build.pipeline.published.matching import VersionRange, read_query
from tests.kit.manifests import package

NOVA = package("nova-1:2012.1-3.el6.noarch")


@pytest.mark.parametrize(
    ("comparison", "evr", "has"),
    [
        ("<", "1:2012.2", True),
        ("<", "1:2012.1", False),
        ("<=", "1:2012.1", True),
        ("=", "1:2012.1", True),
        ("==", "1:2012.1-3.el6", True),
        ("=", "1:2012.1-2.el6", False),
        (">", "1:2012.1-2.el6", True),
        (">=", "1:2012.10", False),
        # Without an epoch a version has the epoch 0, as in a spec.
        ("<", "2012.2", False),
        (">", "2012.2", True),
        ("<", "1:2012.1~rc1", False),
    ],
)
def test_a_range_compares_as_rpm_does(comparison: str, evr: str, has: bool) -> None:
    assert VersionRange("nova", comparison, evr).has(NOVA) is has
    assert VersionRange("no*", comparison, evr).has(NOVA) is has
    assert not VersionRange("glance", comparison, evr).has(NOVA)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nova < 2012.2", VersionRange("nova", "<", "2012.2")),
        ("nova>=1:2-3", VersionRange("nova", ">=", "1:2-3")),
        ("nova", None),
        ("nova <", None),
        ("nova < 1 < 2", None),
        ("libssl.so.10()(64bit)", None),
    ],
)
def test_a_range_is_a_name_a_comparison_and_a_version(text: str, expected: VersionRange | None) -> None:
    assert read_query(text).range == expected


@pytest.mark.parametrize(
    ("text", "commit"),
    [("abcd", "abcd"), ("gABCD1", "abcd1"), ("abc", None), ("nova", None), ("a" * 65, None)],
)
def test_a_commit_has_at_least_four_digits(text: str, commit: str | None) -> None:
    assert read_query(text).commit == commit
