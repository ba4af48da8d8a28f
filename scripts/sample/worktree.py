"""The work tree of the sample superproject, with its submodules checked out, made with GitPython."""

from __future__ import annotations

from typing import TYPE_CHECKING

import git
from errors import SampleError

if TYPE_CHECKING:
    from pathlib import Path


def make_work_tree(folder: Path, first_release: str, url: str) -> None:
    """Clone FOLDER/altai.git to FOLDER/altai and check out its branch; `url` becomes the URL of the clone's origin.

    The first release is checked out before: as in any clone that is older than the last commit, the objects of
    components removed since remain.
    """
    try:
        clone = git.Repo.clone_from(str(folder / "altai.git"), folder / "altai", no_checkout=True)
        with clone:
            _check_out(clone, first_release)
            clone.git.submodule("--quiet", "deinit", "--all")
            _check_out(clone, "main")
            clone.remote("origin").set_url(url)
            # the URLs of the submodules are relative to that of origin
            clone.git.submodule("--quiet", "sync")
    except git.GitCommandError as error:
        raise SampleError(f"git cannot make the work tree:\n  {error.stderr.strip()}") from error


def _check_out(clone: git.Repo, revision: str) -> None:
    """Check out a revision with its submodules; only here git may clone from local paths."""
    clone.git.checkout("--quiet", revision)
    clone.git(c="protocol.file.allow=always").submodule("--quiet", "update", "--init", "--jobs", "2")
