"""Notices of tools reach everybody who listens."""

from __future__ import annotations

import pytest

from altai_build.tools import notices


def test_every_listener_gets_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "_listeners", [])
    monkeypatch.setattr(notices, "_information_listeners", [])
    information: list[str] = []
    first: list[str] = []
    second: list[str] = []
    notices.notify("nobody listens")
    notices.on_notice(first.append, information.append)
    notices.on_notice(second.append, information.append)
    notices.notify("it is made again")
    assert first == second == ["it is made again"]
    notices.inform("it is older")
    assert information == ["it is older"] * 2 and len(first) == 1
