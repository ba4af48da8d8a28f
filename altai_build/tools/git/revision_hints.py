"""The user's own clone of the superproject through GitPython: branches, tags and remotes, to explain a wrong revision.

GitPython is used where its model of references and remotes is right, and neither speed nor hostile input matters: here,
after git itself found no commit of a name, and in scripts/sample, which makes a superproject. It is imported late,
because that takes longer than `changed` does as a whole. It is not used:

- for objects (`changed`, `srpm`, `notes`, tags): it reads repositories of SHA-1 ids only, re-reads every submodule for
  each changed gitlink, and would follow replacement objects;
- for components: what git does with a repository of somebody else must not depend on that repository's configuration
  (profile ISOLATED of tools/git/command.py);
- to run git: its commands inherit the whole environment. What is called here reads files and starts no process; only
  the import runs `git version` once, with no input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from altai_build.model.suggestion import suggest

if TYPE_CHECKING:
    import git


@dataclass(frozen=True)
class RevisionHints:
    """What a clone has instead of an unknown revision; empty where its files cannot be read."""

    suggestion: str = ""
    remotes: tuple[str, ...] = ()
    # The branch that HEAD is on, if that branch names no commit.
    empty_branch: str | None = None


def find_revision_hints(place: str, revision: str) -> RevisionHints:
    """`HEAD`, or the branches and tags, whose names are similar to a revision that `place`, a clone, does not have."""
    import git

    try:
        with git.Repo(place) as clone:
            names = {"HEAD", *(reference.name for reference in clone.references)} - {revision}
            return RevisionHints(
                suggestion=suggest(revision, names, cutoff=0.5),
                remotes=tuple(remote.name for remote in clone.remotes),
                empty_branch=_find_empty_branch(clone),
            )
    # GitPython's own errors, and what it lets through of a damaged clone.
    except (git.GitError, OSError, TypeError, ValueError):
        return RevisionHints()


def _find_empty_branch(clone: git.Repo) -> str | None:
    """The branch that HEAD is on, if it was never committed to or its reference is damaged."""
    if clone.head.is_detached or clone.head.is_valid():
        return None
    return clone.head.reference.name
