"""Compares what commands print with --json with the schemas of the package."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

import altai_build
from altai_build.cli.main import cli
from altai_build.cli.schema import list_schema_names

FOLDER = Path(altai_build.__file__).parent / "schemas"
# Of a failure of any command.
ERROR_SCHEMA = "error"


def find_command(words: Sequence[str]) -> str:
    """The command in the words of a command line, such as `deps list`; "" where there is none."""
    command: click.Command = cli
    path: list[str] = []
    rest = iter(words)
    for word in rest:
        # the last of several letters in one word may take a value
        name = f"-{word[-1]}" if word[:1] == "-" and word[:2] != "--" else word.split("=")[0]
        option = next((one for one in command.params if name in one.opts), None)
        if isinstance(option, click.Option):
            if not option.is_flag and "=" not in word:
                next(rest, None)
        elif isinstance(command, click.Group) and not word.startswith("-"):
            child = command.get_command(click.Context(command), word)
            if child is None:
                return " ".join(path)
            command = child
            path.append(word)
    return " ".join(path)


@functools.cache
def read_schema(name: str) -> dict[str, Any]:
    """A schema of the package."""
    schema: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return schema


@functools.cache
def _make_validator(name: str) -> Any:
    Draft202012Validator.check_schema(read_schema(name))
    return Draft202012Validator(read_schema(name))


def list_schema_errors(name: str, document: Any) -> list[str]:
    """What of a document a schema does not allow."""
    errors = _make_validator(name).iter_errors(document)
    return [f"{name}.json: {error.json_path}: {error.message[:500]}" for error in errors]


def list_form_errors(command: str, document: Any) -> list[str]:
    """The same for what a command printed; of several schemas by that which fits best."""
    is_failure = isinstance(document, dict) and "error" in document
    names = (ERROR_SCHEMA,) if is_failure else list_schema_names(command)
    return min((list_schema_errors(name, document) for name in names), key=len)
