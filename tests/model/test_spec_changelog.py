"""The changelog of a spec gets an entry; all other bytes stay as they are."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altai_build.model.spec_changelog import add_changelog_entry
from tests.kit.spec_infos import make_info

NOON = 1_362_052_800  # 2013-02-28 12:00:00 UTC


def changelog(text: str, *, time: int = NOON, **changes: object) -> str:
    return add_changelog_entry(
        text, make_info(**changes), time=time, author="A <a@example.org>", lines=("Made.", "Twice.")
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
    grown = changelog(text)
    at = grown.index("* ") if "%changelog" not in rest else 0
    assert grown.startswith(text.rstrip()[:at]) and len(grown) >= len(text.rstrip())
