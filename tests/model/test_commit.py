"""Merges are left out of lists of commits where there is anything else to list."""

from __future__ import annotations

from altai_build.model.commit import Commit, without_merges
from altai_build.model.gitlink import CommitId


def make_commit(number: int, *, is_merge: bool = False) -> Commit:
    return Commit(
        id=CommitId(f"{number:040x}"), time=number, author="A", subject=f"commit {number}", is_merge=is_merge
    )


def test_merges_are_left_out() -> None:
    first, merge, second = make_commit(1), make_commit(2, is_merge=True), make_commit(3)
    assert without_merges((first, merge, second)) == [first, second]


def test_merges_are_kept_where_there_is_nothing_else() -> None:
    merge = make_commit(1, is_merge=True)
    assert without_merges((merge,)) == [merge]
    assert without_merges(()) == []
