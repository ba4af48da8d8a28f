"""The gitlinks that differ between two commits of a superproject."""

from __future__ import annotations

from collections.abc import Sequence

from altai_build.errors import InputError, quote_path
from altai_build.model.gitlink import CommitId, GitlinkChange, parse_raw_diff
from altai_build.tools.git.command import USER_CLONE, GitError, run_git
from altai_build.tools.git.layout import is_shallow
from altai_build.tools.git.revisions import RepositoryHistory, check_revision

# The tree with no entries, which every repository knows by its id (SHA-1 and SHA-256).
_EMPTY_TREES = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}


def list_changed_gitlinks(
    history: RepositoryHistory, old: str | None, new: str | None, folders: Sequence[str]
) -> list[GitlinkChange]:
    """The gitlinks below `folders` that differ between two revisions, by default HEAD^ and HEAD.

    HEAD^ is the first parent, so a merge is compared with the branch that it was merged into; a commit without
    parents is compared with the empty tree. Work trees are never read.
    Raises InputError for a revision that does not exist, GitError when git cannot read the repository.
    """
    before = "HEAD^" if old is None else old
    after = "HEAD" if new is None else new
    for revision in (before, after):
        check_revision(revision)
    try:
        return _diff(history, before, after, folders)
    except GitError:
        if old is None and _has_no_parent(history, after):
            return _diff(history, _EMPTY_TREES[len(history.resolve_revision(after))], after, folders)
        # A revision that does not exist has a better error than the comparison that failed.
        for revision in (before, after):
            history.resolve_revision(revision)
        raise


def list_changed_paths(history: RepositoryHistory, old: CommitId, new: CommitId) -> tuple[str, ...]:
    """The paths of all files and gitlinks that differ between two commits."""
    options = ["-r", "-z", "--name-only", "--no-renames", "--ignore-submodules=none"]
    listed = run_git(USER_CLONE, ["diff-tree", *options, old, new, "--"], directory=history.place)
    return tuple(listed.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1])


def list_gitlinks(history: RepositoryHistory, commit: str, folders: Sequence[str]) -> list[GitlinkChange]:
    """All gitlinks below `folders` of a commit, given by its full id, as if the commit before had none.

    Raises GitError when git cannot read the repository.
    """
    return _diff(history, _EMPTY_TREES[len(commit)], commit, folders)


def _diff(history: RepositoryHistory, before: str, after: str, folders: Sequence[str]) -> list[GitlinkChange]:
    if not folders:
        return []
    # The suffix makes git refuse what is no commit: a tree, and the short forms of ranges (HEAD^!, HEAD^-).
    ends = [
        revision if revision in _EMPTY_TREES.values() else f"{revision}^{{commit}}"
        for revision in (before, after)
    ]
    limits = [] if "." in folders else [f":(top,literal){folder}" for folder in folders]
    # A submodule's `ignore = all` in .gitmodules must not hide its change, nor a user's diff settings.
    options = ["-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--ignore-submodules=none"]
    arguments = ["diff-tree", *options, "--end-of-options", *ends, "--", *limits]
    return parse_raw_diff(run_git(USER_CLONE, arguments, directory=history.place).stdout)


def _has_no_parent(history: RepositoryHistory, revision: str) -> bool:
    commit = history.resolve_revision(revision)
    arguments = ["rev-list", "--parents", "--max-count=1", commit]
    if len(run_git(USER_CLONE, arguments, directory=history.place).text.split()) > 1:
        return False
    if is_shallow(history.common) and commit in (history.common / "shallow").read_text().split():
        raise InputError(
            f"the parent of {revision} is not in this shallow clone",
            todo=f"fetch it: git -C {quote_path(history.place)} fetch --deepen=1 (or clone without --depth)",
        )
    return True
