"""Release: of a spec gets the suffix of the commit; all other bytes stay as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altai_build.model.release_suffix import (
    append_release_suffix,
    has_release,
    has_subpackage_versions,
    shows_commit,
    write_computed_values,
    write_given_release,
)
from tests.kit.spec_infos import make_info

COMMIT = "0123456789abcdef0123456789abcdef01234567"
STAMP = "{release}.{count}.g{commit}"


def stamped(text: str, **changes: object) -> str:
    return append_release_suffix(text, make_info(**changes), STAMP, count=7, commit=COMMIT)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Release: 3", "Release: 3.7.g0123456%{?dist}"),
        ("Release:3", "Release:3.7.g0123456%{?dist}"),
        ("release :\t3  ", "release :\t3.7.g0123456%{?dist}  "),
        ("  Release: 3", "  Release: 3.7.g0123456%{?dist}"),
        ("Release: 3\r", "Release: 3.7.g0123456%{?dist}\r"),
        ("Release: 3%{?dist}", "Release: 3.7.g0123456%{?dist}"),
        ("Release: 3%{dist}", "Release: 3.7.g0123456%{?dist}"),
        ("Release: 3%dist", "Release: 3.7.g0123456%{?dist}"),
        ("Release: 3%?dist", "Release: 3.7.g0123456%{?dist}"),
        ("Release: 3%{?dist}.2", "Release: 3.7.g0123456%{?dist}.2"),
        ("Release: %{rel}%{?dist}%{?extra}", "Release: %{rel}.7.g0123456%{?dist}%{?extra}"),
        ("Release: %{distance}", "Release: %{distance}.7.g0123456%{?dist}"),
        ("Release: 1%{?dist:.%{dist}}", "Release: 1.7.g0123456%{?dist:.%{dist}}"),
        ("Release: %{?dist:1}%{?dist}", "Release: %{?dist:1}.7.g0123456%{?dist}"),
        ("Release: %{?dist:1}%{!?dist:2}", "Release: %{?dist:1}%{!?dist:2}.7.g0123456%{?dist}"),
        ("Release: 1%{!?dist:.el6}%{?dist}", "Release: 1.7.g0123456%{!?dist:.el6}%{?dist}"),
        ("Release: 1%{?dist}.%{?dist}", "Release: 1.7.g0123456%{?dist}.%{?dist}"),
        ("Release: %{?a:%{dist}}", "Release: %{?a:%{dist}}.7.g0123456%{?dist}"),
        ("Release: 1%%dist", "Release: 1%%dist.7.g0123456%{?dist}"),
        ("Release: 3 %dnl why", "Release: 3.7.g0123456%{?dist} %dnl why"),
        ("Release: 3%{?dist}%{dnl why}", "Release: 3.7.g0123456%{?dist}%{dnl why}"),
        ("Release: 0.1.rc2", "Release: 0.1.rc2.7.g0123456%{?dist}"),
    ],
)
def test_release_lines(line: str, expected: str) -> None:
    text = f"Name: focus\n{line}\nVersion: 1.0\n%description\nRelease: not this one\n"
    assert stamped(text) == text.replace(line, expected, 1)


def test_dist_from_a_macro_follows_the_release_suffix() -> None:
    assert stamped("Release: %{rel}\n", hidden_dist="3\0") == "Release: 3.7.g0123456%{?dist}\n"
    assert stamped("Release: %{rel}\n", hidden_dist="3.\0") == "Release: 3.7.g0123456.%{?dist}\n"
    assert stamped("Release: %{rel}\n", hidden_dist="3\0.1") == "Release: 3.7.g0123456%{?dist}.1\n"


@pytest.mark.parametrize("dist", [".tb", ""])
def test_a_spec_with_a_dist_of_its_own_gets_that_of_the_target(dist: str) -> None:
    text = "%define dist NAME-WITH-DASH\nRelease: 3\n"
    found = append_release_suffix(text, make_info(), STAMP, count=7, commit=COMMIT, dist=dist)
    assert found == text.replace("Release: 3", f"Release: 3.7.g0123456{dist}")
    text = text.replace("Release: 3", "Release: 3%{dist}")
    found = append_release_suffix(text, make_info(), STAMP, count=7, commit=COMMIT, dist=dist)
    assert found == text.replace("Release: 3%{dist}", "Release: 3.7.g0123456%{?dist}"), (
        "it says where its own belongs"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Version: 1\nRelease: 1\n%package x\nSummary: y\n%description x\nVersion: 2\n", False),
        ("Release: 1\n%package x\n version : 2\n", True),
        ("Release: 1\n%package x\nRelease: 2\n", True),
        ("Release: 1\n%include x\n", True),
    ],
)
def test_subpackages_may_have_versions_of_their_own(text: str, expected: bool) -> None:
    assert has_subpackage_versions(text) is expected


def test_every_release_of_a_preamble_is_replaced_and_no_other() -> None:
    text = "%if 1\nRelease: 1\n%else\nRelease: 2%{?dist}\n%endif\n%description\nRelease: 3\n"
    text += "%package x\nRelease: 9%{?dist}\n%description x\nRelease: 4\n%package y\nVersion: 2\n%files\nRelease: 5\n"
    expected = text.replace("Release: 1", "Release: 1.7.g0123456%{?dist}")
    expected = expected.replace("Release: 2%", "Release: 2.7.g0123456%")
    assert stamped(text) == expected.replace("Release: 9%", "Release: 9.7.g0123456%")


@pytest.mark.parametrize("value", ["%{release}", "%release.1", "%{?RELEASE}", "%{release}_%{krel}%{?dist}"])
def test_a_subpackages_release_made_from_the_main_one_is_not_stamped_twice(value: str) -> None:
    text = f"Release: 1\n%package x\nRelease: {value}\n"
    assert stamped(text) == f"Release: 1.7.g0123456%{{?dist}}\n%package x\nRelease: {value}\n"


@pytest.mark.parametrize(
    ("release", "shown"),
    [
        ("1.7.g0123456.x", True),
        ("0.bootstrap.1.7.g0123456", True),
        ("1.7.g0123456.2.x", True),
        ("1.x", False),
        ("1.g0123456.x", False),
        ("1.7.g0123457.x", False),
    ],
)
def test_which_release_shows_a_commit(release: str, shown: bool) -> None:
    assert shows_commit(release, STAMP, COMMIT) is shown
    assert shows_commit(f"git0123456.7.{release}", "git{commit}.{count}.{release}", COMMIT)


@pytest.mark.parametrize(
    "text", ["", "Name: x\n", "%description\nRelease: 1\n", "#Release: 1\n", "Releases: 1\n"]
)
def test_a_spec_without_release_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no Release: tag"):
        stamped(text)


def test_an_empty_release_is_refused() -> None:
    with pytest.raises(ValueError, match="its Release: is empty"):
        stamped("Release:  \n")


@given(st.text(alphabet=st.characters(exclude_characters="\r", exclude_categories=[]), max_size=300))
def test_all_other_lines_stay(rest: str) -> None:
    text = f"Name: x\nRelease: 1\n%description\n{rest}"
    assert stamped(text).replace(".7.g0123456%{?dist}", "", 1) == text


def test_where_a_release_is() -> None:
    assert has_release("Name: x\nrelease : 1\n") and not has_release("%description\nRelease: 1\n")


@pytest.mark.parametrize("call", ["%{release}", "%release", "%{?release}", "%?release"])
def test_a_release_from_outside_is_written_where_the_tag_asks_for_it(call: str) -> None:
    text = f"Name: x\nRelease: {call}%{{?dist}}\nSource: {call}\n%description\n"
    assert write_given_release(text, "1\\2%{x}") == text.replace(f"{call}%{{?", "1\\2%{x}%{?")
    own = f"%global release 7\n{text}"
    assert (write_given_release(own, "1"), write_given_release("Release: %{releases}", "1")) == (
        own,
        "Release: %{releases}",
    )


@pytest.mark.parametrize(
    ("line", "changes", "expected"),
    [
        ("Release: %(echo 4)", {"release": "4"}, "Release: 4"),
        ("Release: %(echo 4)%{?dist}", {"release": "4.tb"}, "Release: 4%{?dist}"),
        ("Release: %(echo 4)%{?dist}.1", {"release": "4.tb.1"}, "Release: %(echo 4)%{?dist}.1"),
        ("Release: %autorelease -b 3 ", {"release": "5.tb", "hidden_dist": "5\0"}, "Release: 5%{?dist} "),
        ("Release: %{lua:print(4)}", {"release": "4"}, "Release: 4"),
        ("Release: %{autorelease}", {"release": "4"}, "Release: 4"),
        ("Release: %{rel}", {"release": "4"}, "Release: %{rel}"),
        ("Version: %(cat VERSION)", {"version": "7"}, "Version: 7"),
        ("Version: 7", {"version": "7"}, "Version: 7"),
    ],
)
def test_what_a_program_computed_is_written(line: str, changes: dict[str, object], expected: str) -> None:
    text = f"Name: x\n{line}\n%description\n{line}\n"
    found = write_computed_values(text, make_info(**changes), ".tb")
    assert found == text.replace(line, expected, 1)
    twice = f"%if 1\n{line}\n%else\n{line}\n%endif\n"
    assert write_computed_values(twice, make_info(**changes), ".tb") == twice


def test_long_lines_are_read_at_once() -> None:
    blanks = " " * 300_000
    text = f"Release: %{{release}}{blanks}x %dnl y{blanks}z \r"
    assert write_given_release(text, "7") == text.replace("%{release}", "7")
    assert not has_release(blanks) and has_release(f"Release: 1{blanks}")
