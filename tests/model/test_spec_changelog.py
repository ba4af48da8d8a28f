"""One more entry on top of a %changelog: rpm takes it, and takes the others as before."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altai_build.model.spec_changelog import (
    Changelog,
    UnknownChangelog,
    add_changelog_entry,
    has_changelog,
    read_changelog,
    read_expanded_changelog,
)

NOON = 1_362_052_800  # 2013-02-28 12:00:00 UTC


def changelog(text: str, *, time: int = NOON, version: str = "1.0-3") -> str:
    own = read_changelog(text)
    assert isinstance(own, Changelog)
    return add_changelog_entry(
        text, own, time=time, author="A <a@example.org>", version=version, lines=("Made.", "Twice.")
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


def test_each_of_several_changelogs_gets_the_entry() -> None:
    text = (
        "%if 0\n%changelog\n* Sat Jan 01 2011 B\n- x\n%else\n%changelog\n* Tue Jan 01 2019 B\n- y\n%endif\n"
    )
    own = Changelog(exists=True, newest=datetime.date(2019, 1, 1))
    added = add_changelog_entry(text, own, time=NOON, author="A", version="1", lines=["m"])
    entry = "%changelog\n* Tue Jan 01 2019 A - 1\n- m\n\n"
    assert added == text.replace("%changelog\n", entry)


@pytest.mark.parametrize(
    ("entry", "day"),
    [
        ("* Thu Feb 28 2030 B <b>", "Thu Feb 28 2030"),
        ("*   Mon  Apr  1 2013 B <b>", "Mon Apr 01 2013"),
        ("*Mon Apr 01 2013 B <b>", "Mon Apr 01 2013"),
        ("  * Mon Apr 01 2013\tB <b>\r", "Mon Apr 01 2013"),
        ("\n# why\n\n* Mon Apr 01 2013 %{who}", "Mon Apr 01 2013"),
        # Another day of the week, and days behind the end of the month: rpm warns, and counts on.
        ("* Fri Apr 01 2013 B <b>", "Mon Apr 01 2013"),
        ("* Fri Feb 29 2030 B <b>", "Fri Mar 01 2030"),
        ("* Fri Mar 0 2030 B <b>", "Thu Feb 28 2030"),
        # A time of day may be behind the noon of its day.
        ("* Mon Apr 01 12:00:00 CEST 2013 B <b>", "Tue Apr 02 2013"),
        ("* Mon Apr 01 9:00:00 UTC 2013 B <b>", "Tue Apr 02 2013"),
    ],
)
def test_dates_never_ascend(entry: str, day: str) -> None:
    head = changelog(f"%changelog\n{entry}\n- x\n").splitlines()[1]
    assert head == f"* {day} A <a@example.org> - 1.0-3"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "* Thu Feb 28 2030 B",
        "* Thu Feb 28 2030 B\n\n# only a comment\n",
        "* Thu Feb 28 2030 B\n%files\n/x\n",
        "* Thu Feb 28 2030\n- nobody\n",
        "* Thu feb 28 2030 B\n- x\n",
        "* Do Feb 28 2030 B\n- x\n",
        "* Thu Feb 31 2030 B\n- x\n",
        "* Thu Feb 28th 2030 B\n- x\n",
        "* Thu Feb 28 1989 B\n- x\n",
        "* Thu Feb 28 3000 B\n- x\n",
        "* Thu Feb 28 25:00:00 UTC 2030 B\n- x\n",
        "* Thu Feb 28 12:00:00 America/Chicago 2030 B\n- x\n",
        "* 2030-02-28 B\n- x\n",
        "*\n- x\n",
        "- x\n",
    ],
)
def test_what_rpm_takes_for_no_entry_dates_nothing(content: str) -> None:
    text = f"Name: x\n%changelog\n{content}"
    assert read_changelog(text) == Changelog(exists=True, newest=None)
    assert "\n* Thu Feb 28 2013 A <a@example.org> - 1.0-3\n" in changelog(text)


@pytest.mark.parametrize(
    "text",
    [
        "%changelog\n* %{day} B <b>\n- x\n",
        "%changelog\n%{entry}\n- x\n",
        "%changelog\n%include %{SOURCE1}\n",
        "%changelog\n# %{expand:\\\n* Tue}\n* Mon Apr 01 2013 B\n- x\n",
        "%changelog\n* Mon Apr 01 %{hour}:00:00 UTC 2013 B\n- x\n",
        "%if 0\n%changelog\n* Mon Apr 01 2013 B\n- x\n%endif\n",
        "%changelog\n* Mon Apr 01 2013 B\n- x\n%files\n%changelog\n",
    ],
)
def test_what_only_rpm_knows(text: str) -> None:
    assert read_changelog(text) == UnknownChangelog()


def test_nothing_is_a_macro_in_an_expanded_text() -> None:
    text = "%if 1\n%changelog\n* Mon Apr 01 2013 %{who}\n- 1%\n"
    assert read_expanded_changelog(text) == Changelog(exists=True, newest=datetime.date(2013, 4, 1))
    assert read_expanded_changelog("Name: x\n") == Changelog(exists=False, newest=None)


def test_where_a_changelog_is() -> None:
    assert has_changelog("%if 0\n%changelog\n%endif\n")
    assert not has_changelog("%description\nno %changelog\n%changelogs\n")


def test_percent_signs_are_no_macros() -> None:
    text = add_changelog_entry("", Changelog(False, None), time=NOON, author="50%", version="", lines=["1%"])
    assert text.endswith(" 50%%\n- 1%%\n")


def test_the_version_may_be_macros() -> None:
    assert " - %{version}-%{release}\n" in changelog("", version="%{version}-%{release}")


@given(st.integers(min_value=631_152_000, max_value=4_294_900_000))
def test_the_day_is_that_of_the_commit_in_english_whatever_the_locale(time: int) -> None:
    head = changelog("", time=time).split("\n")[-4]
    day = datetime.datetime.fromtimestamp(time, tz=datetime.timezone.utc)
    assert head.startswith(f"* {day:%a %b %d %Y} ")


@pytest.mark.parametrize(
    ("time", "day"),
    [(0, "Mon Jan 01 1990"), (631_151_999, "Mon Jan 01 1990"), ((1 << 32) - 1, "Sat Feb 06 2106")],
)
def test_days_that_a_package_cannot_hold_become_the_next_one(time: int, day: str) -> None:
    assert changelog("", time=time).startswith(f"\n\n%changelog\n* {day} ")


@given(st.text(alphabet=st.characters(exclude_characters="\r", exclude_categories=[]), max_size=300))
def test_all_other_lines_stay(rest: str) -> None:
    text = f"Name: x\nRelease: 1\n%description\n{rest}"
    own = Changelog(exists=has_changelog(text), newest=None)
    grown = add_changelog_entry(text, own, time=NOON, author="A", version="1", lines=["m"])
    entry = "* Thu Feb 28 2013 A - 1\n- m\n"
    assert grown.replace(f"{entry}\n", "", 1) == text or grown == f"{text.rstrip()}\n\n%changelog\n{entry}"
