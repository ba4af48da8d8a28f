"""Where a superproject says its components are: .gitmodules as git reads it, and clones on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId
from altai_build.tools import notices
from altai_build.tools.disk import WriteBudget
from altai_build.tools.git.archive import ArchivePart, write_archive
from altai_build.tools.git.gitmodules import read_gitmodules
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.superproject import Submodule, Superproject
from altai_build.tools.process import ProgramFailed
from tests.kit.git import Entry, Pin, Repo, gitmodules
from tests.kit.superprojects import World

A, B = CommitId("a" * 40), CommitId("b" * 40)


def test_a_killed_git_is_not_taken_for_an_answer(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repo.commit({".gitmodules": '[submodule "a"]\n\tpath = a\n\turl = https://127.0.0.1:9/a\n'})
    store = Superproject(repo.path, state=tmp_path / "state").open_store(commit)
    assert read_gitmodules(store, commit) == {"a": ("a", "https://127.0.0.1:9/a", "")}
    killed = tmp_path / "bin" / "git"
    killed.parent.mkdir()
    killed.write_text("#!/bin/sh\nkill -KILL $$\n")
    killed.chmod(0o755)
    monkeypatch.setenv("PATH", f"{killed.parent}:/usr/bin:/bin")
    with pytest.raises(ProgramFailed, match="git was killed by SIGKILL"):
        read_gitmodules(store, commit)
    part = ArchivePart(store, commit, "")
    more: list[Callable[[], object]] = [
        lambda: store.has_commit_object(commit),
        lambda: store.read_blob_start("a" * 40, 9),
        lambda: store.copy_blobs([("a" * 40, tmp_path / "file")], WriteBudget()),
        lambda: write_archive(
            [part], prefix="", format=".tar", output=tmp_path / "tar", budget=WriteBudget()
        ),
        # Archives of several parts are read as they are made.
        lambda: write_archive(
            [part, part], prefix="", format=".tar", output=tmp_path / "tar", budget=WriteBudget()
        ),
    ]
    for read in more:
        with pytest.raises(ProgramFailed, match="git was killed by SIGKILL"):
            read()


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "super")


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


def find_submodule(repo: Repo, tmp_path: Path) -> tuple[Superproject, Submodule]:
    head = CommitId(repo.git("rev-parse", "HEAD"))
    superproject = Superproject(repo.path, state=tmp_path / "state")
    (submodule,) = superproject.read_submodules(
        head, superproject.open_store(head).read_tree(head), ["repos"]
    )
    return superproject, submodule


def test_a_relative_url_starts_at_the_remote_of_the_branch(repo: Repo, tmp_path: Path) -> None:
    repo.commit({".gitmodules": '[submodule "a"]\npath = repos/a\nurl = ../a\n', "repos/a": Pin(A)})
    repo.git("remote", "add", "origin", "https://fork.example/me/super")
    assert find_submodule(repo, tmp_path)[1].url == "https://fork.example/me/a"
    repo.git("remote", "add", "upstream", "https://example.org/team/super")
    assert find_submodule(repo, tmp_path)[1].url == "https://fork.example/me/a"
    repo.git("config", "branch.main.remote", "upstream")
    assert find_submodule(repo, tmp_path)[1].url == "https://example.org/team/a"


@pytest.mark.parametrize("kind", ["url", "insteadOf"])
def test_the_users_configuration_says_where_a_submodule_comes_from(
    repo: Repo, tmp_path: Path, kind: str
) -> None:
    other = Repo(tmp_path / "mirror")
    commit = other.commit({"README": "from the mirror"})
    url = "https://127.0.0.1:9/a"
    repo.commit({".gitmodules": f'[submodule "a"]\npath = repos/a\nurl = {url}\n', "repos/a": Pin(commit)})
    if kind == "url":
        repo.git("config", "submodule.a.url", str(other.path))
    else:
        repo.git("config", f"url.{other.path}.insteadOf", url)
    superproject, submodule = find_submodule(repo, tmp_path)
    assert submodule.url == url  # a release says where everybody finds it
    store = superproject.open_component_store(submodule)
    assert [entry.path for entry in store.read_tree(commit)] == ["README"]
    again, _ = find_submodule(repo, tmp_path)
    other.path.rename(tmp_path / "gone")
    assert again.find_local_store(submodule, (commit,)) is not None


def test_where_the_users_url_lacks_the_commit_that_of_gitmodules_counts(repo: Repo, tmp_path: Path) -> None:
    mirror, other = Repo(tmp_path / "mirror"), Repo(tmp_path / "a")
    mirror.commit({"README": "old"})
    commit = other.commit({"README": "new"})
    repo.commit({".gitmodules": '[submodule "a"]\npath = repos/a\nurl = ../a\n', "repos/a": Pin(commit)})
    repo.git("config", "submodule.a.url", str(mirror.path))
    superproject, submodule = find_submodule(repo, tmp_path)
    assert superproject.open_component_store(submodule).has_tree(commit)
    other.path.rename(tmp_path / "gone")
    elsewhere = Superproject(repo.path, state=tmp_path / "other state")
    with pytest.raises(InputError) as caught:
        elsewhere.open_component_store(submodule)
    assert f"commit {commit} of repos/a is not available from {other.path}" in caught.value.what
    assert f"commit {commit} of repos/a is not available from {mirror.path}" in caught.value.why


# ---- nested submodules --------------------------------------------------------------------------------------------


LINKS = ("lib/one", "lib/two", "docs/three")
ALL = [path for link in sorted(LINKS) for path in (link, f"{link}/sub")]


def list_nested(
    folder: Path, files: dict[str, Entry], excluded: Sequence[str] = (), more: str = ""
) -> list[str]:
    """The folders of the nested submodules of a component with these files, and `more` in its .gitmodules."""
    Repo(folder / "super").commit({"README": "x"})
    inner = Repo(folder / "inner")
    url = inner.path.as_uri()
    deep = inner.commit({"deep": "1"})
    middle = inner.commit({".gitmodules": gitmodules({"sub": url}), "sub": Pin(deep)})
    component = Repo(folder / "component")
    pins: dict[str, Entry] = {link: Pin(middle) for link in LINKS}
    modules = gitmodules(dict.fromkeys(LINKS, url)) + more
    commit = component.commit({**pins, ".gitmodules": modules, **files})
    superproject = Superproject(folder / "super", state=folder / "state")
    store = ObjectStore.open_borrowed(
        component.path / ".git", shadows=folder / "shadows", origin="a test", commit=commit
    )
    found = superproject.list_nested_submodules(
        store, commit, store.read_tree(commit), url, excluded=excluded
    )
    return [path for path, _, _ in found]


def without(*gone: str) -> list[str]:
    return [path for path in ALL if not any(f"{path}/".startswith(f"{link}/") for link in gone)]


@pytest.mark.parametrize(
    ("attributes", "gone"),
    [
        ("docs export-ignore\n", ("docs",)),
        ("docs/ export-ignore\n", ("docs",)),
        ("lib/o* export-ignore\n", ("lib/one",)),
        ("lib/one/ export-ignore\n", ("lib/one",)),
        ("lib export-ignore\nlib -export-ignore\n", ()),
        ("/one export-ignore\n", ()),
        ("*.c text\n", ()),
    ],
)
def test_what_the_archive_leaves_out_is_not_fetched(
    tmp_path: Path, attributes: str, gone: tuple[str, ...]
) -> None:
    assert list_nested(tmp_path, {".gitattributes": attributes}) == without(*gone)


def test_attributes_in_a_folder_count_there(tmp_path: Path) -> None:
    assert list_nested(tmp_path, {"lib/.gitattributes": "two export-ignore\n"}) == without("lib/two")


def test_a_submodule_that_git_does_not_check_out_is_left_out(tmp_path: Path) -> None:
    more = '[submodule "lib/one"]\nupdate = none\nurl = https://127.0.0.1:9/gone\n'
    assert list_nested(tmp_path, {}, more=more) == without("lib/one")


@pytest.mark.parametrize(
    ("excluded", "gone"),
    [(("lib/*",), ("lib",)), (("lib/one", "docs/three/sub"), ("lib/one", "docs/three/sub")), (("one",), ())],
)
def test_a_submodule_that_the_settings_exclude_is_left_out(
    tmp_path: Path, excluded: tuple[str, ...], gone: tuple[str, ...]
) -> None:
    assert list_nested(tmp_path, {}, excluded) == without(*gone)


def test_a_mirror_that_git_cannot_read_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is read first: here a file, then an archive, then the history."""
    said: list[str] = []
    monkeypatch.setattr(notices, "_listeners", [said.append])
    world = World(tmp_path / "world")
    world.component("repos/a", {"a": "old\n" * 99})
    pin = world.component("repos/a", {"a": "new\n" * 99})
    commit = world.pin()

    def open_store() -> ObjectStore:
        superproject = Superproject(world.super.path, state=tmp_path / "state")
        tree = superproject.open_store(commit).read_tree(commit)
        return superproject.open_component_store(superproject.read_submodules(commit, tree, ["repos"])[0])

    def archive(store: ObjectStore) -> None:
        part = ArchivePart(store, pin, "")
        write_archive([part], prefix="", format=".tar", output=tmp_path / "tar", budget=WriteBudget())

    (entry,) = open_store().read_tree(pin)
    files = [(entry.oid, tmp_path / "file")]
    (pack,) = (tmp_path / "state/mirrors").glob("*.git/objects/pack/*.pack")
    sound = pack.read_bytes()
    reads: list[Callable[[ObjectStore], object]] = [
        lambda store: store.read_blobs([entry.oid], commit=pin),
        lambda store: store.read_blob_start(entry.oid, 9),
        lambda store: store.copy_blobs(files, WriteBudget()),
        archive,
        lambda store: store.count_commits(pin),
    ]
    for read in reads:
        said.clear()
        (pack,) = (tmp_path / "state/mirrors").glob("*.git/objects/pack/*.pack")
        pack.chmod(0o644)
        # Every object but not the end, by which git knows the pack.
        pack.write_bytes(sound[:12] + bytes(len(sound) - 32) + sound[-20:])
        read(open_store())
        assert len(said) == 1, read
        assert open_store().read_blobs([entry.oid]) == [b"new\n" * 99]
    assert (tmp_path / "file").read_bytes() == b"new\n" * 99


def test_a_gitmodules_file_whose_object_is_damaged_is_not_taken_for_none(repo: Repo, tmp_path: Path) -> None:
    """The components would be there, without where they come from."""
    commit = repo.commit({".gitmodules": gitmodules({"a": "../a"}), "a": Pin(A)})
    superproject = Superproject(repo.path, state=tmp_path / "state")
    tree = superproject.open_store(commit).read_tree(commit)
    oid = next(entry.oid for entry in tree if entry.path == ".gitmodules")
    (repo.path / f".git/objects/{oid[:2]}/{oid[2:]}").unlink()
    with pytest.raises(InputError, match="is incomplete"):
        superproject.read_submodules(commit, tree, ["."])
