"""The .gitmodules of a commit is read as git reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.tools.git.gitmodules import GitmodulesEntry, read_gitmodules
from altai_build.tools.git.superproject import Superproject
from tests.kit.git import Pin, Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "super")


def modules(repo: Repo, tmp_path: Path, text: str | bytes) -> dict[str, GitmodulesEntry]:
    commit = repo.commit({".gitmodules": text})
    return read_gitmodules(Superproject(repo.path, state=tmp_path / "state").open_store(commit), commit)


def test_gitmodules_is_read_as_git_does(repo: Repo, tmp_path: Path) -> None:
    text = (
        '[submodule "a.b"] # comment\n\tpath = repos/a b/\n\turl = ../x ; comment\n[SubModule "c\\"d"]\n'
        'path="repos/\\"q\\""\nurl=../y\n[submodule "no-url"]\npath = repos/z\nupdate = none\n'
        '[submodule "no-path"]\nurl = ../w\n'
        '[other "x"]\npath = repos/o\n[submodule]\npath = repos/p\n[submodule "twice"]\n'
        "path = repos/1\npath = repos/2\n"
    )
    assert modules(repo, tmp_path, text) == {
        "repos/a b": ("a.b", "../x", ""),
        'repos/"q"': ('c"d', "../y", ""),
        "repos/z": ("no-url", None, "none"),
        "repos/2": ("twice", None, ""),
    }


@pytest.mark.parametrize("text", ["", "[broken", "path = x\n", b"\x00\xff", '[submodule]\n[submodule "x"\n'])
def test_a_gitmodules_file_that_git_cannot_read_names_nothing(
    repo: Repo, tmp_path: Path, text: str | bytes
) -> None:
    assert modules(repo, tmp_path, text) == {}


def test_a_submodule_whose_name_is_not_its_path_is_found_in_modules(repo: Repo, tmp_path: Path) -> None:
    other = Repo(repo.path / ".git" / "modules" / "old" / "name", bare=True)
    commit = other.commit({"README": "here"})
    head = repo.commit(
        {
            ".gitmodules": '[submodule "old/name"]\n\tpath = repos/a\n\turl = https://127.0.0.1:9/a\n',
            "repos/a": Pin(commit),
        }
    )
    superproject = Superproject(repo.path, state=tmp_path / "state")
    (submodule,) = superproject.read_submodules(
        head, superproject.open_store(head).read_tree(head), ["repos"]
    )
    store = superproject.open_component_store(submodule)
    assert [entry.path for entry in store.read_tree(commit)] == ["README"]


# ---- where submodules come from -----------------------------------------------------------------------------------
