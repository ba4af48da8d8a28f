"""Options that several verbs share mean the same everywhere."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from altai_build.cli.app import App
from altai_build.cli.main import VERBS
from altai_build.cli.options import (
    dependants_option,
    json_option,
    key_option,
    markdown_option,
    name_component,
    rev_option,
    selection_options,
    wait_option,
)
from altai_build.errors import InputError
from tests.kit.cli import make_app


@click.command()
@key_option
@click.pass_obj
def reads_keys(app: App, keys: tuple[str, ...]) -> None:
    click.echo(keys)


def test_the_name_of_a_key_is_answered_with_its_file(tmp_path: Path) -> None:
    definition = tmp_path / "repos.yaml"
    definition.write_text(
        "project: p\ntargets: {t: {mock_config: m, arch: x86_64}}\nkeys: {ours: {file: a key, signs: true}}\n"
        "repositories: {r: {source: superproject, target: t, key: ours}}\n"
        "release: {directory: releases, baseurl: 'https://repo.example.org'}\n"
    )
    app = make_app(tmp_path, config_file=str(definition))
    for name in ("ours", "ouers"):
        result = CliRunner().invoke(reads_keys, ["--key", name], obj=app)
        assert isinstance(result.exception, InputError)
        assert f"perhaps --key '{tmp_path}/a key', which is the key ours" in str(result.exception)
    # What may be a path, and what is similar to no name, is left to those who read the file.
    assert CliRunner().invoke(reads_keys, ["--key", "./ours", "--key", "other.pub"], obj=app).exit_code == 0
    definition.write_text("[")
    assert CliRunner().invoke(reads_keys, ["--key", "ours"], obj=app).exit_code == 0


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


def test_the_help_of_changed_since_names_all_that_decides_and_what_it_cannot_do() -> None:
    help_text = " ".join(run("--help").split())
    (described,) = re.findall(r"--changed-since REV (.*?) --", help_text)
    for part in (
        "commit",
        "files",
        "settings in repos.yaml",
        "mock configuration",
        "depend on them",
        "shallow clone",
    ):
        assert part in described


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


def test_a_folder_as_a_shell_completes_it_is_a_component(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "super" / "repos" / "nova"
    below.mkdir(parents=True)
    root = str(tmp_path / "super")
    monkeypatch.chdir(root)
    for typed in ("repos/nova", "./repos/nova", "repos/nova/", f"{root}/repos/nova", "repos//nova"):
        assert name_component(typed, root) == "repos/nova"
    assert name_component("repos/not-cloned/", root) == "repos/not-cloned"
    assert (name_component("nova", root), name_component(".", root)) == ("nova", ".")
    monkeypatch.chdir(below)
    assert name_component(".", root) == name_component("../nova/", root) == "repos/nova"
    assert name_component("repos/nova", root) == "repos/nova", "as it is written from the root"
    assert name_component("/usr", root) == "/usr"


def test_a_component_may_be_a_folder_for_every_command_that_takes_one() -> None:
    callbacks = {
        verb: param.callback
        for verb, module in VERBS.items()
        for param in getattr(
            importlib.import_module(f"altai_build.cli.{module}"), verb.replace("-", "_")
        ).params
        if isinstance(param, click.Argument) and param.name in ("component", "components")
    }
    assert callbacks.keys() >= {"build", "explain", "plan", "rebuild", "srpm"}
    assert [verb for verb, callback in callbacks.items() if callback is None] == []


@pytest.mark.parametrize("seconds", ["nan", "-1"])
def test_a_wait_without_a_time_is_refused(seconds: str) -> None:
    answer = CliRunner().invoke(command, ["--wait", seconds])
    assert answer.exit_code == 2 and "Invalid value for '--wait'" in answer.output
