"""Commits of a repository by the names a person gives them."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from altai_build.errors import InputError, quote_path
from altai_build.model.gitlink import ID_LENGTHS, CommitId
from altai_build.tools.git.command import USER_CLONE, make_git_error, run_git
from altai_build.tools.git.layout import git_directory, is_shallow
from altai_build.tools.process import ANY_STATUS

if TYPE_CHECKING:
    from pathlib import Path

    from altai_build.tools.process import ProcessResult


class RepositoryHistory:
    """The commits of a git repository; its work tree and those of its submodules are never read."""

    def __init__(self, place: str | Path) -> None:
        """`place` is a work tree or a bare repository. Raises InputError when it is neither."""
        self.place = os.fspath(place)
        directory = git_directory(place)
        if directory is None:
            raise InputError(
                f"{place} is not a git repository",
                why="it has neither .git nor HEAD and objects/",
                todo="name the superproject with -C DIR, or set superproject.path in repos.yaml",
            )
        self._directory = directory

    @cached_property
    def path(self) -> Path:
        """The work tree or bare repository."""
        # `changed` does not need it, and starts faster without the import.
        from pathlib import Path

        return Path(self.place)

    @cached_property
    def common(self) -> Path:
        """The directory with the objects, shared by all work trees of the repository."""
        # The directory is absolute; `path` spares this module the import of pathlib.
        return self.path / self._directory

    def list_refs_containing(self, commit: CommitId) -> tuple[str, ...]:
        """The full names of the branches and tags whose history contains a commit of this repository."""
        arguments = ["for-each-ref", "--format=%(refname)", "--contains", commit]
        return tuple(run_git(USER_CLONE, arguments, directory=self.place).text.splitlines())

    def resolve_revision(self, revision: str) -> CommitId:
        """The full id of the commit that a revision names.

        Raises InputError with similar names when there is no such commit, GitError when git cannot read the repository.
        """
        check_revision(revision)
        answer = self._parse_revision(f"{revision}^{{commit}}")
        if answer.returncode == 0:
            return CommitId(answer.text.strip())
        if answer.returncode != 1 and answer.error_text:
            raise make_git_error(USER_CLONE, answer, "rev-parse", self.place)
        raise self._unknown_revision_error(revision, answer.error_text)

    def has_any_commit(self) -> bool:
        """False in a repository in which nothing was committed yet. Raises GitError when git cannot read it."""
        return bool(run_git(USER_CLONE, ["rev-list", "--all", "--max-count=1"], directory=self.place).text)

    def has_commit(self, commit: str) -> bool:
        """True where the repository has a commit of this id."""
        return self._parse_revision(f"{commit}^{{commit}}").returncode == 0

    def _parse_revision(self, text: str) -> ProcessResult:
        """git's answer: status 0 with an id, 1 when nothing has that name, another one when git itself fails."""
        arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", text]
        return run_git(USER_CLONE, arguments, directory=self.place, ok=ANY_STATUS)

    def _unknown_revision_error(self, revision: str, complaint: str) -> InputError:
        # git takes every id of full length for the name of an object, and says nothing of the object itself.
        named = self._parse_revision(revision).text.strip()
        is_id = len(named) in ID_LENGTHS
        if is_id and named != revision and not self._has_object(named):
            return InputError(
                f"{revision} of {self.place} is commit {named}, and that object is missing there",
                why=complaint,
                todo=USER_CLONE.todo.format(place=quote_path(self.place)),
            )
        # Only a wrong name needs it.
        from altai_build.tools.git.revision_hints import find_revision_hints

        hints = find_revision_hints(self.place, revision)
        reasons = [complaint]
        if hints.empty_branch is not None and revision.startswith("HEAD"):
            reasons.append(f"HEAD is on the branch {hints.empty_branch}, which has no commit or is damaged")
        # The ancestor of a commit (HEAD^) is no name that could be mistyped.
        reasons.append("" if set(revision) & set("^~@{:") else hints.suggestion)
        in_clone = f"git -C {quote_path(self.place)}"
        todo = f"see `{in_clone} log --oneline --all`"
        if hints.empty_branch is not None and revision.startswith("HEAD"):
            todo = f"in a new repository commit something first (`{in_clone} commit`); else {todo}"
        if is_shallow(self.common):
            reasons.append("it is a shallow clone, which has only the newest commits")
            fetch = f"{in_clone} fetch --unshallow {' '.join(hints.remotes[:1])}".rstrip()
            todo = f"fetch the whole history: `{fetch}`; see `{in_clone} log --oneline --all`"
        elif hints.remotes:
            todo += f"; a commit of a remote may first need `{in_clone} fetch {hints.remotes[0]}`"
        return InputError(
            f"the superproject {self.place} has no commit {revision!r}",
            why="\n".join(reason for reason in reasons if reason),
            todo=todo,
        )

    def _has_object(self, oid: str) -> bool:
        return (
            run_git(USER_CLONE, ["cat-file", "-e", oid], directory=self.place, ok=ANY_STATUS).returncode == 0
        )


def check_revision(revision: str) -> None:
    """Raise InputError for what git would take for an option or a range."""
    if not revision or revision.startswith(("-", "^")) or any(ord(char) < 32 for char in revision):
        raise InputError(
            f"{revision!r} is not a revision",
            why="it is empty, begins with '-' or '^', or contains a control character",
            todo="name one commit: a branch, a tag, an id, HEAD~2",
        )
    if ".." in revision:
        raise InputError(
            f"{revision!r} names a range where one commit is expected",
            todo="write the two ends as two arguments: OLD NEW",
        )
