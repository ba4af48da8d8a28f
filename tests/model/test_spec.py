"""Release and changelog of a spec are stamped with the commit; all other bytes stay as they are."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altai_build.model.spec import (
    SourceTag,
    SpecInfo,
    add_changelog_entry,
    add_sources,
    append_release_suffix,
    find_archive_source,
    get_section_name,
    has_release,
    inline_includes,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOON = 1_362_052_800  # 2013-02-28 12:00:00 UTC
STAMP = "{release}.{count}.g{commit}"


def info(**changes: object) -> SpecInfo:
    values: dict[str, object] = {
        "name": "focus",
        "epoch": None,
        "version": "1.0",
        "release": "3",
        "hidden_dist": None,
        "sources": (),
        "patches": (),
        "prefix": "focus-1.0",
        "packages": ("focus",),
        "provides": ("focus",),
        "build_requires": (),
        "requires": (),
    }
    return SpecInfo(**{**values, **changes})  # type: ignore[arg-type]


def stamped(text: str, **changes: object) -> str:
    return append_release_suffix(text, info(**changes), STAMP, count=7, commit=COMMIT)


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


def test_every_release_of_the_main_preamble_is_replaced_and_no_other() -> None:
    text = "%if 1\nRelease: 1\n%else\nRelease: 2%{?dist}\n%endif\n%package x\nRelease: 9\n"
    expected = text.replace("Release: 1", "Release: 1.7.g0123456%{?dist}")
    assert stamped(text) == expected.replace("Release: 2%", "Release: 2.7.g0123456%")


@pytest.mark.parametrize(
    "text", ["", "Name: x\n", "%description\nRelease: 1\n", "#Release: 1\n", "Releases: 1\n"]
)
def test_a_spec_without_release_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no Release: tag"):
        stamped(text)


def test_an_empty_release_is_refused() -> None:
    with pytest.raises(ValueError, match="its Release: is empty"):
        stamped("Release:  \n")


def changelog(text: str, *, time: int = NOON, **changes: object) -> str:
    return add_changelog_entry(
        text, info(**changes), time=time, author="A <a@example.org>", lines=("Made.", "Twice.")
    )


def test_the_new_entry_is_on_top() -> None:
    old = "%changelog\n* Wed Feb 27 2013 B <b@example.org> - 0.9-1\n- Old.\n"
    new = "* Thu Feb 28 2013 A <a@example.org> - 1.0-3\n- Made.\n- Twice.\n\n"
    assert changelog(f"Name: x\n{old}") == f"Name: x\n%changelog\n{new}" + old.partition("\n")[2]


def test_a_spec_without_changelog_gets_one() -> None:
    assert changelog("Name: x\n\n\n") == (
        "Name: x\n\n%changelog\n* Thu Feb 28 2013 A <a@example.org> - 1.0-3\n- Made.\n- Twice.\n"
    )


def test_rpm_ignores_the_case_of_changelog() -> None:
    old = "%ChangeLog\n* Wed Feb 27 2013 B <b@example.org> - 0.9-1\n- Old.\n"
    assert changelog(f"Name: x\n{old}").startswith("Name: x\n%ChangeLog\n* Thu Feb 28 2013 A ")


@pytest.mark.parametrize(
    ("entry", "day"),
    [
        ("* Thu Feb 28 2030 B <b>", "Thu Feb 28 2030"),
        ("* Thu feb 28 2030 B <b>", "Thu Feb 28 2030"),
        ("*   Mon  Apr  1 2013 B <b>", "Mon Apr 01 2013"),
        ("* Mon Apr 01 12:00:00 CEST 2013 B <b>", "Mon Apr 01 2013"),
        ("* Thu Feb 31 2030 B <b>", "Thu Feb 28 2013"),
        ("* Do Feb 28 2030 B <b>", "Thu Feb 28 2013"),
        ("nothing", "Thu Feb 28 2013"),
    ],
)
def test_dates_never_ascend(entry: str, day: str) -> None:
    assert changelog(f"%changelog\n{entry}\n- x\n").splitlines()[1] == f"* {day} A <a@example.org> - 1.0-3"


def test_more_sources_are_named_behind_the_others() -> None:
    text = "%if 1\nSource0: a\n%endif\nSource3: b\n%if 0\nRequires: x\n%endif\n%description\nSource9: c\n"
    added = add_sources(text, [source(4, "x"), source(5, "y")])
    assert added == text.replace("%description", "Source4: x\nSource5: y\n%description")
    assert add_sources("Name: a", [source(0, "x")]) == "Name: a\nSource0: x"
    inside = "Source0: a\n%if 1\nPatch0: b\n%description\nx\n%endif\n"
    with pytest.raises(ValueError, match="no place for another Source: line"):
        add_sources(inside, [source(4, "x")])


def test_included_files_are_put_in_their_places() -> None:
    text = "%include %{SOURCE2}\na\n  %include %{_sourcedir}/two.inc \r\n%include %{_sourcedir}/none\n%include %{S:1}"
    files = {"one.inc": "1\n", "two.inc": "2\n%include one.inc\n%include two.inc\n"}
    sources = [source(1, "http://x/one.inc"), source(2, "one.inc")]
    assert inline_includes(text, files, sources) == (
        "1\na\n2\n1\n%include two.inc\n%include %{_sourcedir}/none\n1"
    )


def test_percent_signs_are_no_macros() -> None:
    assert "1.0%%x-3" in changelog("", version="1.0%x")


@given(st.integers(min_value=0, max_value=4_000_000_000))
def test_the_day_is_that_of_the_commit_in_english_whatever_the_locale(time: int) -> None:
    head = changelog("", time=time).split("\n")[-4]
    day = datetime.datetime.fromtimestamp(time, tz=datetime.timezone.utc)
    assert head.startswith(f"* {day:%a %b %d %Y} ")


@given(st.text(alphabet=st.characters(exclude_characters="\r", exclude_categories=[]), max_size=300))
def test_all_other_lines_stay(rest: str) -> None:
    text = f"Name: x\nRelease: 1\n%description\n{rest}"
    assert stamped(text).replace(".7.g0123456%{?dist}", "", 1) == text
    grown = changelog(text)
    at = grown.index("* ") if "%changelog" not in rest else 0
    assert grown.startswith(text.rstrip()[:at]) and len(grown) >= len(text.rstrip())


def source(number: int, value: str) -> SourceTag:
    return SourceTag(number=number, value=value)


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        (["a.tar.gz", "b.tar.gz"], 0),
        (["https://example.org/a-1.0.tar.gz"], 0),
        (["a.txt", "b.tgz"], 1),
        (["a.txt", "https://example.org/b.tgz", "c.zip"], 2),
        (["https://example.org/get?x#/a.tar.xz"], 0),
        (["a.txt", "https://example.org/b.tgz"], None),
        ([], None),
    ],
)
def test_the_source_that_stands_for_the_repository(values: list[str], chosen: int | None) -> None:
    tags = tuple(source(number, value) for number, value in enumerate(values))
    assert find_archive_source(info(sources=tags)) == (None if chosen is None else tags[chosen])


@pytest.mark.parametrize(
    ("value", "file"),
    [
        ("a.tar.gz", "a.tar.gz"),
        ("https://example.org/x/a.tar.gz", "a.tar.gz"),
        ("https://example.org/get?v=1#/a.tar.gz", "a.tar.gz"),
        ("sub/a", "a"),
        ("../../etc/passwd", "passwd"),
        ("dir/", ""),
        ("https://example.org/get?file=a.tar.gz", "a.tar.gz"),
        ("https://example.org/a=b/c.tar.gz", "c.tar.gz"),
        ("a=b.tar.gz", "a=b.tar.gz"),
    ],
)
def test_the_file_of_a_source(value: str, file: str) -> None:
    assert source(0, value).file == file


@pytest.mark.parametrize(
    ("line", "section"),
    [
        ("%description -n x", "description"),
        ("%files", "files"),
        ("%filetriggerin -- /usr", "filetriggerin"),
        ("%changelog", "changelog"),
        ("%define x", None),
        ("%prepare", None),
        (" %build", None),
        ("%{build}", None),
        ("%buildroot", None),
        ("%Changelog", "changelog"),
        ("%PREP", "prep"),
        ("%build-it", None),
        ("%prep\r", "prep"),
        ("%sourcelist", "sourcelist"),
    ],
)
def test_section_lines(line: str, section: str | None) -> None:
    assert get_section_name(line) == section


def test_where_a_release_is() -> None:
    assert has_release("Name: x\nrelease : 1\n") and not has_release("%description\nRelease: 1\n")
