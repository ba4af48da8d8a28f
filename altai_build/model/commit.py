"""Commits of a component, as release notes show them."""

from __future__ import annotations

from dataclasses import dataclass

from altai_build.model.gitlink import CommitId


@dataclass(frozen=True)
class Commit:
    """One commit; `time` is the committer's, in seconds since the epoch, None where the commit has none."""

    id: CommitId
    time: int | None
    author: str
    subject: str
    is_merge: bool


def without_merges(commits: tuple[Commit, ...]) -> list[Commit]:
    """Merges add nothing to the commits that they merge; they are kept where there is nothing else."""
    plain = [commit for commit in commits if not commit.is_merge]
    return plain or list(commits)
