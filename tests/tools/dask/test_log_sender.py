"""What a build prints goes to its run piece by piece; the build ends when the run is over or gone for long."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from altai_build.errors import UnreachableError
from altai_build.tools.dask.file_client import JobIsOver
from altai_build.tools.dask.log_sender import LogSender


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("altai_build.tools.dask.log_sender.PERIOD", 0.005)


def test_the_log_is_sent_once_and_in_order(tmp_path: Path) -> None:
    pieces: list[bytes] = []
    cut, done = [UnreachableError("cut"), UnreachableError("cut")], threading.Event()

    def send(piece: bytes) -> None:
        if piece and cut:
            raise cut.pop()
        pieces.append(piece)
        if b"".join(pieces) == b"one\n" and not (tmp_path / "more").exists():
            (tmp_path / "more").touch()
            with open(tmp_path / "build.log", "ab") as stream:
                stream.write(b"two\n")
        if b"".join(pieces) == b"one\ntwo\n":
            done.set()

    (tmp_path / "build.log").write_bytes(b"one\n")
    with LogSender(tmp_path, send, on_end=pytest.fail) as sender:
        assert done.wait(30)
    sender.raise_if_ended()
    assert cut == []


@pytest.mark.parametrize("error", [JobIsOver(), UnreachableError("gone")])
def test_a_run_that_is_over_or_gone_ends_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("altai_build.tools.dask.log_sender.PATIENCE", 0.02)
    ended = threading.Event()

    def send(piece: bytes) -> None:
        raise error

    with LogSender(tmp_path, send, on_end=ended.set) as sender:
        assert ended.wait(30)
    with pytest.raises(type(error)):
        sender.raise_if_ended()
