"""A worker's files: each arrives once, damaged ones arrive again, the oldest go first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.dask.messages import FileReference
from altai_build.tools.dask.store import FileStore
from tests.kit.clusters import refer


class Source:
    """Counts what is received."""

    def __init__(self) -> None:
        self.received: list[str] = []

    def receive(self, reference: FileReference, path: Path) -> None:
        self.received.append(reference.sha256)
        path.write_bytes(next(data for data in CONTENTS if refer(data) == reference))


CONTENTS = (b"one", b"three", b"eleven")


def get(store: FileStore, data: bytes, source: Source) -> Path:
    with store.hold() as find:
        return find(refer(data), source.receive)


def test_a_file_arrives_once(tmp_path: Path) -> None:
    store, source = FileStore(tmp_path / "store", 1000), Source()
    paths = [get(store, b"one", source) for _ in range(2)]
    assert paths[0] == paths[1] and paths[0].read_bytes() == b"one" and len(source.received) == 1
    paths[0].chmod(0o644)
    paths[0].write_bytes(b"ONE")
    assert get(store, b"one", source).read_bytes() == b"one" and len(source.received) == 2


def test_what_could_not_be_received_leaves_nothing(tmp_path: Path) -> None:
    def fail(reference: FileReference, path: Path) -> None:
        path.write_bytes(b"half")
        raise InputError("other bytes")

    store = FileStore(tmp_path / "store", 1000)
    with pytest.raises(InputError), store.hold() as find:
        find(refer(b"one"), fail)
    assert list((tmp_path / "store").glob("[!.]*/*")) == []
    assert get(store, b"one", Source()).read_bytes() == b"one"


def test_what_was_not_used_for_the_longest_time_goes_first(tmp_path: Path) -> None:
    store, source = FileStore(tmp_path / "store", 10), Source()
    for age, data in enumerate(CONTENTS):
        os.utime(get(store, data, source), (1000 - age, 1000 - age))
    assert store.prune() == 8
    assert store.prune() == 8
    for data in (b"one", b"three"):
        get(store, data, source)
    assert source.received == [refer(data).sha256 for data in CONTENTS]


def test_what_a_job_uses_stays(tmp_path: Path) -> None:
    store, source = FileStore(tmp_path / "store", 0), Source()
    with store.hold() as one, store.hold() as two:
        path = one(refer(b"one"), source.receive)
        with store.hold() as third:
            third(refer(b"one"), source.receive)
        two(refer(b"three"), source.receive)
        assert store.prune() == 8 and path.read_bytes() == b"one"
    assert store.prune() == 0 and not path.exists()
