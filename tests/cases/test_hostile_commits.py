"""Commits, trees and specs that no git command makes: each is the outcome of its component, and of no other."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from altai_build.errors import InputError, faults_of
from altai_build.model.gitlink import CommitId
from altai_build.model.limits import Limits
from altai_build.tools.disk import WriteBudget
from altai_build.tools.git import changed_gitlinks, command
from altai_build.tools.git.archive import ArchivePart, write_archive
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.revisions import RepositoryHistory
from altai_build.tools.git.superproject import Superproject
from altai_build.tools.rpm.recipe import write_source_tree
from tests.kit.cli import altai_build
from tests.kit.git import Pin, Repo, gitmodules
from tests.kit.superprojects import DEFINITION, World, make_files, make_spec
from tests.tools.rpm.test_recipe import make_recipe


def write_commit(repo: Repo, tree: str, *committers: str) -> str:
    """A commit of this tree with these committers, whatever git thinks of them."""
    lines = [f"tree {tree}", "author A <a@example.org> 1 +0000", *(f"committer {one}" for one in committers)]
    raw = "\n".join([*lines, "", "message", ""]).encode()
    return repo.git("hash-object", "--literally", "-t", "commit", "-w", "--stdin", input=raw)


def write_tree_bomb(repo: Repo, leaf: str = "", levels: int = 10) -> str:
    """A tree of ten entries that are the same tree of ten entries, and so on: 10^levels files in some hundred bytes."""
    blob = repo.git("hash-object", "-w", "--stdin", input=b"x")
    entry = leaf or f"100644 blob {blob}"
    for _ in range(levels):
        rows = "".join(f"{entry}\tf{n}\n" for n in range(10))
        entry = f"040000 tree {repo.git('mktree', input=rows.encode())}"
    return entry.rpartition(" ")[2]


ODD_COMMITTERS = {
    "words": ("A <a@example.org> Thursday +0000",),
    "none": (),
    "two": ("A <a@example.org> 1 +0000", "B <b@example.org> 2 +0000"),
    "late": ("A <a@example.org> 99999999999999999999999 +0000",),
    "negative": ("A <a@example.org> -1 +0000",),
    "after_2106": ("A <a@example.org> 4294967296 +0000",),
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.component("repos/good", make_files("good"))
    (world.super.path / "repos.yaml").write_text(DEFINITION)
    return world


@pytest.mark.parametrize("verb", ["plan", "srpm"])
def test_odd_commits_fail_alone(world: World, verb: str) -> None:
    pins: dict[str, str] = {}
    for name, committers in ODD_COMMITTERS.items():
        world.component(f"repos/{name}", make_files(name))
        repo = world.components[f"repos/{name}"]
        pins[name] = write_commit(repo, repo.git("rev-parse", "HEAD^{tree}"), *committers)
        repo.git("update-ref", "refs/heads/odd", pins[name])
    world.component("repos/folder", make_files("folder"))
    pins["folder"] = world.components["repos/folder"].git("rev-parse", "HEAD^{tree}")
    world.component("repos/far", make_files("far"), url="https://localhost:1/" + "x" * 200_000)
    world.pin(None, **pins)
    answer = altai_build(verb, "--json", cwd=world.super.path)
    assert answer.code == 3
    failed = answer.json["failed"] if verb == "plan" else answer.json
    reasons = {row["component"]: row["reason"] for row in failed}
    good = reasons.pop("good", "") if verb == "srpm" else str(answer.json["waves"])
    assert "good" in good or "has no source package" in good
    assert reasons.keys() == {*ODD_COMMITTERS, "folder", "far"}
    assert all("has no time that a package could have" in reasons[name] for name in ODD_COMMITTERS)
    assert f"commit {pins['folder']} of repos/folder is not available" in reasons["folder"]
    assert "of repos/far is not available: its URL has" in reasons["far"]


def test_a_tree_that_repeats_itself_is_refused_in_bounded_memory(world: World) -> None:
    world.component("repos/bomb", {"bomb.spec": make_spec("bomb")})
    repo = world.components["repos/bomb"]
    repo.git("update-ref", "HEAD", write_commit(repo, write_tree_bomb(repo), "A <a@example.org> 1 +0000"))
    world.pin()
    answer = altai_build(
        "plan",
        "--json",
        cwd=world.super.path,
        program=("-c", "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30));"
                       "sys.argv[:1] = ['altai-build']; runpy.run_module('altai_build', run_name='__main__')"),
    )  # fmt: skip
    assert (answer.code, [wave[0]["component"] for wave in answer.json["waves"]]) == (3, ["good"])
    ((name, reason),) = [(row["component"], row["reason"]) for row in answer.json["failed"]]
    assert (name, "has too many files in the commit" in reason) == ("bomb", True)


def test_a_tree_of_empty_folders_that_repeats_itself_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("altai_build.tools.git.objects._TREE_TIMEOUT", 0.2)
    repo = Repo(tmp_path / "repo")
    empty = repo.git("hash-object", "-t", "tree", "-w", "--stdin", input=b"")
    tree = write_tree_bomb(repo, f"040000 tree {empty}")
    commit = CommitId(write_commit(repo, tree, "A <a@example.org> 1 +0000"))
    with pytest.raises(InputError, match="too many files") as refused:
        open_store(repo, commit, tmp_path).read_tree(commit)
    assert refused.value.why == "listing them was stopped after 0.2 seconds"


def open_store(repo: Repo, commit: CommitId, folder: Path) -> ObjectStore:
    return ObjectStore.open_borrowed(
        repo.path / ".git", shadows=folder / "shadows", origin="a test", commit=commit
    )


def test_a_huge_spec_fails_alone(world: World) -> None:
    world.component("repos/huge", {"huge.spec": b"Name: huge\n" + bytes(17 << 20)})
    world.pin()
    answer = altai_build("plan", "--json", cwd=world.super.path)
    assert (answer.code, [wave[0]["component"] for wave in answer.json["waves"]]) == (3, ["good"])
    assert [row["component"] for row in answer.json["failed"]] == ["huge"]
    assert "is too large to be read" in answer.json["failed"][0]["reason"]


def test_a_component_of_very_many_specs_fails_alone(world: World) -> None:
    world.component("repos/many", {f"x{number}.spec": make_spec(f"x{number}") for number in range(201)})
    world.pin()
    answer = altai_build("plan", "--json", cwd=world.super.path)
    assert (answer.code, [wave[0]["component"] for wave in answer.json["waves"]]) == (3, ["good"])
    (row,) = answer.json["failed"]
    assert (row["component"], row["reason"].split("\n")[0]) == ("many", "repos/many has 201 specs")


def test_a_file_is_never_read_beyond_what_is_allowed(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    commit = repo.commit({"a": bytes(200_000), "b": "small"})
    store = open_store(repo, commit, tmp_path)
    large, small = [entry.oid for entry in store.read_tree(commit)]
    assert store.read_blob_start(large, 3) == bytes(3)
    assert store.read_blobs([small, small], limit=1000) == [b"small", b"small"]
    for oids in ([large], [small, large], [large, small]):
        with pytest.raises(InputError, match=f"the object {large} is too large to be read") as refused:
            store.read_blobs(oids, limit=100_000)
        assert "it has 200000 bytes, and 100000 are allowed" in refused.value.why
        assert f"grep {large[:12]}" in refused.value.todo
    with pytest.raises(InputError, match="is a commit and no blob"):
        store.read_blobs([commit])
    with pytest.raises(InputError, match="is missing"):
        store.read_blob_start("1" * 40, 3)


def test_sources_are_limited_as_files_of_builds_are(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path, make_spec("x", tags="Source1: data"), {"data": bytes(5000)})
    for limit, name in ((4999, "data"), (5000, "x-1.0.tar.gz")):
        top = tmp_path / str(limit)
        top.mkdir()
        with pytest.raises(InputError, match=f"{name} is too large"):
            write_source_tree(recipe, recipe.sourced.text, top, Limits(file=limit))
    (tmp_path / "top").mkdir()
    write_source_tree(recipe, recipe.sourced.text, tmp_path / "top", Limits(file=100_000))
    assert (tmp_path / "top/SOURCES/data").read_bytes() == bytes(5000)


def test_an_archive_whose_content_fills_the_disk_is_stopped(tmp_path: Path) -> None:
    """It is small, because all of its files are the same."""
    repo = Repo(tmp_path / "repo")
    blob = repo.git("hash-object", "-w", "--stdin", input=bytes(1 << 20))
    tree = write_tree_bomb(repo, f"100644 blob {blob}", levels=3)
    commit = CommitId(write_commit(repo, tree, "A <a@example.org> 1 +0000"))
    part = ArchivePart(store=open_store(repo, commit, tmp_path), commit=commit, folder="")
    looks = iter(["", "stopped: it fills the disk"])
    with pytest.raises(InputError, match=r"x\.tar\.gz is too large") as refused:
        write_archive(
            [part],
            prefix="x/",
            format=".tar.gz",
            output=tmp_path / "x.tar.gz",
            budget=WriteBudget(None, lambda: next(looks)),
        )
    assert refused.value.why == "stopped: it fills the disk"


def test_a_git_that_complains_without_end_still_makes_its_archive(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    commit = repo.commit({".gitattributes": "x " + "\nx =\n" * 20_000, "x": "x"})
    part = ArchivePart(store=open_store(repo, commit, tmp_path), commit=commit, folder="")
    write_archive([part], prefix="p/", format=".tar.gz", output=tmp_path / "p.tar", budget=WriteBudget())
    with tarfile.open(tmp_path / "p.tar") as tar:
        assert "p/x" in tar.getnames()


def test_commits_that_pin_each_other_without_end_are_refused(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super" / "deep")
    commit = repo.commit({"x": "1"})
    for _ in range(25):
        commit = repo.commit({".gitmodules": gitmodules({"sub": repo.path.as_uri()}), "sub": Pin(commit)})
    Repo(tmp_path / "super").commit({"x": "1"})
    superproject = Superproject(tmp_path / "super", state=tmp_path / "state")
    store = open_store(repo, commit, tmp_path)
    with pytest.raises(InputError, match="has too many nested submodules"):
        superproject.list_nested_submodules(store, commit, store.read_tree(commit), repo.path.as_uri())


def test_notes_are_written_of_commits_without_a_time(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    old = repo.commit({"x": "1"})
    raw = "\n".join(
        [f"tree {repo.git('rev-parse', 'HEAD^{tree}')}", f"parent {old}", "author A <a@b> 1 +0000"]
    )
    raw += "\ncommitter A <a@b> Thursday +0000\n\nodd\n"
    odd = repo.git("hash-object", "--literally", "-t", "commit", "-w", "--stdin", input=raw.encode())
    (commit,) = open_store(repo, old, tmp_path).list_commits(old, CommitId(odd))
    assert (commit.time, commit.subject) == (None, "odd")


def test_whatever_content_throws_is_an_error_about_it_and_what_the_machine_refuses_stays() -> None:
    def nest(depth: int) -> None:
        nest(depth + 1)

    with pytest.raises(InputError, match="x cannot be read") as fault, faults_of("x"):
        nest(0)
    assert "RecursionError" in fault.value.why
    with pytest.raises(InputError, match="x cannot be read"), faults_of("x"):
        Path("y" * 300).stat()
    with pytest.raises(FileNotFoundError), faults_of("x"):
        Path("/nonexistent/y").stat()


def test_the_changes_of_a_tree_that_repeats_itself_take_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = command.USER_CLONE._replace(memory=100 << 20)
    monkeypatch.setattr(changed_gitlinks, "USER_CLONE", profile)
    repo = Repo(tmp_path / "repo")
    parent = repo.commit({"x": "1"})
    tree = repo.git("mktree", input=f"040000 tree {write_tree_bomb(repo)}\trepos\n".encode())
    raw = f"tree {tree}\nparent {parent}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nm\n"
    commit = repo.git("hash-object", "-t", "commit", "-w", "--stdin", input=raw.encode())
    with pytest.raises(InputError, match="git diff-tree exited with 128") as refused:
        history = RepositoryHistory(repo.path)
        changed_gitlinks.list_changed_gitlinks(history, parent, commit, ["repos"])
    assert "out of memory" in refused.value.why.lower()
