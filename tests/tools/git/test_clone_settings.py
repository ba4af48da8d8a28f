"""Which remote a clone comes from, and from where the user wants its submodules."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.tools.git.clone_settings import read_clone_settings, read_submodule_urls
from altai_build.tools.git.command import REMOTE, run_git
from tests.kit.git import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "repo")
    repo.commit({"README": "x"})
    return repo


def set_all(repo: Repo, *settings: tuple[str, str]) -> None:
    for key, value in settings:
        repo.git("config", key, value)


ORIGIN, UPSTREAM = ("remote.origin.url", "https://o/r"), ("remote.up.stream.url", "https://u/r")


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ((), None),
        ((ORIGIN,), "https://o/r"),
        ((UPSTREAM,), "https://u/r"),
        ((ORIGIN, UPSTREAM), "https://o/r"),
        ((ORIGIN, UPSTREAM, ("branch.main.remote", "up.stream")), "https://u/r"),
        ((ORIGIN, UPSTREAM, ("branch.other.remote", "up.stream")), "https://o/r"),
        # A branch that follows another one of this clone, or a remote that is gone.
        ((ORIGIN, UPSTREAM, ("branch.main.remote", ".")), "https://o/r"),
        ((ORIGIN, UPSTREAM, ("branch.main.remote", "gone")), "https://o/r"),
        ((UPSTREAM, ("remote.third.url", "https://t/r")), None),
        ((("remote.origin.fetch", "+refs/*:refs/*"),), None),
    ],
)
def test_the_remote_that_relative_urls_start_at(
    repo: Repo, settings: tuple[tuple[str, str], ...], url: str | None
) -> None:
    set_all(repo, *settings)
    assert read_clone_settings(repo.path).remote_url == url
    assert read_clone_settings(repo.path / ".git").remote_url == url


def test_a_detached_clone_follows_no_branch(repo: Repo) -> None:
    set_all(repo, ORIGIN, UPSTREAM, ("branch.main.remote", "up.stream"))
    repo.git("update-ref", "--no-deref", "HEAD", repo.git("rev-parse", "HEAD"))
    assert read_clone_settings(repo.path).remote_url == "https://o/r"


def test_urls_of_submodules(repo: Repo) -> None:
    set_all(repo, ("submodule.a.b.url", "https://m/a"), ("submodule.c.update", "none"))
    (repo.path / ".git/config").open("a").write('[submodule "d"]\n\turl\n')
    assert read_clone_settings(repo.path).submodule_urls == {"a.b": "https://m/a"}
    set_all(repo, ("core.worktree", "../gone"))
    assert read_submodule_urls(repo.path / ".git") == {"a.b": "https://m/a"}
    assert read_submodule_urls(repo.path) == {}


def test_what_is_fetched_follows_the_rewrites_of_the_clone(repo: Repo, tmp_path: Path) -> None:
    other = Repo(tmp_path / "o=ther")
    other.commit({"README": "x"})
    set_all(repo, (f"url.{tmp_path}/o=.insteadOf", "https://127.0.0.1:9/"))
    profile = read_clone_settings(repo.path).remote_profile
    words = ["ls-remote", "https://127.0.0.1:9/ther", "HEAD"]
    assert run_git(profile, words, directory=tmp_path / "repo/.git/hooks/..").text.split()[1] == "HEAD"
    assert run_git(REMOTE, words, directory=other.path, ok=(128,)).returncode == 128
