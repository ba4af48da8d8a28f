"""The list of a cache: which files it may name, in which units, and what is left out for want of space."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from altai_build.model.job_cache import (
    CachedFile,
    CacheIndex,
    CacheKind,
    choose_units,
    get_kind,
    get_named_digest,
    parse_index,
)

A, B = "a" * 64, "b" * 64


def cached(path: str, size: int = 10, used: int = 1) -> CachedFile:
    return CachedFile(path=path, sha256=B, size=size, used=used)


@pytest.mark.parametrize(
    ("path", "kind", "digest"),
    [
        (f"builds/{A}/nova-1.0~rc1-1.el9.noarch.rpm", CacheKind.BUILD, None),
        (f"srpms/{A}/libstdc++-1-1.src.rpm", CacheKind.SRPM, None),
        (f"roots/base/{'c' * 40}.tar.zst", CacheKind.ROOT, None),
        ("needs.json", CacheKind.NEEDS, None),
        (f"cache/packages/aa/{A}/x.rpm", CacheKind.PACKAGE, A),
        (f"cache/sources/aa/{A}/x-1.tar.gz", CacheKind.SOURCE, A),
        (f"packages/aa/{A}/x.rpm", CacheKind.LOCKED, A),
        (f"cache/metadata/{'d' * 24}/{A}-primary.xml.gz", CacheKind.METADATA, A),
        (f"git/mirrors/{'d' * 24}.bundle", CacheKind.MIRROR, None),
    ],
)
def test_each_kind_has_its_paths(path: str, kind: CacheKind, digest: str | None) -> None:
    assert (get_kind(path), get_named_digest(path)) == (kind, digest)
    signed = kind in (CacheKind.BUILD, CacheKind.SRPM, CacheKind.ROOT, CacheKind.NEEDS)
    assert kind.is_trusted_by_signature is signed


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../needs.json",
        f"builds/{A}/../../gnupg/x",
        f"builds/{A}/.hidden",
        f"builds/{A}/-rf",
        f"builds/{A}/a/b",
        f"builds/{A}/a\n",
        f"builds/{A}",
        f"builds/{A.upper()}/x",
        "gnupg/secring.gpg",
        "ledger.jsonl",
        "cache/mock-configs/x",
        "cache/keys/x",
        "cache/solv/x",
        f"cache/metadata/{'d' * 24}/repomd.xml",
        f"git/mirrors/{'d' * 24}.git",
        "cache.json",
    ],
)
def test_other_paths_are_those_of_no_cache(path: str) -> None:
    assert get_kind(path) is None and get_named_digest(path) is None
    with pytest.raises(ValueError, match="which no cache has"):
        parse_index(CacheIndex((cached(path),), ()).dump())


def test_a_list_is_read_as_it_was_written_and_damage_is_refused() -> None:
    index = CacheIndex((cached("needs.json"), cached(f"builds/{A}/x.rpm")), ({"kind": "build"},))
    assert parse_index(index.dump()) == index
    document = json.loads(index.dump())
    first = document["files"][0]
    damaged: object
    for damaged in (
        [],
        {},
        {**document, "format": 2},
        {**document, "files": None},
        {**document, "files": [first, first]},
        {**document, "records": ["x"]},
        *(
            {**document, "files": [{**first, **wrong}]}
            for wrong in (
                {"size": -1},
                {"size": True},
                {"size": 1 << 60},
                {"used": "now"},
                {"sha256": "x"},
                {"sha256": None},
                {"path": 7},
                {"path": None},
            )
        ),
    ):
        with pytest.raises(ValueError):
            parse_index(json.dumps(damaged).encode())
    for raw in (b"", b"\xff", b"{", b"[" * 100_000):
        with pytest.raises(ValueError):
            parse_index(raw)


def test_what_was_used_last_is_kept_and_units_are_whole() -> None:
    files = (
        cached(f"builds/{A}/x.rpm", 30, used=5),
        cached(f"builds/{A}/build.log", 30, used=5),
        cached(f"builds/{B}/y.rpm", 20, used=9),
        cached(f"cache/packages/aa/{A}/x.rpm", 50, used=1),
    )
    units = CacheIndex(files, ()).list_units()
    assert [(unit.name, unit.size, unit.used) for unit in units] == [
        (f"builds/{B}", 20, 9),
        (f"builds/{A}", 60, 5),
        (f"cache/packages/aa/{A}/x.rpm", 50, 1),
    ]
    chosen, left_out = choose_units(units, 79)
    assert (chosen, left_out) == ([units[0], units[2]], [units[1]])
    assert choose_units(units, 130) == (units, [])


def test_the_key_is_that_of_the_content() -> None:
    index = CacheIndex((cached("needs.json"), cached(f"builds/{A}/x.rpm")), ())
    used_later = CacheIndex(tuple(replace(file, used=99) for file in reversed(index.files)), ({},))
    assert index.compute_key() == used_later.compute_key()
    changed = CacheIndex((replace(index.files[0], sha256=A), index.files[1]), ())
    assert index.compute_key() != changed.compute_key()
