"""README and docs: each command line of altai-build has a verb, options and arguments that there are. None is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from altai_build.cli.main import VERBS, cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]
_BLOCK = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`altai-build ([^`\n]+)`")
# A command in a block, at the start of a line or after what may stand before it: a prompt, a key of YAML, cron's times.
_CALL = re.compile(r"(?:^\s*(?:[$#] )?|[$<]\(|run: |- |&& |; |then |\* +)(?:\S*/)?altai-build (\S.*)")


def find_commands(text: str) -> Iterator[list[str]]:
    """The arguments of each command line of altai-build, in blocks and in the text."""
    for block in _BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if call := _CALL.search(line):
                yield split_command(call[1])
    for words in _INLINE.findall(_BLOCK.sub("", text)):
        # `[DIR|URL]` and `github|gitlab`: what may be left out stands there, and the first of what may be chosen.
        yield split_command(re.sub(r"\|[\w|]+|[][]|\.\.\.", "", words))


def split_command(line: str) -> list[str]:
    """The words of a command up to where the shell ends it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if set(word) <= set("();<>|&"):
            break
        words.append(word)
    return words


def check_command(
    words: list[str], command: click.Command = cli, parent: click.Context | None = None
) -> None:
    """Raise click.UsageError for words that the command would refuse. No callback is called, no path is looked at."""
    context = click.Context(command, parent=parent, info_name=command.name)
    values, rest, _ = command.make_parser(context).parse_args(list(words))
    if "--help" in words:
        return
    for parameter in command.get_params(context):
        given = values.get(parameter.name or "")
        if parameter.required and (given is None or parameter.value_is_missing(given)):
            raise click.MissingParameter(ctx=context, param=parameter)
        for value in given if isinstance(given, (list, tuple)) else [given]:
            # `--from TOOL`: in capitals it stands for a value.
            if isinstance(parameter.type, click.Choice) and isinstance(value, str) and not value.isupper():
                parameter.type.convert(value, parameter, context)
    if isinstance(command, click.Group):
        if not rest and command.invoke_without_command:
            return
        if not rest:
            raise click.UsageError("a command is missing", context)
        below = command.get_command(context, rest[0])
        if below is None:
            raise click.UsageError(f"no such command: {rest[0]}", context)
        check_command(rest[1:], below, context)
    elif rest:
        raise click.UsageError(f"unexpected arguments: {rest}", context)


@pytest.mark.parametrize("name", PAGES)
def test_every_command_line_is_one_that_the_program_accepts(name: str) -> None:
    faults = []
    for words in find_commands((ROOT / name).read_text(encoding="utf-8")):
        if words[0] == "COMMAND":
            continue
        try:
            check_command(words)
        except click.UsageError as error:
            faults.append(f"altai-build {shlex.join(words)}: {error.format_message()}")
    assert faults == []


def test_every_verb_is_shown_at_work() -> None:
    pages = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in PAGES)
    shown = {word for words in find_commands(pages) for word in words}
    assert sorted(set(VERBS) - shown) == []


def test_command_lines_are_found_in_blocks_and_in_the_text() -> None:
    page = """Run `altai-build verify --history [DIR|URL]`, or `altai-build ci init github|gitlab`.

```
$ altai-build -C DIR plan --rev v1 | head    # a comment
  built  altai-build-0.1
0 6 * * *  .venv/bin/altai-build -q verify \\
    latest
key=$(altai-build cache export "a b" --json)
```
"""
    assert list(find_commands(page)) == [
        ["-C", "DIR", "plan", "--rev", "v1"],
        ["-q", "verify", "latest"],
        ["cache", "export", "a b", "--json"],
        ["verify", "--history", "DIR"],
        ["ci", "init", "github"],
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("relaese 1.0.0", "no such command: relaese"),
        ("keys", "a command is missing"),
        ("plan --ref v1", "No such option '--ref'"),
        ("promote 1.0.0", "Missing option '--to'"),
        ("release", "Missing argument 'VERSION'"),
        ("changed a b c", "unexpected arguments: ['c']"),
        ("ci init travis", "'travis' is not one of"),
        ("plan --rev", "requires an argument"),
    ],
)
def test_what_the_program_would_refuse_is_refused(line: str, fault: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        check_command(line.split())
    assert fault in caught.value.format_message()


def test_options_of_the_program_may_stand_before_and_after_the_verb() -> None:
    check_command(["-C", "DIR", "--workspace", "W", "plan", "--jobs", "2", "-q"])
