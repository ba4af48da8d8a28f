"""Connections that are too slow, or whose run was interrupted, are broken off."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from altai_build.tools import process
from altai_build.tools.http import least_rate
from altai_build.tools.http.least_rate import LeastRate


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    with ours, theirs:
        yield ours


def test_a_silent_connection_ends(connection: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(least_rate, "WINDOW", 0.1)
    with LeastRate() as rate:
        rate.add(connection)
        assert connection.recv(1) == b""
    assert rate.reason == "the server sent less than 1000 bytes a second for 0.1 seconds"


def test_a_repository_may_have_another_rate(
    connection: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(least_rate, "WINDOW", 0.02)
    with LeastRate(0) as patient, LeastRate(1) as rate:
        rate.add(connection)
        assert connection.recv(1) == b""
    assert rate.reason == "the server sent less than 1 bytes a second for 0.02 seconds"
    assert patient.reason == ""


def test_a_server_that_stays_just_above_the_least_rate_has_no_endless_time(
    connection: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(least_rate, "WINDOW", 0.3)
    monkeypatch.setattr(least_rate, "PATIENCE", 0.1)
    rate = LeastRate()
    # Twice what is asked for within the window.
    rate.count(605)
    with rate:
        rate.add(connection)
        assert connection.recv(1) == b""
    assert rate.reason == "the server sent less than 10000 bytes a second on average, after 0.17 seconds"


def test_nothing_is_watched_after_the_last_byte(
    connection: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(least_rate, "WINDOW", 0.02)
    with LeastRate() as rate:
        rate.end()
        rate.add(connection)
        threading.Event().wait(0.1)
        assert rate.reason == ""


def test_a_connection_that_is_opened_too_late_ends_at_once(
    connection: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a look-up of the server's name that took longer than the window."""
    monkeypatch.setattr(least_rate, "WINDOW", 0.02)
    with LeastRate() as rate:
        while not rate.reason:
            threading.Event().wait(0.005)
        rate.add(connection)
        assert connection.recv(1) == b""


def test_an_interrupted_run_does_not_wait_for_a_server(
    connection: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = threading.Event()
    stopped.set()
    monkeypatch.setattr(process, "_stopping", stopped)
    with LeastRate() as rate:
        rate.add(connection)
        assert connection.recv(1) == b""
    assert rate.reason == "the run was interrupted"
