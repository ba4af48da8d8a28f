"""Results on stdout: JSON, tables into a pipe and on a terminal, and rows without anything in them."""

from __future__ import annotations

import ast
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest

from altai_build.cli import output
from altai_build.cli.output import (
    NO_COMPONENTS,
    Cell,
    TableFormat,
    choose_format,
    digest_cell,
    print_json,
    print_path,
    print_rows,
    print_table,
    print_text,
    size_cell,
)


class Status(str, Enum):
    BUILT = "built"


@dataclass
class Row:
    name: str
    status: Status
    exit_code: int = 0


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_json_of_records_enums_and_bytes_that_are_not_utf_8(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"rows": (Row("n\udcfc", Status.BUILT),), "ü": None})
    out = capsys.readouterr().out
    assert json.loads(out) == {
        "schema_version": 1,
        "rows": [{"name": "n\\xfc", "status": "built", "exit_code": 0}],
        "ü": None,
    }
    assert '"ü"' in out


def test_a_line_has_no_character_that_controls_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_text("  focus\x1b[31m\n\u202e requires\x9b é")
    assert capsys.readouterr().out == "  focus\\x1b[31m\\n\\u202e requires\\x9b é\n"


def test_no_command_prints_names_as_they_are() -> None:
    """A line with a value in it is printed by `print_text`."""
    folder = Path(output.__file__).parent
    wrong = [
        f"{file.name}:{node.lineno}"
        for file in sorted(folder.glob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        and not node.keywords
        and any(isinstance(argument, ast.JoinedStr) for argument in node.args)
    ]
    assert not wrong


def test_json_has_no_character_that_controls_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = "n\x1b\x7f\x9b\u202e\u200b\ufeff\U000e0041é"
    print_json({name: name})
    out = capsys.readouterr().out
    assert json.loads(out)[name] == name
    assert out.replace("\n", "").isprintable() and "é" in out


def test_json_for_a_terminal_without_unicode_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    print_json(["ü"])
    stream.flush()
    assert raw.getvalue() == b'[\n  "\\u00fc"\n]\n'


def test_a_table_into_a_pipe_has_tabs_and_no_headers(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "reason"), [("nova", "a\tb"), ("x\x1b[31m", "-")])
    assert capsys.readouterr().out == "nova\ta\\tb\nx\\x1b[31m\t-\n"


def test_a_table_on_a_terminal_is_aligned_and_shows_markup_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "dumb")
    print_table(("name", "reason"), [("nova", "[bold]new[/bold]"), ("a", "b")])
    assert [line.split() for line in terminal.getvalue().splitlines()] == [
        ["name", "reason"],
        ["nova", "[bold]new[/bold]"],
        ["a", "b"],
    ]


def to_json(row: Row) -> dict[str, object]:
    return {"name": row.name, "status": row.status}


def test_rows_are_printed_as_the_json_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([Row("nova", Status.BUILT, 5)], True, ("name",), lambda row: (row.name,), to_json=to_json)
    assert json.loads(capsys.readouterr().out) == [{"schema_version": 1, "name": "nova", "status": "built"}]


def test_no_rows_are_an_empty_list_and_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([], True, ("name",), lambda row: (row.name,), to_json=to_json)
    print_rows([], False, ("name",), lambda row: (row.name,), to_json=to_json, none="nothing has changed")
    out, err = capsys.readouterr()
    assert json.loads(out) == []
    assert err == f"altai-build: {NO_COMPONENTS}\naltai-build: nothing has changed\n"


@pytest.fixture
def chosen(request: pytest.FixtureRequest) -> Iterator[None]:
    choose_format(request.param)
    yield
    choose_format(None)


@pytest.mark.parametrize("chosen", [TableFormat.CSV], indirect=True)
@pytest.mark.usefixtures("chosen")
def test_csv_has_headers_whole_values_and_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    commit = "a1" * 20
    print_table(
        ("name", "commit", "size", "reason"),
        [
            ("=HYPERLINK(1)", digest_cell(commit), size_cell(2_500_500), 'a, "b"'),
            ("@x", digest_cell(None), Cell("-1.0 kB", "-1000"), "-"),
            ("-1+cmd|' /C calc'!A0", Cell("", "＝1"), "+5", "\tx\x1b\n"),
        ],
    )
    assert capsys.readouterr().out.split("\r\n") == [
        "name,commit,size,reason",
        f'\'=HYPERLINK(1),{commit},2500500,"a, ""b"""',
        "'@x,,-1000,",
        "'-1+cmd|' /C calc'!A0,'＝1,+5,\\tx\\x1b\\n",
        "",
    ]
    print_table(("name",), [])
    assert capsys.readouterr().out == "name\r\n"


@pytest.mark.parametrize("chosen", [TableFormat.MARKDOWN], indirect=True)
@pytest.mark.usefixtures("chosen")
def test_markdown_shows_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("found by", "name"), [("x|y", "<b>`_\n"), ("", "-")])
    assert capsys.readouterr().out.splitlines() == [
        "| found by | name |",
        "|---|---|",
        "| `x\\|y` | ``<b>`_`` |",
        "|  | `-` |",
    ]


@pytest.mark.parametrize("chosen", [TableFormat.TABLE], indirect=True)
@pytest.mark.usefixtures("chosen")
def test_a_table_that_was_asked_for_has_headers_in_a_pipe_too(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "reason"), [("nova", "new")])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["name", "reason"],
        ["nova", "new"],
    ]


def test_a_path_into_a_pipe_is_its_very_bytes(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    print("before")
    print_path(Path("/a/n\udcff"))
    assert capfdbinary.readouterr().out == b"before\n/a/n\xff\n"
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    print_path(Path("/a/n\udcff\x1b"))
    assert terminal.getvalue() == "/a/n\\xff\\x1b\n"


def test_no_rows_have_no_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    print_table(("name", "reason"), [])
    assert terminal.getvalue() == ""


def test_names_are_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    name = "python-a-component-with-a-long-name-0.1.2-3.el6.noarch"
    print_table(
        ("component", "reason"), [(name, "it has changed since the last run, and more was built with it")]
    )
    shown = terminal.getvalue()
    assert name in shown
    assert {"changed", "since", "was", "built", "with"} <= set(shown.split())
