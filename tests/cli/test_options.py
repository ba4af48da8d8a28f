"""Options that several verbs share mean the same everywhere."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from altai_build.cli.options import (
    dependants_option,
    json_option,
    markdown_option,
    rev_option,
    selection_options,
    wait_option,
)


@click.command()
@selection_options
@dependants_option
@wait_option
@markdown_option
@json_option
def command(**values: object) -> None:
    click.echo(sorted(values.items()))


def run(*words: str) -> str:
    result = CliRunner().invoke(command, list(words))
    return result.output if result.exit_code == 0 else f"{result.exit_code}"


def test_defaults() -> None:
    expected = {
        "as_json": False,
        "changed_since": None,
        "components": (),
        "dependants": None,
        "markdown": False,
        "rev": "HEAD",
        "wait": 0.0,
        "worktree": False,
    }
    assert run() == f"{sorted(expected.items())}\n"


def test_values() -> None:
    shown = run("nova", "glance", "--rev", "v1", "--changed-since", "v0", "--wait", "1.5", "--json")
    for value in (
        "('nova', 'glance')",
        "('rev', 'v1')",
        "('changed_since', 'v0')",
        "1.5",
        "('as_json', True)",
    ):
        assert value in shown


@pytest.mark.parametrize("words", [("--dependants", "always"), ("--wait", "soon"), ("--jsn",)])
def test_wrong_values_are_refused(words: tuple[str, ...]) -> None:
    assert run(*words) == "2"


def test_the_revision_is_the_same_option_wherever_it_is_used() -> None:
    single = rev_option(lambda rev: None)
    (alone,) = single.__click_params__  # type: ignore[attr-defined]
    (shared,) = (option for option in command.params if option.name == "rev")
    assert alone.to_info_dict() == shared.to_info_dict()
