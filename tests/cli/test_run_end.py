"""What to type next, and what a terminal has lines for."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.cli.run_end import choose_shown, format_command
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


def test_a_short_table_has_all_that_went_wrong_and_the_first_others() -> None:
    numbers = list(range(200))
    assert choose_shown(numbers, lambda number: False, 20) == numbers[:20]
    assert choose_shown(numbers[:20], lambda number: False, 20) == numbers[:20]
    assert choose_shown(numbers, lambda number: 100 <= number < 130, 20) == numbers[100:130]
    assert choose_shown(numbers, lambda number: number in (0, 150), 20) == [*range(19), 150]
    assert choose_shown(numbers, lambda number: number == 7, -3) == [7]
