"""Notices of tools reach everybody who listens."""

from __future__ import annotations

import pytest

from altai_build.tools import notices


def test_every_listener_gets_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "_listeners", [])
    first: list[str] = []
    second: list[str] = []
    notices.notify("nobody listens")
    notices.on_notice(first.append)
    notices.on_notice(second.append)
    notices.notify("it is made again")
    assert first == second == ["it is made again"]
