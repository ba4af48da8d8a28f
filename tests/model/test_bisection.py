"""The first bad commit is found in histories of every shape and length, within the number of tests that is promised."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection

import pytest

from altai_build.model.bisection import Answer, CommitSearch, HistoryCommit, count_tests
from altai_build.model.gitlink import CommitId


def chain(length: int) -> list[HistoryCommit]:
    return [
        HistoryCommit(id=CommitId(f"c{number}"), parents=(CommitId(f"c{number - 1}"),))
        for number in range(length)
    ]


def find(
    search: CommitSearch, bad: Collection[str], skipped: frozenset[str] = frozenset()
) -> tuple[list[str], int]:
    """The candidates in the end, and how many commits were tested."""
    for count in itertools.count():
        commit = search.choose()
        if commit is None:
            return [one.id for one in search.candidates], count
        answer = Answer.SKIP if commit.id in skipped else Answer.BAD if commit.id in bad else Answer.GOOD
        search.mark(commit.id, answer)
    raise AssertionError


@pytest.mark.parametrize("length", range(1, 40))
def test_each_commit_of_a_chain_is_found_within_the_bound(length: int) -> None:
    commits = chain(length)
    for first in range(length):
        bad = {commit.id for commit in commits[first:]}
        found, tests = find(CommitSearch(commits, is_end_bad=True), bad)
        assert found == [f"c{first}"] and tests <= math.ceil(math.log2(length)) == count_tests(length)
        # Where nobody knows that the end is bad, one more outcome is possible.
        search = CommitSearch(commits, is_end_bad=False)
        assert search.tests_left == math.ceil(math.log2(length + 1))
        found, tests = find(search, bad)
        assert found == [f"c{first}"] and tests <= math.ceil(math.log2(length + 1))
        assert not search.is_end_in_doubt
    search = CommitSearch(commits, is_end_bad=False)
    assert find(search, set())[0] == [] and search.is_end_in_doubt


def test_commits_that_cannot_be_tested_stay_candidates() -> None:
    bad = {f"c{number}" for number in range(5, 8)}
    assert find(CommitSearch(chain(8), is_end_bad=True), bad, frozenset({"c2", "c3"}))[0] == ["c5"]
    found, _ = find(CommitSearch(chain(8), is_end_bad=True), bad, frozenset({"c3", "c4"}))
    assert found == ["c3", "c4", "c5"]
    search = CommitSearch(chain(4), is_end_bad=False)
    assert find(search, set(), frozenset({"c3"}))[0] == ["c3"] and search.is_end_in_doubt


def test_merged_branches_are_searched_as_git_does() -> None:
    # m0 ─ m1 ─ m2 ─────── merge ─ end, with s0 ─ s1 ─ s2 beside m1 and m2.
    parents = {
        "m0": [],
        "m1": ["m0"],
        "s0": ["m0"],
        "m2": ["m1"],
        "s1": ["s0"],
        "s2": ["s1"],
        "merge": ["m2", "s2"],
        "end": ["merge"],
    }
    commits = [
        HistoryCommit(id=CommitId(name), parents=tuple(map(CommitId, above)))
        for name, above in parents.items()
    ]
    contained: dict[str, set[str]] = {}
    for name, above in parents.items():
        contained[name] = {name}.union(*(contained[parent] for parent in above))
    for first in parents:
        bad = {name for name in parents if first in contained[name]}
        found, tests = find(CommitSearch(commits, is_end_bad=True), bad)
        assert found == [first] and tests <= count_tests(len(commits)) + 1
