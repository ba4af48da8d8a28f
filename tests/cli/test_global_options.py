"""The options of every verb, before and after it."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from altai_build.cli.global_options import accept_global_options
from altai_build.cli.main import VERBS, cli
from tests.kit.cli import altai_build
from tests.kit.superprojects import World, make_files


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.component("repos/focus", make_files("focus"))
    world.pin()
    return world


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize(
    "options",
    [
        ["-C", "super"],
        ["--directory", "super"],
        ["--directory=super", "--quiet", "--jobs", "1"],
        ["-qC", "super"],
    ],
)
def test_the_directory_is_named_before_or_after_the_verb(
    world: World, options: list[str], place: str
) -> None:
    words = [*options, "changed", "--json"] if place == "before" else ["changed", "--json", *options]
    answer = altai_build(*words, cwd=world.folder)
    assert (answer.code, answer.err) == (0, "")
    assert [row["path"] for row in answer.json] == ["repos/focus"]


def test_commands_are_printed_with_verbose_after_the_verb(world: World) -> None:
    answer = altai_build("changed", "--verbose", cwd=world.super.path)
    assert answer.code == 0 and "git" in answer.err
    assert "git" not in altai_build("changed", cwd=world.super.path).err


def test_relative_paths_start_at_the_directory_wherever_it_is_named(world: World) -> None:
    for words in (["srpm", "-o", "out", "-C", "super"], ["-C", "super", "srpm", "-o", "out"]):
        answer = altai_build(*words, cwd=world.folder)
        assert answer.code == 0, answer.err
        assert len(list((world.super.path / "out").glob("*.src.rpm"))) == 1
    assert not (world.folder / "out").exists()


def test_a_wrong_value_after_the_verb_is_refused(world: World) -> None:
    for words in (["--jobs", "0"], ["--builder", "nobody"], ["--max-download", "many"]):
        answer = altai_build("changed", *words, cwd=world.super.path)
        assert answer.code == 2 and words[1] in answer.err


def test_every_option_can_come_from_the_environment_and_counts_less_than_on_the_command_line(
    world: World,
) -> None:
    settings = {"DIRECTORY": "super", "QUIET": "1", "JOBS": "1", "VERBOSE": "false", "BUILDER": "chroot"}
    env = {f"ALTAI_BUILD_{name}": value for name, value in settings.items()}
    answer = altai_build("changed", "--json", cwd=world.folder, env=env)
    assert (answer.code, answer.err, len(answer.json)) == (0, "", 1)
    wrong = {**env, "ALTAI_BUILD_JOBS": "", "ALTAI_BUILD_CONFIG": "../none.yaml"}
    (world.folder / "none.yaml").write_text("[")
    assert altai_build("changed", cwd=world.folder, env=wrong).code == 3
    for words in (("-C", "super", "changed"), ("changed", "-C", "super")):
        assert altai_build(*words, "--config=", cwd=world.folder, env=wrong).out.startswith(
            "added\trepos/focus"
        )
    refused = altai_build("-C", ".", "changed", "--jobs", "0", cwd=world.folder, env=env)
    assert refused.code == 2 and "ALTAI_BUILD" not in refused.err


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("JOBS", "many\x1b[2J", "is not a valid integer"),
        ("JOBS", "0", "0 is not in the range"),
        ("QUIET", "perhaps", "is not a valid boolean"),
        ("DEBUG", "\udcff", "is not a valid boolean"),
        ("BUILDER", "$(reboot)", "is not one of auto"),
        ("MAX_DOWNLOAD", "-1G", "is not"),
        ("DIRECTORY", "no\nwhere", "is not a folder"),
        ("CONFIG", "nothing.yaml", "is not a file"),
        ("WORKSPACE", "/dev/null", "is not a folder"),
    ],
)
def test_a_wrong_value_in_the_environment_is_refused_by_the_name_of_its_variable(
    tmp_path: Path, name: str, value: str, why: str
) -> None:
    refused = altai_build("changed", "--json", cwd=tmp_path, env={f"ALTAI_BUILD_{name}": value})
    assert refused.code == 2 and refused.err.replace("\n", "").isprintable()
    what = refused.json["error"]["what"]
    assert f"ALTAI_BUILD_{name} in the environment" in what and why in what


def test_every_verb_takes_every_option_once() -> None:
    def check(command: click.Command) -> None:
        if isinstance(command, click.Group):
            for below in command.commands.values():
                check(below)
        names = [name for parameter in command.params for name in parameter.opts]
        assert len(names) == len(set(names)), command.name
        assert {
            "--quiet",
            "--verbose",
            "--directory",
            "--jobs",
            "--config",
            "--workspace",
            "--max-download",
        } <= set(names)

    for verb in VERBS:
        command = cli.get_command(click.Context(cli), verb)
        again = cli.get_command(click.Context(cli), verb)
        assert command is not None and command is again
        check(command)
        accept_global_options(command)
        check(command)


def test_a_mistyped_verb_is_suggested(world: World) -> None:
    answer = altai_build("chnaged", cwd=world.super.path)
    assert answer.code == 2 and "Did you mean changed?" in answer.err
    assert "Did you mean" not in altai_build("xyzzy", cwd=world.super.path).err


def test_a_directory_that_was_removed_is_no_bug(tmp_path: Path) -> None:
    program = (
        "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); "
        "sys.argv[1:] = ['changed']; from altai_build.cli.main import main; main()"
    )
    answer = altai_build(cwd=tmp_path, program=("-c", program))
    assert answer.code == 3
    assert "cannot work in the current directory\nNo such file or directory: it was removed" in answer.err
