"""The commits between two commits, with their parents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from altai_build.model.bisection import HistoryCommit
from altai_build.model.gitlink import CommitId, require_commit

if TYPE_CHECKING:
    from altai_build.tools.git.objects import ObjectStore


def list_range(
    store: ObjectStore, old: CommitId, new: CommitId, *, first_parents: bool
) -> tuple[HistoryCommit, ...]:
    """The commits that `new` contains and `old` does not, each after its parents.

    With `first_parents` only those along the first parents, as if there were no others. Raises GitError.
    """
    options = ["--reverse", "--topo-order", *(["--first-parent"] if first_parents else [])]
    found = _list_commits(store, *options, require_commit(new), f"^{require_commit(old)}")
    return tuple(replace(commit, parents=commit.parents[:1]) if first_parents else commit for commit in found)


def read_history_commit(store: ObjectStore, commit: CommitId) -> HistoryCommit:
    """One commit. Raises GitError."""
    return _list_commits(store, "--max-count=1", require_commit(commit))[0]


def _list_commits(store: ObjectStore, *words: str) -> list[HistoryCommit]:
    printed = store.run(["log", "--encoding=UTF-8", "--format=%H%x00%P%x00%s%x00", *words]).text
    fields = printed.split("\0")[:-1]
    return [
        HistoryCommit(
            id=CommitId(commit.lstrip("\n")),
            parents=tuple(map(CommitId, parents.split())),
            subject=subject,
        )
        for commit, parents, subject in zip(*(fields[n::3] for n in range(3)))
    ]
