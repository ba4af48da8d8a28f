"""lcov tracefiles: lines and branches of each file; anything else is refused with its line."""

from __future__ import annotations

import io

import pytest

from altai_build.model.coverage import FileCoverage, LineBranches
from altai_build.tools.coverage.lcov import read_lcov

TRACE = """TN:
SF:/builddir/build/BUILD/thing-1.0/src/thing.c
VER:1
FN:3,9,main
FNDA:1,main
FNF:1
FNH:1
DA:3,1
DA:4,0,checksum
DA:5,-1
DA:0,7
BRDA:3,0,0,1
BRDA:3,0,1,-
BRDA:4,e0,a == b, c,0
BRF:3
BRH:1
LF:3
LH:1
end_of_record
# the same file, of another test
SF:/builddir/build/BUILD/thing-1.0/src/thing.c
DA:4,2
BRDA:3,0,1,5
end_of_record
"""


def read(text: str) -> dict[str, FileCoverage]:
    report = read_lcov(io.BytesIO(text.encode("utf-8", "surrogateescape")))
    return {name: report.make_file_coverage(file) for name, file in report.files.items()}


def test_the_records_of_a_file() -> None:
    assert read(TRACE) == {
        "/builddir/build/BUILD/thing-1.0/src/thing.c": FileCoverage(
            frozenset({3, 4}),
            frozenset({5}),
            {3: LineBranches(2, 0), 4: LineBranches(1, 1, frozenset({"e0,a == b, c"}))},
        )
    }


def test_totals_of_no_branches_are_no_branches() -> None:
    assert read("SF:a.rs\nDA:1,1\nBRF:0\nBRH:0\nend_of_record\n") == {
        "a.rs": FileCoverage(frozenset({1}), frozenset())
    }


def test_names_may_have_other_bytes_than_utf8() -> None:
    name = b"a\xff.c".decode("utf-8", "surrogateescape")
    assert list(read(f"SF:{name}\nDA:1,1\n")) == [name]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("DA:1,1\n", "line 1: DA does not follow the name of a file (SF)"),
        ("SF:a\nend_of_record\nBRDA:1,0,0,1\n", "line 3: BRDA does not follow the name of a file (SF)"),
        ("TN:\nhello\n", "line 2: 'hello' is no record of a tracefile"),
        ("SF:a\nDA:1\n", "line 2: DA has 1 fields"),
        ("SF:a\nDA:x,1\n", "line 2: 'x' is no line number"),
        ("SF:a\nDA:1,many\n", "line 2: 'many' is no number of runs"),
        ("SF:a\nBRDA:1,0,0\n", "line 2: BRDA has 3 fields"),
        ("SF:\n", "line 1: '' is no name of a file"),
    ],
)
def test_another_text_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        read(text)
    assert str(caught.value) == message
