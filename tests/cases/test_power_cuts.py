"""What a command has reported as done is still there, complete, after a power cut at the moment when it ends."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from altai_build.ledger import Artefact, Ledger, Record
from altai_build.model.checksum import Sha256
from altai_build.model.gitlink import CommitId
from altai_build.stages.fetch import PackageStore
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.chroot.roots import RootCache
from altai_build.tools.files import sha256_file, write_atomically
from altai_build.tools.git.mirror import fetch_mirror
from altai_build.tools.git.tags import format_tag, read_tag, write_tag
from altai_build.tools.output_directory import copy_all_into
from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.solver.pool import PackagePool
from tests.conftest import Require
from tests.kit.cli import altai_build
from tests.kit.git import Repo
from tests.kit.power import Disk, make_disk
from tests.kit.repositories import Package, make_repository

CONFIG = """\
project: altai
targets: {t: {mock_config: m, arch: x86_64}}
keys: {ours: {file: keys/ours, signs: true}}
repositories: {r: {source: superproject, target: t, key: ours}}
release: {baseurl: "https://example.org"}
"""
RECORD = Record(
    kind="srpm",
    key="1",
    component="x",
    commit="a" * 40,
    inputs=(("a", "b"),),
    artefacts=(Artefact(file="x", sha256="b" * 64, size=1),),
    seconds=1.0,
)


@pytest.fixture
def disk(require: Require, tmp_path: Path) -> Iterator[Disk]:
    require(os.geteuid() == 0, "mounting needs root")
    try:
        disk = make_disk(tmp_path / "power")
        opened = disk.__enter__()
    except subprocess.CalledProcessError as error:
        require(False, f"no loop devices: {error.stderr!r}")
        raise
    yield opened
    disk.__exit__(None, None, None)


def test_the_disk_of_these_tests_loses_what_was_not_flushed(disk: Disk) -> None:
    (disk.top / "flushed").write_bytes(b"1" * 9000)
    subprocess.run(["sync", "--file-system", str(disk.top)], check=True)
    (disk.top / "not flushed").write_bytes(b"2" * 9000)
    after = disk.cut_power()
    assert (after / "flushed").read_bytes() == b"1" * 9000
    assert not (after / "not flushed").exists()


def write_deep_file(top: Path, _source: Path) -> Callable[[Path], object]:
    write_atomically(top / "deep/er/file", b"content")
    return lambda after: (after / "deep/er/file").read_bytes() == b"content"


def copy_to_output(top: Path, source: Path) -> Callable[[Path], object]:
    files = [source / name for name in ("a", "b")]
    for file in files:
        file.write_text(f"text of {file.name}\n")
    copies = copy_all_into(files, top / "out/put")
    assert copies == [top / "out/put/a", top / "out/put/b"]
    return lambda after: (
        [(after / "out/put" / name).read_text() for name in "ab"]
        == [
            "text of a\n",
            "text of b\n",
        ]
    )


def append_record(top: Path, _source: Path) -> Callable[[Path], object]:
    Ledger(top / "ledger.jsonl").append(RECORD)
    return lambda after: Ledger(after / "ledger.jsonl").find("srpm", "1") == RECORD


def store_package(top: Path, source: Path) -> Callable[[Path], object]:
    (source / "x.rpm").write_bytes(b"x" * 9000)
    digest = Sha256(sha256_file(source / "x.rpm"))
    PackageStore(top / "packages").add(source / "x.rpm", digest, "x.rpm", link=False)
    stored = PackageStore(Path("packages")).get_path(digest, "x.rpm")
    return lambda after: sha256_file(after / stored) == digest


def tag_a_clone(top: Path, _source: Path) -> Callable[[Path], object]:
    repo = Repo(top / "clone")
    commit = CommitId(repo.commit({"a": "1\n"}))
    subprocess.run(["sync", "--file-system", str(top)], check=True)
    text = format_tag("v1", commit, "T <t@example.org>", 1, "x")
    write_tag(repo.path / ".git", "v1", text)
    return lambda after: read_tag(after / "clone/.git", "v1") == text


def fetch_commit(top: Path, source: Path) -> Callable[[Path], object]:
    """A mirror may be lost, but not be half of one: the next run makes it again."""
    origin = Repo(source / "origin")
    commit = CommitId(origin.commit({"a": "1\n"}))
    fetch_mirror(str(origin.path), mirrors=top / "git", commit=commit)
    return lambda after: fetch_mirror(str(origin.path), mirrors=after / "git", commit=commit)


@pytest.mark.parametrize(
    "work", [write_deep_file, copy_to_output, append_record, store_package, tag_a_clone, fetch_commit]
)
def test_what_was_reported_as_done_survives(
    disk: Disk, tmp_path: Path, work: Callable[[Path, Path], Callable[[Path], object]]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    is_there = work(disk.top, source)
    disk.write_names()
    assert is_there(disk.cut_power())


def test_a_buildroot_that_is_used_for_ever_is_whole(disk: Disk, tmp_path: Path) -> None:
    """Its name is all that later runs look at."""
    content = "0123456789\n" * 10_000
    folder = make_repository(tmp_path / "os", [Package("one", files={"/opt/one": content})])
    pool = PackagePool("x86_64", cache=tmp_path / "solv")
    pool.add_repository(read_local_metadata("os", folder))
    chosen = pool.get_resolved(pool.find_by_name("one")[0])
    roots = RootCache(disk.top / "roots", packages=tmp_path / "packages")
    root = roots.ensure_base(Buildroot(base=(chosen,), extra=()))
    disk.write_names()
    after = disk.cut_power() / root.relative_to(disk.top)
    assert (after / "opt/one").read_text() == content


def test_a_new_signing_key_survives(disk: Disk) -> None:
    (disk.top / "repos.yaml").write_text(CONFIG)
    subprocess.run(["sync", "--file-system", str(disk.top)], check=True)
    made = altai_build("keys", "init", "--no-passphrase", "--algorithm", "ed25519", "--json", cwd=disk.top)
    assert made.code == 0, made.err
    listed = altai_build("keys", "list", "--json", cwd=disk.cut_power())
    assert listed.code == 0, listed.err
    (key,) = listed.json
    assert key["secret"] and key["fingerprint"] == made.json["fingerprint"]
