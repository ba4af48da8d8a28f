"""A part of repos.yaml is what the whole file says, also in layouts that lines do not show."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config.sections import read_section
from altai_build.errors import InputError


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "project: p\nkeys:\n  a: {file: k}\n  # b\n# c\n  b: {file: k, signs: true}\nrelease: {}\n",
            ["a", "b"],
        ),
        ("keys: {a: {}, b: {}}", ["a", "b"]),
        ("{project: p, keys: {a: {}, b: {}}}", ["a", "b"]),
        ("'keys': {a: {}}\n", ["a"]),
        # PyYAML takes a flow mapping that goes on at the margin, and an alias of another part.
        ("keys: {\na: {}\n}\nrelease: {}\n", ["a"]),
        ("other: &names {a: {}, b: {}}\nkeys: *names\n", ["a", "b"]),
        ("keys:\n- a\n- b\nrelease: {}\n", []),
        ("keys: 7\n", []),
        ("keys:\n", []),
        ("project: p\n", []),
        ("", []),
        ("project: |\n  keys: {no: {}}\nkeys: {1: {}}\n", ["1"]),
    ],
)
def test_the_names_of_a_part(tmp_path: Path, text: str, found: list[str]) -> None:
    file = tmp_path / "repos.yaml"
    file.write_text(text)
    assert list(read_section(file, "keys")) == found


def test_a_part_has_its_values(tmp_path: Path) -> None:
    file = tmp_path / "repos.yaml"
    file.write_text("keys: {}\nrelease:\n  directory: ../r\n\n  baseurl: x\nwaivers: []\n")
    assert read_section(file, "release") == {"directory": "../r", "baseurl": "x"}


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_section(tmp_path / "none", "keys")
    (tmp_path / "bad").write_text("keys: [\n")
    with pytest.raises(InputError):
        read_section(tmp_path / "bad", "keys")
