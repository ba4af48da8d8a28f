"""The cache of libsolv's form of metadata: complete and undamaged, or not used."""

from __future__ import annotations

import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import solv

from altai_build.tools.solver.cache import read_cache, write_cache

# A repository does not keep its pool alive, and crashes without it.
POOLS: list[solv.Pool] = []


def make_repo(*names: str) -> solv.Repo:
    pool = solv.Pool()
    POOLS.append(pool)
    pool.setdisttype(solv.Pool.DISTTYPE_RPM)
    repo = pool.add_repo("test")
    for name in names:
        solvable = repo.add_solvable()
        solvable.name, solvable.evr, solvable.arch = name, "0:1-1", "noarch"
    repo.internalize()
    return repo


@contextmanager
def limited_file_size(size: int) -> Iterator[None]:
    """As a disk that is full after so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names(repo: solv.Repo) -> list[str]:
    return sorted(solvable.name for solvable in repo.solvables)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_cache(make_repo("one", "two"), tmp_path / "cache" / "x.solv")
    repo = make_repo()
    assert read_cache(repo, tmp_path / "cache" / "x.solv") and names(repo) == ["one", "two"]
    assert not read_cache(make_repo(), tmp_path / "cache" / "none.solv")


def test_a_damaged_cache_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "x.solv"
    write_cache(make_repo("one", "two"), path)
    good = path.read_bytes()
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        assert not read_cache(make_repo(), path), place
        path.write_bytes(good[:place])
        assert not read_cache(make_repo(), path), place
    path.write_bytes(good + b"x")
    assert not read_cache(make_repo(), path)


def test_a_cache_that_cannot_be_written_whole_does_not_exist(tmp_path: Path) -> None:
    path = tmp_path / "x.solv"
    repo = make_repo(*(f"{random.getrandbits(64):x}" for _ in range(1000)))
    with limited_file_size(4096):
        write_cache(repo, path)
    assert list(tmp_path.iterdir()) == []
    write_cache(repo, path)
    assert read_cache(make_repo(), path)


def test_a_cache_in_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    write_cache(make_repo("one"), tmp_path / "file" / "x.solv")
    assert (tmp_path / "file").read_text() == ""
