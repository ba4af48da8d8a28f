"""What to type next, and what a terminal has lines for."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.cli.run_end import choose_shown, describe_fix, format_command
from altai_build.model.build import BuildResult, FailureKind
from altai_build.model.component_status import ComponentStatus
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


def test_a_package_that_nothing_provides_has_a_hint_where_all_failures_are_of_that_kind(
    tmp_path: Path,
) -> None:
    def fail(failure: FailureKind, log: Path | None = None) -> BuildResult:
        return BuildResult("a", "c" * 40, ComponentStatus.FAILED, "why", failure=failure, log=log)

    lacking = fail(FailureKind.DEPENDENCIES)
    assert describe_fix([lacking, lacking]).startswith("BuildRequires of the spec, or add what provides it: ")
    for other in (fail(FailureKind.BUILD), fail(FailureKind.DEPENDENCIES, tmp_path)):
        assert describe_fix([lacking, other]) == ""


def test_a_short_table_has_all_that_went_wrong_and_the_first_others() -> None:
    numbers = list(range(200))
    assert choose_shown(numbers, lambda number: False, 20) == numbers[:20]
    assert choose_shown(numbers[:20], lambda number: False, 20) == numbers[:20]
    assert choose_shown(numbers, lambda number: 100 <= number < 130, 20) == numbers[100:130]
    assert choose_shown(numbers, lambda number: number in (0, 150), 20) == [*range(19), 150]
    assert choose_shown(numbers, lambda number: number == 7, -3) == [7]
