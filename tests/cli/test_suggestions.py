"""A mistyped command gets a suggestion, also below `deps` and `keys`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.cli import altai_build


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("buld",), " Did you mean build or rebuild?"),
        (("deps", "lcok"), " Did you mean lock?"),
        (("keys", "lst"), " Did you mean list?"),
        (("keys", "xyzzy"), ""),
    ],
)
def test_a_mistyped_command(tmp_path: Path, words: tuple[str, ...], hint: str) -> None:
    answer = altai_build(*words, "--json", cwd=tmp_path)
    assert (answer.code, answer.json["error"]["what"]) == (2, f"No such command '{words[-1]}'.{hint}")
