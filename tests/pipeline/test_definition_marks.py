"""`doctor` lists the marks that `init` left."""

from __future__ import annotations

from pathlib import Path

from altai_build.config import default_config, load_config
from altai_build.model.doctor import CheckStatus
from altai_build.pipeline.definition_marks import check_marks
from tests.kit.superprojects import DEFINITION


def test_each_mark_is_a_warning_with_its_line_and_fix(tmp_path: Path) -> None:
    (tmp_path / "repos.yaml").write_text(f"# guess: x\n{DEFINITION}# TODO: y\n")
    (tmp_path / "mock-configs").mkdir()
    (tmp_path / "mock-configs" / "m.cfg").write_text("\n# TODO: z\n")
    found = check_marks(load_config(tmp_path / "repos.yaml"))
    assert [(one.check, one.found) for one in found] == [
        ("repos.yaml, line 1", "guess: x"),
        (f"repos.yaml, line {DEFINITION.count(chr(10)) + 2}", "TODO: y"),
        ("m.cfg, line 2", "TODO: z"),
    ]
    assert all(one.status is CheckStatus.WARNING and one.todo and not one.exit_code for one in found)


def test_without_marks_or_definition_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "repos.yaml").write_text(DEFINITION)
    assert check_marks(load_config(tmp_path / "repos.yaml")) == []
    assert check_marks(default_config(tmp_path)) == []
