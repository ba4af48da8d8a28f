"""What holds for every command, also for those that are added later: closed pipes, full disks, failures as JSON.

A command that is not in the table is called with --help alone, and has to be a command that nothing can be read with.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from altai_build.cli.main import cli
from altai_build.cli.schema import list_commands
from tests.kit.forked_cli import Answer, Call, call_all
from tests.kit.json_forms import ERROR_SCHEMA, list_form_errors, list_schema_errors
from tests.kit.manifests import component, manifest, package, write_manifests
from tests.kit.superprojects import RELEASE_DEFINITION, World, make_files

# The arguments with which commands print a result here, or say why there is none.
ARGUMENTS = {
    "approve": "{version} --key k",
    "audit": "{version}",
    "bisect": "focus --good HEAD~1 --bad HEAD",
    "build": "focus --against {version}",
    "cache export": "none",
    "cache import": "none",
    "changed": "HEAD~1",
    "channels": "stable",
    "ci": "--against {version} -o none",
    "ci init": "github --dir none",
    "clean": "--dry-run",
    "completion": "bash",
    "deps fetch": "",
    "deps list": "",
    "deps lock": "",
    "deps outdated": "",
    "deps why": "focus",
    "diff": "1.0.0 {version}",
    "doctor": "",
    "explain": "focus --against {version}",
    "init": "--force",
    "keys init": "k",
    "keys list": "",
    "log": "focus {version}",
    "man": "build",
    "notes": "1.0.0 {version}",
    "plan": "focus",
    "promote": "{version} --to stable",
    "rebuild": "focus {version} --compare",
    "release": "{version} --dry-run",
    "releases": "",
    "report": "{version}",
    "rules": "",
    "schema": "audit",
    "srpm": "focus --rev HEAD",
    "status": "",
    "test": "focus --against {version}",
    "upgrade-check": "1.0.0 {version}",
    "verify": "{version}",
    "which": "focus",
    # Without a scheduler it ends at once.
    "worker": "",
}
NO_SPACE = "altai-build: No space left on device: standard output"
# What is wrong with a definition is the result of these.
ANSWERS = ("doctor", "status")
COMMANDS = list_commands(cli)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A superproject with a component, its definition and two releases."""
    world = World(tmp_path_factory.mktemp("world"))
    world.component("repos/focus", make_files("focus"))
    world.pin({"repos.yaml": RELEASE_DEFINITION})
    world.component("repos/focus", make_files("focus", version="2.0"))
    world.pin({"README": "changed"})
    folder = world.super.path
    (folder / "repos.yaml").write_text(RELEASE_DEFINITION)
    origin = component("repos/focus", "a" * 40)
    old, new = (package(f"focus-{version}-1.el9.noarch", origin) for version in ("1.0", "2.0"))
    write_manifests(folder / "releases", manifest("1.0.0", [old]), manifest("1.0.1", [new]))
    return folder


def words(command: str, version: str = "1.0.1") -> tuple[str, ...]:
    return (*command.split(), *ARGUMENTS[command].format(version=version).split())


def test_the_table_has_every_command() -> None:
    assert sorted(ARGUMENTS) == sorted(COMMANDS)


def test_a_closed_pipe_and_a_full_disk_are_no_bugs(folder: Path) -> None:
    # Of the others the results would not be the same the second time, or take long.
    quick = [
        one
        for one in COMMANDS
        if one not in ("bisect", "build", "cache export", "cache import", "ci", "doctor", "keys init", "test")
    ]
    where = str(folder)
    helps = [(*command.split(), "--help") for command in COMMANDS]
    calls = [Call(line, where, "full") for line in helps]
    for call, answer in zip(calls, call_all(calls)):
        assert answer.code == 3 and answer.err.startswith(NO_SPACE), (call.words, answer)
    calls = [
        Call(words(command), where, output) for command in quick for output in ("kept", "closed", "full")
    ]
    answers = call_all(calls)
    printed = 0
    for index, command in enumerate(quick):
        kept, closed, full = answers[3 * index : 3 * index + 3]
        assert (closed.code, _without_time(closed.err)) == (kept.code, _without_time(kept.err)), command
        assert "Traceback" not in full.err + kept.err and kept.code != 70, (command, full.err)
        printed += bool(kept.out)
        assert (NO_SPACE in full.err) == bool(kept.out), (command, full)
        assert full.code == (3 if kept.out and kept.code == 0 else kept.code), (command, full)
    assert printed >= 12


def _without_time(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line[:2].isdigit()]


def check_failure(call: Call, answer: Answer, code: int | None = None) -> None:
    """The answer is one JSON document about a failure, with the exit code in it."""
    assert answer.code not in (0, 70), (call.words, answer)
    document = json.loads(answer.out)
    if call.words[0] in ANSWERS and isinstance(document, list) | ("error" not in document):
        assert list_form_errors(call.words[0], document) == [], call.words
        return
    assert list_schema_errors(ERROR_SCHEMA, document) == [], call.words
    assert document["error"]["code"] == answer.code, (call.words, answer)
    assert code in (None, answer.code), (call.words, answer)


def test_a_failure_is_json_that_says_which_form_it_has(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "repos.yaml").write_text("project: [\n")
    json_commands = [command for command in COMMANDS if _takes_json(command)]
    assert len(json_commands) >= 35
    wrong = [Call((*command.split(), "--json", "--no-such-option"), str(folder)) for command in json_commands]
    for call, answer in zip(wrong, call_all(wrong)):
        check_failure(call, answer, 2)
    calls = [Call((*words(command), "--json"), str(broken)) for command in json_commands]
    refused = 0
    for call, answer in zip(calls, call_all(calls)):
        if answer.code:
            check_failure(call, answer, None)
            refused += 1
    # The others need no definition.
    assert refused >= 25
    named = [
        command for command in json_commands if "{version}" in ARGUMENTS[command] and command != "release"
    ]
    gone = [Call((*words(command, "9.9.9"), "--json"), str(folder)) for command in named]
    assert len(gone) >= 12
    for call, answer in zip(gone, call_all(gone)):
        check_failure(call, answer, 3)
        assert "9.9.9" in answer.out, call.words
    stopped = [Call((*words(command), "--json"), str(folder), is_interrupted=True) for command in named[:6]]
    for call, answer in zip(stopped, call_all(stopped)):
        check_failure(call, answer, 130)


def _takes_json(path: str) -> bool:
    command: click.Command = cli
    for word in path.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word) or command
    return any("--json" in option.opts for option in command.params)
