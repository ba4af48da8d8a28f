"""What to type next, and what a terminal has lines for."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.cli.run_end import format_command
from tests.kit.cli import make_app


def test_a_command_has_the_options_with_which_it_does_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PWD", str(tmp_path))
    assert format_command(make_app(tmp_path), "log", "nova") == "altai-build log nova"
    assert format_command(make_app(tmp_path), "log", "a $(b)") == "altai-build log 'a $(b)'"
    app = make_app(tmp_path / "other", config_file="r.yaml", workspace_dir="/w s")
    expected = f"altai-build -C {tmp_path}/other --config r.yaml --workspace '/w s' log nova"
    assert format_command(app, "log", "nova") == expected
