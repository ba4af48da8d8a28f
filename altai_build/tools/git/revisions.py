"""Commits of a repository by the names a person gives them, and the gitlinks that differ between two."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.gitlink import GitlinkChange, parse_raw_diff
from altai_build.tools.git import command as git
from altai_build.tools.process import ANY_STATUS, ProgramFailed

if TYPE_CHECKING:
    from pathlib import Path

# The tree with no entries, which every repository knows by its id (SHA-1 and SHA-256).
_EMPTY_TREES = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}


class RepositoryHistory:
    """A git repository whose history is asked about; neither its work tree nor its submodules' are looked at."""

    def __init__(self, place: str | Path) -> None:
        """`place` is a work tree or a bare repository. Raises InputError when it is neither."""
        self._place = os.fspath(place)
        directory = git.git_directory(place)
        if directory is None:
            raise InputError(
                f"{place} is not a git repository",
                why="neither .git nor HEAD and objects/ are there",
                todo="name the superproject with -C DIR, or set superproject.path in repos.yaml",
            )
        self._directory = directory

    @cached_property
    def path(self) -> Path:
        """The work tree or bare repository."""
        from pathlib import Path  # `changed` can do without, and is quicker for it

        return Path(self._place)

    @cached_property
    def common(self) -> Path:
        """The directory with its objects, shared by its work trees."""
        return self.path / self._directory  # which is absolute

    def list_changed_gitlinks(
        self, old: str | None, new: str | None, folders: Sequence[str]
    ) -> list[GitlinkChange]:
        """Gitlinks below `folders` that differ between two revisions, by default HEAD^ and HEAD.

        HEAD^ is the first parent, so a merge is compared with the branch it came into; the first commit of all is
        compared with nothing. Raises InputError for a revision that does not exist.
        """
        before = "HEAD^" if old is None else old
        after = "HEAD" if new is None else new
        for revision in (before, after):
            _reject_option_like(revision)
        try:
            return self._diff(before, after, folders)
        except ProgramFailed:
            if old is None and self._is_root(after):
                return self._diff(_EMPTY_TREES[len(self.resolve_revision(after))], after, folders)
            for revision in (before, after):
                self.resolve_revision(revision)
            raise

    def list_refs_containing(self, commit: str) -> tuple[str, ...]:
        """The branches and tags whose history contains a commit that is here, by their full names."""
        from altai_build.tools.git.objects import require_commit  # its imports would slow `changed` down

        words = ["for-each-ref", "--format=%(refname)", "--contains", require_commit(commit)]
        return tuple(git.git(words, directory=self._place).text.splitlines())

    def _diff(self, before: str, after: str, folders: Sequence[str]) -> list[GitlinkChange]:
        # The suffix makes git refuse what is no commit: a tree, and the short forms of ranges (HEAD^!, HEAD^-).
        commits = [one if one in _EMPTY_TREES.values() else f"{one}^{{commit}}" for one in (before, after)]
        if not folders:
            return []
        limits = [] if "." in folders else [f":(top,literal){folder}" for folder in folders]
        ends = ["--end-of-options", *commits, "--", *limits]
        raw = git.git(
            # A submodule's `ignore = all` in .gitmodules must not hide its change, nor a user's diff settings.
            [
                "diff-tree",
                "-r",
                "-z",
                "--raw",
                "--no-renames",
                "--no-abbrev",
                "--ignore-submodules=none",
                *ends,
            ],
            directory=self._place,
        ).stdout
        return parse_raw_diff(raw)

    def _is_root(self, revision: str) -> bool:
        commit = self.resolve_revision(revision)
        shown = git.git(
            ["rev-list", "--parents", "--max-count=1", commit], directory=self._place
        ).text.split()
        if len(shown) > 1:
            return False
        if git.is_shallow(self.common) and commit in (self.common / "shallow").read_text().split():
            raise InputError(
                f"the parent of {revision} is not in this shallow clone",
                todo="fetch it: git fetch --deepen=1 (or clone without --depth)",
            )
        return True

    def resolve_revision(self, revision: str) -> str:
        """The full id of the commit that a revision names. Raises InputError with names that are near."""
        _reject_option_like(revision)
        found = git.git(
            ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"],
            directory=self._place,
            ok=ANY_STATUS,
        )
        if found.returncode == 0:
            return found.text.strip()
        if "dubious ownership" in found.error_text:
            raise InputError(f"git will not read {self._place}", why=found.error_text)
        import difflib  # only a wrong name needs it

        listed = git.git(["for-each-ref", "--format=%(refname:short)"], directory=self._place, ok=ANY_STATUS)
        near = difflib.get_close_matches(revision, listed.text.splitlines(), n=3, cutoff=0.5)
        fetch = "git fetch --unshallow" if git.is_shallow(self.common) else "git fetch"
        raise InputError(
            f"the superproject {self._place} has no commit {revision!r}",
            why=f"near names: {', '.join(near)}" if near else "",
            todo=f"see `git log --oneline` there; a commit of the remote may first need `{fetch}`",
        )


def _reject_option_like(revision: str) -> None:
    if not revision or revision.startswith(("-", "^")) or any(ord(char) < 32 for char in revision):
        raise InputError(
            f"{revision!r} is not a revision",
            why="it is empty, begins with '-' or '^', or holds a control character",
            todo="name one commit: a branch, a tag, an id, HEAD~2",
        )
    if ".." in revision:
        raise InputError(
            f"{revision!r} names a range where one commit is wanted",
            todo="write the two ends as two arguments: OLD NEW",
        )
