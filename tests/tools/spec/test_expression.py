"""Expressions have rpm's value, or are left to rpm."""

from __future__ import annotations

import pytest

from altai_build.tools.spec.expression import (
    Value,
    Version,
    compare_versions,
    evaluate_expression,
    is_true,
)
from altai_build.tools.spec.undecided import UNKNOWN, OnlyRpmKnows


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * -3", -9),
        ("-7 / 2", -3),
        ("08 == 8", 1),
        ("!0 && 2", 2),
        ("0 || 3", 3),
        ("1 || 1 / 0", 1),
        ("0 ? 1 : 2", 2),
        ('"a" + "b" == "ab"', 1),
        ('"a" < "b"', 1),
        ('v"1.10" > v"1.9"', 1),
        ('v"1.0~rc1" < v"1.0"', 1),
        ('v"1:1" > v"2"', 1),
        ('v"1-1" == v"1"', 1),
        ('! ""', 1),
        ("1 >= 1 == 1", 1),
        ("0" * 5000 + "7", 7),
        (f'v"1{"0" * 5000}" > v"9{"9" * 4999}"', 1),
    ],
)
def test_values(text: str, value: Value) -> None:
    assert evaluate_expression(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "a",
        "1 = 1",
        '1 == "a"',
        "1 / 0",
        '"a',
        "(1",
        "99999999999",
        "9" * 5000,
        "2147483647 + 1 > 0",
        "65536 * 65536",
        "f(1)",
        "1 & 1",
        '"a" * 2',
        '1 && "x"',
    ],
)
def test_what_rpm_refuses(text: str) -> None:
    with pytest.raises(OnlyRpmKnows):
        evaluate_expression(text)


def test_macros_are_expanded_where_they_are_needed() -> None:
    asked = []

    def expand(text: str) -> str:
        asked.append(text)
        return "4"

    assert evaluate_expression("%{a} > 3 || %{none}", expand) == 1
    assert evaluate_expression("%{a} < 3 ? %{none} : %{b}5", expand) == 4
    assert asked == ["%{a}", "%{a}", "%{b}5"]


def test_what_depends_on_unknown_text_is_unknown() -> None:
    assert evaluate_expression(f"0{UNKNOWN} > 1") == UNKNOWN
    assert evaluate_expression("%{a} > 1", lambda text: UNKNOWN) == UNKNOWN
    assert evaluate_expression("1 || %{a}", lambda text: UNKNOWN) == 1


def test_truth() -> None:
    assert [is_true(value) for value in (0, 2, "", "0", Version("1"))] == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        ("1.0", "1.0", 0),
        ("1.0", "1", 1),
        ("1a", "1", 1),
        ("a", "1", -1),
        ("1~", "1", -1),
        ("1^", "1", 1),
        ("1^", "1.1", -1),
    ],
)
def test_versions(left: str, right: str, order: int) -> None:
    assert (compare_versions(left, right), compare_versions(right, left)) == (order, -order)
