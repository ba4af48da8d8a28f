"""Settings of connections: passwords do not leak into texts about them."""

from __future__ import annotations

from altai_build.model.connection import USUAL_CONNECTION, ConnectionSettings


def test_a_password_is_not_part_of_the_text() -> None:
    assert "secret" not in repr(ConnectionSettings(username="me", password="secret"))
    assert ConnectionSettings() == USUAL_CONNECTION
