"""What is read of a commit depends on nothing but the commit: not on the clone, its user, or what it includes."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.gitlink import CommitId
from altai_build.tools import process
from altai_build.tools.disk import WriteBudget
from altai_build.tools.git.archive import ArchivePart, write_archive
from altai_build.tools.git.gitmodules import read_gitmodules
from altai_build.tools.git.objects import ObjectStore
from tests.kit.git import Repo, gitmodules


def archived(repo: Repo, commit: CommitId, shadows: Path) -> dict[str, str]:
    """The files of a commit's archive."""
    store = ObjectStore.open_borrowed(repo.path / ".git", shadows=shadows, origin="a test", commit=commit)
    with store.start_archive(commit, "p/", "tar") as child:
        archive = process.wait_for_child(child).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = {member.name: tar.extractfile(member) for member in tar if member.isreg()}
    return {name: stream.read().decode() for name, stream in found.items() if stream is not None}


def test_attributes_of_the_user_have_no_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repo(tmp_path / "repo")
    commit = repo.commit({"notes.txt": "kept\n"})
    (tmp_path / "home/.config/git").mkdir(parents=True)
    (tmp_path / "home/.config/git/attributes").write_text("notes.txt export-ignore\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert archived(repo, commit, tmp_path / "shadows") == {"p/notes.txt": "kept\n"}


def test_export_subst_gives_the_same_text_in_every_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Repo(tmp_path / "repo")
    commit = repo.commit({".gitattributes": "version export-subst\n", "version": "$Format:%H %h %d%G?$\n"})
    signed = repo.git("cat-file", "commit", commit).replace(
        "\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n bm9uZQ==\n -----END PGP SIGNATURE-----\n\n", 1
    )
    stored = repo.git("hash-object", "-t", "commit", "-w", "--stdin", input=f"{signed}\n".encode())
    commit = CommitId(stored)
    repo.git("tag", "v1", commit)
    # gpg of this machine has an opinion of the signature, which is not to be asked for.
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "gpg").write_text("#!/bin/sh\ntouch ${0%/*}/asked\n")
    (bin_ / "gpg").chmod(0o755)
    monkeypatch.setenv("PATH", str(bin_), prepend=":")
    version = archived(repo, commit, tmp_path / "shadows")["p/version"]
    assert version.split()[:2] == [commit, commit[:12]]
    assert not (bin_ / "asked").exists()


def test_a_gitmodules_file_does_not_include_files_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text('[submodule "mine"]\n\tpath = mine\n\turl = secret\n')
    repo = Repo(tmp_path / "repo")
    commit = repo.commit(
        {".gitmodules": f"[include]\n\tpath = {tmp_path}/mine\n" + gitmodules({"a": "../a"})}
    )
    store = ObjectStore.open_borrowed(
        repo.path / ".git", shadows=tmp_path / "shadows", origin="a test", commit=commit
    )
    assert read_gitmodules(store, commit) == {"a": ("a", "../a", "")}


@pytest.mark.parametrize("name", ["a:b", 'a"b', "a\\b", "#a", "a\nb", "a b\xfc\udcff"])
def test_a_repository_is_read_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    repo = Repo(tmp_path / name)
    commit = repo.commit({"notes.txt": "kept\n"})
    assert archived(repo, commit, tmp_path / "shadows") == {"p/notes.txt": "kept\n"}


def test_stores_share_one_private_repository_and_not_their_objects(tmp_path: Path) -> None:
    repos = [Repo(tmp_path / name) for name in ("a", "b")]
    commits = [repo.commit({"file": repo.path.name}) for repo in repos]
    stores = [
        ObjectStore.open_borrowed(
            repo.path / ".git", shadows=tmp_path / "shadows", origin="a test", commit=commit
        )
        for repo, commit in zip(repos, commits)
    ]
    assert [folder.name for folder in (tmp_path / "shadows").iterdir()] == ["sha1"]
    has = [[store.has_commit_object(commit) for commit in commits] for store in stores]
    assert has == [[True, False], [False, True]]
    joined = stores[0].join(stores[1:], shadows=tmp_path / "shadows", commit=commits[0])
    assert all(joined.has_commit_object(commit) for commit in commits)


def test_one_process_reads_a_commit_and_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repo(tmp_path / "repo")
    commit = repo.commit({"a": "1\n", "b": "2\n"})
    store = ObjectStore.open_borrowed(
        repo.path / ".git", shadows=tmp_path / "s", origin="a test", commit=commit
    )
    oids = [entry.oid for entry in store.read_tree(commit)]
    assert store.read_blobs(oids, commit=commit) == [b"1\n", b"2\n"]
    monkeypatch.setattr(process, "run", None)  # nothing is run any more
    assert store.read_commit_time(commit) == int(repo.git("show", "--no-patch", "--format=%ct", commit))
    assert store.has_tree(commit) and len(store.read_tree(commit)) == 2


def test_a_clone_without_a_folder_of_the_commit_is_incomplete(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    commit = repo.commit({"folder/file": "1\n"})
    tree = repo.git("rev-parse", f"{commit}:folder")
    (repo.path / ".git/objects" / tree[:2] / tree[2:]).unlink()
    store = ObjectStore.open_borrowed(
        repo.path / ".git", shadows=tmp_path / "s", origin="a test", commit=commit
    )
    assert store.has_commit_object(commit) and not store.has_tree(commit)
    with pytest.raises(InputError, match="git fsck"):
        store.read_tree(commit)


@pytest.mark.parametrize("left_out", ["tree:0", "blob:none"])
def test_what_a_partial_clone_lacks_has_advice_that_completes_it(tmp_path: Path, left_out: str) -> None:
    remote = Repo(tmp_path / "remote")
    remote.git("config", "uploadpack.allowFilter", "true")
    first, second = (remote.commit({"folder/file": text}) for text in ("1\n", "2\n"))
    clone = tmp_path / "clone"
    words = ["git", "clone", "--quiet", f"--filter={left_out}", remote.path.as_uri(), str(clone)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)

    def open_clone() -> ObjectStore:
        return ObjectStore.open_borrowed(
            clone / ".git", shadows=tmp_path / "shadows", origin=str(clone), commit=first
        )

    def read(store: ObjectStore) -> list[bytes]:
        assert store.find_last_change(second, "folder") == second
        return store.read_blobs([entry.oid for entry in store.read_tree(first)])

    with pytest.raises(InputError) as caught:
        read(open_clone())
    advice = "it is a partial clone; complete it: "
    assert caught.value.todo == f"{advice}git -C {clone} fetch --refetch --no-filter"
    part = ArchivePart(store=open_clone(), commit=first, folder="")
    with pytest.raises(InputError, match="git archive exited with") as failed:
        write_archive([part], prefix="p/", format=".tar", output=tmp_path / "x.tar", budget=WriteBudget())
    assert failed.value.todo == caught.value.todo
    subprocess.run(caught.value.todo.removeprefix(advice).split(), check=True, stdin=subprocess.DEVNULL)
    assert read(open_clone()) == [b"1\n"]
