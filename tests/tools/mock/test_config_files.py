"""Which files a configuration consists of, and which it may not consist of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.mock.config_files import FILES_LIMIT, open_sources


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.cfg").write_text(text, encoding="utf-8")
    return folder


def found(folder: Path) -> list[str]:
    """The names of the files of case.cfg."""
    sources = open_sources([folder])
    sources.add(folder / "case.cfg")
    return [path.name for path in sources.files]


def test_includes_are_found_at_the_start_of_lines_in_their_order(tmp_path: Path) -> None:
    case = "  include('one.cfg')\n# include('no.cfg')\nx = 'y'; include('no.cfg')\ninclude( \"two.cfg\" ) # last\n"
    write(tmp_path, case=case, one="include('three.cfg')\n", two="include('one.cfg')\n", three="", no="")
    assert found(tmp_path) == ["case.cfg", "one.cfg", "three.cfg", "two.cfg"]


def test_a_file_under_two_names_is_one_file(tmp_path: Path) -> None:
    write(tmp_path, case="include('one.cfg')\ninclude('link.cfg')\n", one="")
    (tmp_path / "link.cfg").symlink_to("one.cfg")
    assert found(tmp_path) == ["case.cfg", "one.cfg"]


def test_a_missing_include_says_where_it_was_looked_for(tmp_path: Path) -> None:
    write(tmp_path, case="x = 1\ninclude('templates/nothing.tpl')\n")
    with pytest.raises(InputError) as caught:
        found(tmp_path)
    assert (
        caught.value.what == f"{tmp_path}/case.cfg:2: the included file templates/nothing.tpl does not exist"
    )
    assert caught.value.todo == f"looked in {tmp_path}"


@pytest.mark.parametrize("name", ["/etc/hostname", "../outside.cfg", "link.cfg"])
def test_no_file_outside_the_directories_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "configs").mkdir()
    write(tmp_path / "configs", case=f"include({name!r})")
    (tmp_path / "outside.cfg").write_text("secret = 1\n")
    (tmp_path / "configs/link.cfg").symlink_to(tmp_path / "outside.cfg")
    with pytest.raises(InputError, match="is outside the directories of mock configurations"):
        found(tmp_path / "configs")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x = 1\n\xff\xfe", r"case\.cfg:2: not UTF-8 text"),
        (b"#" * (1 << 20) + b"#", "larger than 1048576 bytes"),
    ],
)
def test_files_that_are_no_text_or_too_large(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "case.cfg").write_bytes(content)
    with pytest.raises(InputError, match=message):
        found(tmp_path)


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "case.cfg")
    with pytest.raises(InputError, match="not a regular file"):
        found(tmp_path)


def test_a_chain_of_includes_has_an_end(tmp_path: Path) -> None:
    names = ["case", *(f"c{number}" for number in range(FILES_LIMIT))]
    write(
        tmp_path,
        **{name: f"include('{after}.cfg')\n" for name, after in zip(names, names[1:])},
        **{names[-1]: ""},
    )
    with pytest.raises(InputError, match=f"consists of more than {FILES_LIMIT} files"):
        found(tmp_path)
