"""Where a superproject says its components are: .gitmodules as git reads it, and clones on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId
from altai_build.tools.git.superproject import Superproject, read_gitmodules
from altai_build.tools.process import ProgramFailed
from tests.kit.git import Pin, Repo

A, B = CommitId("a" * 40), CommitId("b" * 40)


def test_a_killed_git_is_not_taken_for_an_answer(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repo.commit({".gitmodules": '[submodule "a"]\n\tpath = a\n\turl = https://127.0.0.1:9/a\n'})
    store = Superproject(repo.path, state=tmp_path / "state").open_store(commit)
    assert read_gitmodules(store, commit) == {"a": ("a", "https://127.0.0.1:9/a")}
    killed = tmp_path / "bin" / "git"
    killed.parent.mkdir()
    killed.write_text("#!/bin/sh\nkill -KILL $$\n")
    killed.chmod(0o755)
    monkeypatch.setenv("PATH", f"{killed.parent}:/usr/bin:/bin")
    with pytest.raises(ProgramFailed, match="git was killed by SIGKILL"):
        read_gitmodules(store, commit)
    with pytest.raises(ProgramFailed, match="git was killed by SIGKILL"):
        store.has_commit_object(commit)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "super")


def modules(repo: Repo, tmp_path: Path, text: str | bytes) -> dict[str, tuple[str, str | None]]:
    commit = repo.commit({".gitmodules": text})
    return read_gitmodules(Superproject(repo.path, state=tmp_path / "state").open_store(commit), commit)


def test_gitmodules_is_read_as_git_does(repo: Repo, tmp_path: Path) -> None:
    text = (
        '[submodule "a.b"] # comment\n\tpath = repos/a b/\n\turl = ../x ; comment\n[SubModule "c\\"d"]\n'
        'path="repos/\\"q\\""\nurl=../y\n[submodule "no-url"]\npath = repos/z\n[submodule "no-path"]\nurl = ../w\n'
        '[other "x"]\npath = repos/o\n[submodule]\npath = repos/p\n[submodule "twice"]\n'
        "path = repos/1\npath = repos/2\n"
    )
    assert modules(repo, tmp_path, text) == {
        "repos/a b": ("a.b", "../x"),
        'repos/"q"': ('c"d', "../y"),
        "repos/z": ("no-url", None),
        "repos/2": ("twice", None),
    }


@pytest.mark.parametrize("text", ["", "[broken", "path = x\n", b"\x00\xff", '[submodule]\n[submodule "x"\n'])
def test_a_gitmodules_file_that_git_cannot_read_names_nothing(
    repo: Repo, tmp_path: Path, text: str | bytes
) -> None:
    assert modules(repo, tmp_path, text) == {}


def test_submodules_are_the_gitlinks_below_the_folders(repo: Repo, tmp_path: Path) -> None:
    text = '[submodule "x"]\npath = repos/a\nurl = https://example.org/a\n'
    text += '[submodule "stale"]\npath = repos/gone\nurl = y\n'
    commit = repo.commit(
        {".gitmodules": text, "repos/a": Pin(A), "repos/b": Pin(B), "repository": Pin(B), "other/c": Pin(B)}
    )
    superproject = Superproject(repo.path, state=tmp_path / "state")
    tree = superproject.open_store(commit).read_tree(commit)

    def found(*folders: str) -> list[tuple[str, str | None, str | None]]:
        return [
            (submodule.link.path, submodule.name, submodule.url)
            for submodule in superproject.read_submodules(commit, tree, folders)
        ]

    assert found("repos") == [("repos/a", "x", "https://example.org/a"), ("repos/b", None, None)]
    assert [path for path, *_ in found("other", "repos/b")] == ["other/c", "repos/b"]
    assert [path for path, *_ in found(".")] == ["other/c", "repos/a", "repos/b", "repository"]
    assert found() == found("rep") == []


@pytest.mark.parametrize("name", ["../../elsewhere", "/etc", "-x", "a/../../b"])
def test_a_submodules_name_cannot_leave_the_modules_folder(repo: Repo, tmp_path: Path, name: str) -> None:
    other = Repo(repo.path / ".git" / "elsewhere", bare=True)
    commit = other.commit({"README": "planted"})
    repo.commit(
        {
            ".gitmodules": f'[submodule "{name}"]\n\tpath = repos/a\n\turl = https://127.0.0.1:9/a\n',
            "repos/a": Pin(commit),
        }
    )
    head = CommitId(repo.git("rev-parse", "HEAD"))
    superproject = Superproject(repo.path, state=tmp_path / "state")
    (submodule,) = superproject.read_submodules(
        head, superproject.open_store(head).read_tree(head), ["repos"]
    )
    with pytest.raises(InputError, match=commit):
        superproject.open_component_store(submodule)


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
