"""Each reader of what others wrote answers hostile inputs, or refuses them, in bounded time and memory.

The inputs are the same in each run; `scripts/fuzz` tries others.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from altai_build.errors import AltaiError
from tests.kit import fuzz
from tests.kit.fuzz import Reader, check_reader, make_readers, try_reader

READERS = (
    "build log", "commit", "compressed metadata", "comps", "coverage", "definition", "filelists", "first steps",
    "gitmodules", "json", "key", "ledger", "lock", "manifest", "metalink", "mock configuration", "modules",
    "outcomes", "own lists", "package", "package signatures", "primary", "provenance", "python archives", "repomd",
    "signature", "sources", "spec", "suite files", "test lock", "test results", "texts", "tree",
)  # fmt: skip


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Reader]:
    return make_readers(tmp_path_factory.mktemp("readers"))


def test_every_reader_has_a_test_and_reads_its_valid_inputs(
    readers: Mapping[str, Reader], tmp_path: Path
) -> None:
    assert set(readers) == set(READERS)
    for name, reader in readers.items():
        for number, data in enumerate(reader.seeds):
            place = tmp_path / f"{name} {number}"
            place.mkdir()
            reader.read(data, place)


@pytest.mark.parametrize("name", READERS)
def test_hostile_input_is_answered_or_refused(readers: Mapping[str, Reader], name: str) -> None:
    try_reader(readers[name], examples=max(3, readers[name].rate // 2))


def spin(data: bytes, folder: Path) -> None:
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass


def fail_as_ours(data: bytes, folder: Path) -> None:
    raise AltaiError("without an exit code of its own")


def grow(data: bytes, folder: Path) -> None:
    bytearray(200 << 20)


@pytest.mark.parametrize(
    ("read", "limit", "why"),
    [
        (spin, ("SECONDS", 0.2), "seconds of CPU time"),
        (grow, ("BYTES", 1 << 20), "MiB"),
        (fail_as_ours, ("SECONDS", 60), "without an exit code"),
    ],
)
def test_the_check_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: fuzz.Read, limit: tuple[str, float], why: str
) -> None:
    monkeypatch.setattr(fuzz, *limit)
    with pytest.raises(AssertionError, match=why):
        check_reader(Reader(read, (b"",)), b"", tmp_path)


def test_the_check_passes_on_what_is_not_ours(tmp_path: Path) -> None:
    def crash(data: bytes, folder: Path) -> None:
        raise KeyError(data)

    with pytest.raises(KeyError):
        check_reader(Reader(crash, (b"",)), b"x", tmp_path)
