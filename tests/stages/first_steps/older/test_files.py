"""Settings of bash are read and never run; INI has no interpolation."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.stages.first_steps.older.files import read_bash_settings, read_ini
from tests.kit.written_files import older_files


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("  export A=b # c", "b"),
        ("readonly A='b c'", "b c"),
        ('A="b c"', "b c"),
        ("A=", ""),
        ("A=b;", "b"),
        ("A='$(x)'", "$(x)"),
        ("A=$(touch run)", None),
        ("A=`touch run`", None),
        ('A="$HOME/x"', None),
        ('A="b', None),
        ("A=(b c)", None),
        ("A='" + "b" * 5000, None),
    ],
)
def test_a_value_is_plain_text_or_unknown(
    line: str, value: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_bash_settings(f"# x\n{line}\n") == {"A": value}
    assert list(tmp_path.iterdir()) == []


def test_other_lines_are_no_settings_and_the_last_one_counts() -> None:
    assert read_bash_settings("if A=b; then\nrm -rf /\nA = b\nA=1\nA=2\n1A=x\n") == {"A": "2"}


def test_very_many_settings_are_cut() -> None:
    assert len(read_bash_settings("\n".join(f"A{number}=x" for number in range(5000)))) == 500


def test_ini_files() -> None:
    text = "[DEFAULT]\na=%(b)s\n[s]\nc = 1\n  2\nd\n[s]\nc = 3\n"
    assert read_ini("x", text) == {"DEFAULT": {"a": "%(b)s"}, "s": {"c": "3", "d": ""}}


@pytest.mark.parametrize("text", ["a = b\n", "[s\n", "[s]\n= x\n", "[s]\na\n  b\n"])
def test_what_is_no_ini_file_is_an_error_with_its_name(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_ini("tito.props", text)
    assert "tito.props is no INI file" in str(caught.value)


def test_files_of_the_superproject_come_before_given_ones() -> None:
    files = older_files({".ayer": "A=1"}, given={"ayer": "B=2"})
    assert files.find(".ayer", "other") == [(".ayer", "A=1"), ("ayer", "B=2")]
