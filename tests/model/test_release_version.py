"""Versions of releases are written in the form that rpm orders as a person means them."""

from __future__ import annotations

import itertools

import pytest

from altai_build.model.release_version import MAX_VERSION_LENGTH, UnorderedVersion, to_rpm_version
from altai_build.tools.rpm.versions import compare_versions

# Each line goes on from the one before.
ORDERED = [
    *("1.9", "2.0.dev3", "2.0-dev4", "2.0-alpha", "2.0a1", "2.0.beta2", "2.0-b10", "2.0-m1", "2.0-pre1"),
    *("2.0~rc1", "2.0-RC2", "2.0rc.3", "2.0.0_rc4", "2.0-rc4+git5", "2.0-rc10", "2.0"),
    *("2.0+git1.gabc12", "2.0-1", "2.0-2", "2.0.1-rc1", "v2.0.1", "2.0.10", "2.1", "10-SNAPSHOT", "10"),
    *("20", "100", "2013-02-28", "2013-03-01", "2013.1", "2013.10.0-rc1", "2013.10", "2013.10.1"),
]


def test_every_version_is_older_than_all_that_follow() -> None:
    forms = [to_rpm_version(version) for version in ORDERED]
    for (older, left), (newer, right) in itertools.combinations(zip(ORDERED, forms), 2):
        assert compare_versions(left, right) == -1, f"{older} < {newer}"


@pytest.mark.parametrize(
    ("spellings", "form"),
    [
        (("2", "2.0", "2.00", "v2.0.0", "V2", "2.0-final", "2.0.GA"), "2"),
        (("2.0-rc1", "2.0~rc1", "2.0.rc.1", "2.0RC-1", "v2.0.0_rc1", "2.0-cr1"), "2~rc1"),
        (("2.0-p1", "2.0.post1", "2.0-hotfix1"), "2^post1"),
        (("1.10", "1.10.0"), "1.10"),
        (("2.0+Foo.1", "2^foo1"), "2^foo1"),
    ],
)
def test_spellings_of_one_version_have_one_form(spellings: tuple[str, ...], form: str) -> None:
    assert {to_rpm_version(spelling) for spelling in spellings} == {form}


@pytest.mark.parametrize(
    "version",
    [
        "",
        "latest",
        "v",
        "release-1",
        "1..0",
        "1.0-",
        "1.0--rc1",
        "a/b",
        "1 0",
        "1.0%",
        "1.0\n",
        "١.٠",
        "-1",
        ".1",
        # Whoever serves releases names them: refused at once, however many ways there are to cut the text.
        f"{'1' * 90}%",
    ],
)
def test_text_that_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(UnorderedVersion, match="a version begins with a digit"):
        to_rpm_version(version)


@pytest.mark.parametrize(
    ("version", "before", "after"),
    [("1.0-foo", "1.0~foo", "1.0+foo"), ("1.0.1a", "1.0.1~a", "1.0.1+a"), ("v1.0.el6", "1.0~el6", "1.0+el6")],
)
def test_a_word_of_unknown_meaning_is_refused_with_both_spellings(
    version: str, before: str, after: str
) -> None:
    with pytest.raises(UnorderedVersion, match="it is not clear whether") as caught:
        to_rpm_version(version)
    assert f"write {before} for" in str(caught.value) and f", {after} for" in str(caught.value)
    plain = to_rpm_version(before.partition("~")[0])
    assert (
        compare_versions(to_rpm_version(before), plain)
        == -1
        == compare_versions(plain, to_rpm_version(after))
    )


def test_a_version_too_long_for_a_file_name_is_refused() -> None:
    assert to_rpm_version("1" * MAX_VERSION_LENGTH)
    with pytest.raises(UnorderedVersion, match="more than 100 characters"):
        to_rpm_version("1" * (MAX_VERSION_LENGTH + 1))
