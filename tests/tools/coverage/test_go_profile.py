"""Cover profiles of Go: the lines of blocks; a huge block is refused."""

from __future__ import annotations

import io

import pytest

from altai_build.model.coverage import FileCoverage
from altai_build.tools.coverage import measured
from altai_build.tools.coverage.go_profile import read_go_profile

PROFILE = """mode: atomic
example.org/thing/main.go:3.13,5.12 2 1
example.org/thing/main.go:5.12,7.3 1 0
example.org/thing/main.go:9.2,9.2 0 0
mode: set
example.org/thing/sub/a b.go:10.1,10.20 1 4
"""


def read(text: str) -> dict[str, FileCoverage]:
    report = read_go_profile(io.BytesIO(text.encode()))
    return {name: report.make_file_coverage(file) for name, file in report.files.items()}


def test_the_lines_of_blocks() -> None:
    assert read(PROFILE) == {
        "example.org/thing/main.go": FileCoverage(frozenset({3, 4, 5}), frozenset({6, 7})),
        "example.org/thing/sub/a b.go": FileCoverage(frozenset({10}), frozenset()),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mode: set\nhello\n", "line 2 is no block of a cover profile"),
        ("mode: set\na.go:3.1,2.1 1 1\n", "line 2: there is no block from line 3 to 2"),
        ("mode: set\na.go:1.1,99999999.1 1 1\n", "line 2: there is no block from line 1 to 99999999"),
        ("mode: set\na.go:1.1,2.1 1 x\n", "'x' is no number of runs"),
    ],
)
def test_another_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        read(text)
    assert str(caught.value) == message


def test_a_few_bytes_are_not_millions_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "MAX_LINES", 100)
    with pytest.raises(ValueError, match="it has more than 100 lines"):
        read("mode: set\na.go:1.1,9999999.1 1 1\n")
