"""Guesses from evidence, marks of comments, and foreign text in comments."""

from __future__ import annotations

import pytest

from altai_build.model.first_steps import Evidence, guess_distribution, list_marks, make_comment


def say(distribution: str, weight: int = 1, kind: str = "condition", place: str = "a.spec") -> Evidence:
    return Evidence(distribution, weight, kind, place, "because")


def test_nothing_is_guessed_from_nothing() -> None:
    assert guess_distribution([]) is None


def test_most_evidence_wins_and_the_rest_is_named() -> None:
    guess = guess_distribution([say("el9", 3, "key"), say("centos6"), say("centos6", place="b.spec")])
    assert guess is not None and guess.distribution == "el9" and guess.others == (("centos6", 2),)
    assert [str(one) for one in guess.evidence] == ["a.spec: because"]


def test_a_hundred_specs_say_no_more_than_a_few() -> None:
    many = [say("centos6", place=f"{number}.spec") for number in range(100)]
    guess = guess_distribution([*many, say("el9", 10, "mock", "m.cfg")])
    assert guess is not None and guess.distribution == "el9" and guess.others == (("centos6", 4),)


def test_one_place_counts_once() -> None:
    guess = guess_distribution([say("el9"), say("el9"), say("el8", 2)])
    assert guess is not None and guess.distribution == "el8"


@pytest.mark.parametrize(
    ("first", "second"),
    [("el9", "el8"), ("el10", "el9"), ("fedora-43", "fedora-5"), ("el9", "fedora-30"), ("a", "b")],
)
def test_of_equal_weights_the_newest_is_guessed_in_any_order(first: str, second: str) -> None:
    both = [say(first), say(second)]
    guesses = [guess_distribution(both), guess_distribution(both[::-1])]
    assert [guess and guess.distribution for guess in guesses] == [first, first]


def test_marks_are_found_with_their_lines() -> None:
    text = "a: 1 # guess: the usual one\n# guesses are marked\nb: 2\n# TODO: write it\n"
    assert list_marks(text) == [(1, "guess:", "the usual one"), (4, "TODO:", "write it")]


def test_foreign_text_stays_within_its_comment() -> None:
    for hostile in ("a\nb: 1", "a\rb", "a\x85b", "a\u2028b", "a\x1b[2J", "a\0b", "a\udcffb"):
        comment = make_comment(hostile)
        assert comment.isprintable() and comment.startswith("a")
    assert len(make_comment("x" * 10_000)) == 300
