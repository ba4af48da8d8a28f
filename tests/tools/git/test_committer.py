"""Who runs the program: as git would write it into a commit, else the user and the machine."""

from __future__ import annotations

import socket
from pathlib import Path

from altai_build.tools.git.committer import read_committer
from tests.kit.git import Repo


def test_the_name_that_git_knows(tmp_path: Path) -> None:
    repository = Repo(tmp_path / "clone")
    repository.git("config", "user.name", "Ann Example")
    repository.git("config", "user.email", "ann@example.org")
    assert read_committer(repository.path) == "Ann Example <ann@example.org>"


def test_without_a_name_it_is_the_user_of_the_machine(tmp_path: Path) -> None:
    repository = Repo(tmp_path / "clone")
    # Whatever the configuration of this machine says.
    for name in ("name", "email"):
        repository.git("config", f"user.{name}", "")
    assert read_committer(repository.path).endswith(f"@{socket.gethostname()}")
