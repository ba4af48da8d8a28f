"""The commit that a commit is compared with when nobody names one: where its branch left the main branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from altai_build.errors import InputError, quote_path
from altai_build.model.gitlink import CommitId, require_commit
from altai_build.tools.git.command import USER_CLONE, run_git
from altai_build.tools.git.layout import is_shallow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altai_build.tools.git.objects import ObjectStore
    from altai_build.tools.git.revisions import RepositoryHistory

# In this order: what the remote says is its main branch, usual names there, usual names here.
_MAIN_BRANCHES = (
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
)


class ComparedCommit(NamedTuple):
    """The commit to compare with, and why it is that one; `commit` is None for a commit without parents."""

    commit: CommitId | None
    reason: str


def find_branch(history: RepositoryHistory, name: str) -> str:
    """The full name of a branch: that of the remote origin, else the local one. Raises InputError without either."""
    for full in (f"refs/remotes/origin/{name}", f"refs/heads/{name}"):
        if _find_commit(history, full) is not None:
            return full
    place = quote_path(history.place)
    raise InputError(
        f"the superproject {history.place} has no branch {name!r} to compare with",
        todo=f"fetch it: `git -C {place} fetch origin {quote_path(name)}`; or name a commit with --since",
    )


def name_main_branch(history: RepositoryHistory) -> str | None:
    """The short name of the main branch, as the remote or the usual names say; None where there is none."""
    for full in _MAIN_BRANCHES:
        if _find_commit(history, full) is not None:
            target = _list(history, "rev-parse", "--symbolic-full-name", full)[0]
            return target.removeprefix("refs/heads/").removeprefix("refs/remotes/origin/")
    return None


def find_merge_base(
    history: RepositoryHistory, commit: CommitId, branch: str | None = None
) -> ComparedCommit:
    """The commit where the history of `commit` left the main branch; of one in it the first parent.

    `branch` is the full name of the main branch, by default the first of the usual ones that there is. Without any it
    is the first parent too. Raises InputError where a shallow clone lacks the commits that decide it, and for histories
    without a common commit.
    """
    names = _MAIN_BRANCHES if branch is None else (branch,)
    found = next(((name, tip) for name in names if (tip := _find_commit(history, name)) is not None), None)
    if found is None:
        return _first_parent(history, commit, "there is no main branch here")
    name, tip = found
    short = name.partition("/")[2].partition("/")[2]
    common = _list(history, "merge-base", commit, tip, ok=(0, 1))
    if common and common[0] == commit:
        return _first_parent(history, commit, f"the commit is in {short}")
    _refuse_cut_history(history, [commit, tip, *(f"^{base}" for base in common)])
    if not common:
        raise InputError(
            f"{commit[:12]} and {short} have no common commit",
            todo="name the commit to compare with: --since REV",
        )
    return ComparedCommit(CommitId(common[0]), f"the merge base with {short}")


def _first_parent(history: RepositoryHistory, commit: CommitId, why: str) -> ComparedCommit:
    parents = _list(history, "rev-list", "--parents", "--max-count=1", commit)[0].split()[1:]
    if parents:
        return ComparedCommit(CommitId(parents[0]), f"its first parent: {why}")
    _refuse_cut_history(history, [commit])
    return ComparedCommit(None, "it is the first commit")


def _refuse_cut_history(history: RepositoryHistory, revisions: Sequence[str]) -> None:
    """Raise InputError where a shallow clone has cut the history among these revisions."""
    if not is_shallow(history.common):
        return
    cut = set((history.common / "shallow").read_text().split())
    if cut.isdisjoint(_list(history, "rev-list", *revisions)):
        return
    raise InputError(
        f"the clone {history.place} is shallow: it lacks the commits that say what has changed",
        todo=f"fetch them: `git -C {quote_path(history.place)} fetch --unshallow origin`; "
        "or name a commit that is here with --since",
    )


def _find_commit(history: RepositoryHistory, name: str) -> str | None:
    lines = _list(history, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", ok=(0, 1))
    return lines[0] if lines else None


def _list(history: RepositoryHistory, *words: str, ok: Sequence[int] = (0,)) -> list[str]:
    return run_git(USER_CLONE, words, directory=history.place, ok=ok).text.splitlines()


def list_ancestors(store: ObjectStore, commit: CommitId, limit: int) -> tuple[str, ...]:
    """The commits that `commit` contains, newest first and without itself; no more than `limit`."""
    printed = store.run(["rev-list", "--topo-order", f"--max-count={limit + 1}", require_commit(commit)])
    return tuple(printed.text.split()[1:])
