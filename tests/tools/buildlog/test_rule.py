"""Rules in general: which lines are messages, and the first rule that they match."""

from __future__ import annotations

import pytest

from altai_build.tools.buildlog.causes import RULES
from altai_build.tools.buildlog.rule import Rank, find_rules, make_rule
from altai_build.tools.buildlog.system_rules import DEPENDENCY_RULES


def test_the_first_rule_of_the_table_counts_whichever_word_was_found_first() -> None:
    first, second = make_rule("a", "late|never", ".*late"), make_rule("b", "early", "early", Rank.RESULT)
    assert find_rules(["early and late", "early", "", "late"], [first, second]) == {
        0: first,
        1: second,
        3: first,
    }


def test_the_words_alone_are_not_enough() -> None:
    assert find_rules(["it was late"], [make_rule("a", "late", "late")]) == {}


@pytest.mark.parametrize(
    "line",
    [
        "a.c:1:2: warning: unused variable [-Werror=unused]",
        "make: [Makefile:2: a] Error 1 (ignored)",
        "checking for error: handling... no",
        "-- Looking for strerror - not found",
        '  144 |   fprintf(stderr, "tool: Error: no memory");',
        "not ok 3 - later # TODO not yet",
        "libtool: compile:  gcc -Werror -c error.c",
        "Provides: perl(Error) = 1",
        "gcc -Wall -Werror=format-security -c error.c -o error.o",
        "-- Installing: /usr/share/man/man3/TIFFError.3",
        "test_error (t.T) ... ok",
        "copying exceptions.py -> build/lib/exceptions.py",
        "[126/155] libgpg-error-0:1.55-2 100% |  14.6 MiB/s",
        "make[1]: Leaving directory '/error'",
        "100% tests passed, 0 tests failed out of 12",
    ],
)
def test_what_is_no_message(line: str) -> None:
    assert find_rules([line], RULES) in ({}, {0: next(r for r in RULES if "% tests passed" in r.words)})
    assert find_rules([line], DEPENDENCY_RULES) == {}
