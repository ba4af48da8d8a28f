"""What a failure prints for programs that asked for JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from altai_build.cli.json_errors import wants_json
from tests.kit.cli import altai_build
from tests.kit.superprojects import DEFINITION, World, make_files


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["changed", "--json"], 3),
        (["plan", "--json"], 3),
        (["build", "--json", "--no-such-option"], 2),
        (["biuld", "--json"], 2),
        (["-C", "nowhere", "plan", "--json"], 3),
        (["plan", "--json", "--config", "nothing.yaml"], 3),
    ],
)
def test_every_failure_is_one_json_object_and_text_on_stderr(
    tmp_path: Path, words: list[str], code: int
) -> None:
    answer = altai_build(*words, cwd=tmp_path)
    assert answer.code == code
    document = answer.json
    error = document["error"]
    assert set(error) == {"code", "what", "why", "todo", "documentation"}
    assert error["code"] == code and error["what"] and error["todo"]
    assert document["schema_version"] == 1
    page, _, anchor = error["documentation"].partition("#")
    assert page == "docs/troubleshooting.md" and (code == 2 or anchor.startswith(f"exit-{code}-"))
    assert error["what"] in answer.err


def test_without_json_nothing_is_on_stdout(tmp_path: Path) -> None:
    answer = altai_build("plan", cwd=tmp_path)
    assert (answer.code, answer.out) == (3, "") and "What to do" in answer.err


def test_a_result_that_says_what_failed_is_the_only_document(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.component("repos/focus", make_files("focus", version="%{nil}"))
    world.pin()
    (world.super.path / "repos.yaml").write_text(DEFINITION)
    answer = altai_build("srpm", "--json", cwd=world.super.path)
    assert answer.code == 3
    assert [row["status"] for row in json.loads(answer.out)] == ["failed"]


def test_an_argument_named_json_is_no_option() -> None:
    assert wants_json(["plan", "--json"])
    assert not wants_json(["plan", "--", "--json"])
