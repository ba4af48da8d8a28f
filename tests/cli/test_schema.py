"""The schemas of JSON: every command has one, each refuses what is wrong, and `schema` prints them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from altai_build.cli.main import cli
from altai_build.cli.schema import list_commands, list_schema_names
from tests.kit.cli import altai_build
from tests.kit.json_forms import ERROR_SCHEMA, FOLDER, find_command, list_form_errors, read_schema

# Schemas of files; no command prints them.
FILES = {"channel-history", "manifest", "repos.yaml"}
NAMES = sorted(file.stem for file in FOLDER.glob("*.json"))
COMMANDS = list_commands(cli)


def find_options(command: str) -> set[str]:
    """The options of a command."""
    found: click.Command = cli
    for word in command.split():
        assert isinstance(found, click.Group)
        child = found.get_command(click.Context(found), word)
        assert child is not None
        found = child
    return {name for parameter in found.params for name in parameter.opts}


def test_every_command_has_json_and_a_schema_of_it() -> None:
    without_json = [command for command in COMMANDS if "--json" not in find_options(command)]
    assert not without_json
    missing = [name for command in COMMANDS for name in list_schema_names(command) if name not in NAMES]
    assert missing == [], "write altai_build/schemas/NAME.json"


def test_every_schema_is_of_a_command_or_a_file() -> None:
    of_commands = {name for command in COMMANDS for name in list_schema_names(command)}
    assert set(NAMES) == of_commands | FILES | {ERROR_SCHEMA}


def list_objects(schema: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of a schema that is of an object, with its place."""
    if isinstance(schema, dict):
        if "properties" in schema and "type" in schema:
            yield place, schema
        for key, value in schema.items():
            yield from list_objects(value, f"{place}/{key}")
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
            yield from list_objects(value, f"{place}/{number}")


def test_schemas_say_what_they_are_of_and_allow_no_key_that_they_do_not_describe() -> None:
    for name in NAMES:
        schema = read_schema(name)
        Draft202012Validator.check_schema(schema)
        assert schema["title"]
        objects = list(list_objects(schema))
        assert objects
        for place, found in objects:
            assert found.get("additionalProperties") is False, f"{name}.json{place} allows any key"
            # Much of a definition may be left out.
            assert found.get("required", name == "repos.yaml"), f"{name}.json{place} requires no key"
            assert set(found.get("required", [])) <= set(found["properties"]), f"{name}.json{place}"


def list_tops(schema: dict[str, Any], part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The object at the top of a document, or those in the list there."""
    for one in part.get("oneOf", ()):
        yield from list_tops(schema, one)
    if "$ref" in part:
        yield from list_tops(schema, schema["$defs"][part["$ref"].rpartition("/")[2]])
    elif part.get("type") == "array":
        yield from list_tops(schema, part["items"])
    elif "oneOf" not in part:
        yield part


def test_what_a_command_prints_has_a_version() -> None:
    for name in set(NAMES) - FILES:
        tops = list(list_tops(read_schema(name), read_schema(name)))
        assert tops
        for part in tops:
            assert part["properties"]["schema_version"] == {"const": 1}, name
            assert "schema_version" in part["required"], name


def test_a_document_of_another_form_is_refused(tmp_path: Path) -> None:
    """What tests/kit/cli.py does with every --json of every test finds a lost, a new and a changed key."""
    rows = altai_build("schema", "--json", cwd=tmp_path).json
    assert list_form_errors("schema", rows) == []
    for wrong in (
        [{**rows[0], "commands": None}],
        [{**rows[0], "more": 1}],
        [{key: value for key, value in rows[0].items() if key != "schema"}],
        [{**rows[0], "schema_version": 2}],
        {"schema_version": 1, "error": {"code": 1, "what": "x", "why": "", "todo": "", "documentation": "x"}},
        None,
    ):
        assert list_form_errors("schema", wrong)


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("-C build -q plan --json", "plan"),
        ("-qC build plan --json", "plan"),
        ("--config=x deps --jobs 2 list --json", "deps list"),
        ("ci -o init --json", "ci"),
        ("ci init github --json", "ci init"),
        ("biuld --json", ""),
    ],
)
def test_the_command_of_a_command_line_is_found(words: str, command: str) -> None:
    assert find_command(words.split()) == command


def test_a_schema_is_printed_as_it_is_and_an_unknown_one_refused(tmp_path: Path) -> None:
    assert altai_build("schema", "audit", cwd=tmp_path).out == (FOLDER / "audit.json").read_text()
    listed = altai_build("schema", cwd=tmp_path)
    assert "cache\tcache export, cache import" in listed.out.splitlines() and "manifest\t-" in listed.out
    refused = altai_build("schema", "adit", "--json", cwd=tmp_path)
    assert (refused.code, json.loads(refused.out)["error"]["why"]) == (3, "did you mean audit?")
