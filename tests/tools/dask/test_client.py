"""The way to the scheduler: without one the error says what to do; the child holds no key and sees no home."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from altai_build.errors import InputError, UnreachableError
from altai_build.model.cluster import ClusterSettings, TlsFiles
from altai_build.model.limits import Limits
from altai_build.tools import process
from altai_build.tools.dask import client
from altai_build.tools.dask.client import Done, SchedulerClient


def test_no_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CONNECT_TIMEOUT", 0.5)
    with pytest.raises(
        UnreachableError, match=r"the scheduler tcp://127\.0\.0\.1:9 does not answer"
    ) as caught:
        SchedulerClient(ClusterSettings("127.0.0.1:9"), tmp_path)
    assert "`dask scheduler`" in caught.value.todo and "--executor local" in caught.value.todo
    assert (caught.value.why, caught.value.exit_code) == ("Connection refused", 3)


def test_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    tls = TlsFiles(ca=tmp_path / "ca", cert=tmp_path / "cert", key=tmp_path / "key")
    with pytest.raises(InputError, match="ca cannot be read"):
        SchedulerClient(ClusterSettings("tls://127.0.0.1:9", tls=tls), tmp_path)


def test_the_child_sees_neither_keys_nor_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setattr(client, "CHILD", tmp_path / "child.py")
    (tmp_path / "secret").write_text("key")
    (tmp_path / "child.py").write_text(
        f"import os\nfor place in ('/root', '/home', {str(tmp_path)!r}):\n"
        "    print(os.listdir(place) if os.path.isdir(place) else None)\n"
        "print(sorted(os.environ), os.getuid())\n"
    )
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    lines = process.run(client._make_command(temporary)).text.splitlines()
    assert lines[:2] == ["None", "None"] and "secret" not in lines[2]
    assert "GITHUB_TOKEN" not in lines[3] and lines[3].endswith(" 1000")


_PLAYED = """\
import sys, time
sys.stdin.readline()
print('{"event": "workers", "workers": [{"name": "w", "slots": 2, "offers": ["x"]}]}', flush=True)
print(%r, flush=True)
time.sleep(600)
"""


def test_a_scheduler_of_another_release_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    event = '{"event": "other-release", "theirs": "2024.8.0", "ours": "2026.8.0"}'
    (tmp_path / "child.py").write_text(f"import sys\nsys.stdin.readline()\nprint({event!r}, flush=True)\n")
    monkeypatch.setattr(client, "CHILD", tmp_path / "child.py")
    with pytest.raises(InputError, match=r"runs `distributed` 2024\.8\.0, and this machine 2026\.8\.0"):
        SchedulerClient(ClusterSettings("127.0.0.1:9"), tmp_path)


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """A client whose child says this after the workers."""

    def make(line: str) -> SchedulerClient:
        (tmp_path / "child.py").write_text(_PLAYED % line)
        monkeypatch.setattr(client, "CHILD", tmp_path / "child.py")
        return SchedulerClient(ClusterSettings("127.0.0.1:9"), tmp_path)

    return make


def test_events_are_typed(play: object) -> None:
    assert callable(play)
    one = play('{"event": "done", "key": "k", "answer": "{}"}')
    assert isinstance(one, SchedulerClient)
    assert [worker.name for worker in one.workers] == ["w"]
    assert one.take(30) == Done(key="k", answer="{}")
    one.close()


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "scheduler-lost"}',
        '{"event": "exec", "code": "x"}',
        '{"event": "done", "key": 1, "answer": "{}"}',
        '{"event": "done", "key": "k", "answer": "' + "x" * 5000 + '"}',
        '{"event": "done", "key": "k", "answer": "{}", "more": ' + "[" * 100_000,
        '{"event": "failed", "key": "k", "text": "' + "x" * 5000 + '"}',
        "not JSON",
    ],
)
def test_other_events_end_the_connection(play: object, line: str) -> None:
    assert callable(play)
    one = play(line)
    with pytest.raises(UnreachableError, match=r"the connection to the scheduler .* ended") as caught:
        one.take(30)
    assert "what was built until now is reused" in caught.value.todo
    is_said = caught.value.why.startswith("its client sent what is no event: ")
    assert is_said == ("scheduler-lost" not in line) and len(caught.value.why) < 400
    one.close()


def test_a_child_that_says_nothing_is_lost(play: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SILENCE", 0.02)
    assert callable(play)
    one = play('{"event": "done", "key": "k", "answer": "{}"}')
    assert isinstance(one, SchedulerClient) and isinstance(one.take(30), Done)
    assert one.take(0.01) is None
    with pytest.raises(UnreachableError, match="ended") as caught:
        one.take(0.01)
    assert caught.value.why == "nothing was heard of it for 0.02 seconds"
    # It reads nothing either; the pipe holds 64 KiB.
    with pytest.raises(UnreachableError) as caught:
        for _ in range(100):
            one.submit("k", b"x" * 4096, "offer", 0.0)
    assert caught.value.why == "its client has read nothing for 0.02 seconds"
    one.close()


def test_a_child_that_is_killed_is_not_the_scheduler(play: object) -> None:
    assert callable(play)
    one = play('{"event": "done", "key": "k", "answer": "{}"}')
    assert isinstance(one, SchedulerClient) and isinstance(one.take(30), Done)
    os.killpg(one._child.pid, signal.SIGKILL)
    with pytest.raises(UnreachableError) as caught:
        one.take(30)
    assert caught.value.why == "its client, a process of this run, was killed by SIGKILL"
    one.close()


def test_a_child_that_floods_has_to_wait(play: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_MOST_EVENTS", 2)
    assert callable(play)
    one = play("\n".join(['{"event": "done", "key": "k", "answer": "{}"}'] * 10_000))
    assert isinstance(one, SchedulerClient)
    for _ in range(100):
        assert isinstance(one.take(30), Done) and one._events.qsize() <= 2
    one.close()
    one._reader.join(30)
    assert not one._reader.is_alive()


def test_what_a_child_writes_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CHILD", tmp_path / "child.py")
    monkeypatch.setattr(client, "_LIMITS", Limits(processes=None, memory=1 << 30, file=1 << 16))
    (tmp_path / "child.py").write_text("open('/tmp/f', 'wb').write(b'x' * (1 << 17))")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    result = process.run(client._make_command(temporary), ok=process.ANY_END)
    assert b"File too large" in result.stderr and (temporary / "f").stat().st_size == 1 << 16
