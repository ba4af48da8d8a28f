"""Coverage reports of any format: which files of the component they are about, and why one cannot be used."""

from __future__ import annotations

import pytest

from altai_build.errors import InputError
from altai_build.model.coverage import Coverage, FileCoverage, Ratio
from altai_build.tools.coverage.paths import ComponentFiles
from altai_build.tools.coverage.reader import ReadCoverage, read_coverage

FILES = ComponentFiles(frozenset({"thing/a.py", "main.go", "src/a.c"}), ("/build/thing-1.0",))
XML = (
    '<coverage><packages><class filename="{}"><lines>'
    '<line number="1" hits="1"/></lines></class></packages></coverage>'
)
ONE_LINE = FileCoverage(frozenset({1}), frozenset())


def read(text: str) -> ReadCoverage:
    return read_coverage("coverage.xml", text.encode(), FILES)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (XML.format("/build/thing-1.0/thing/a.py"), "thing/a.py"),
        ("\ufeff  \n" + XML.format("thing/a.py"), "thing/a.py"),
        ("TN:x\nSF:src/a.c\nDA:1,1\nend_of_record\n", "src/a.c"),
        ("SF:/build/thing-1.0/src/a.c\nDA:1,1\n", "src/a.c"),
        ("mode: set\nexample.org/thing/main.go:1.1,1.9 1 1\n", "main.go"),
    ],
)
def test_the_format_is_recognised(text: str, path: str) -> None:
    found = read(text)
    assert (found.coverage, found.others) == (Coverage({path: ONE_LINE}), ())


def test_other_files_do_not_count_and_are_named() -> None:
    found = read(
        "SF:/usr/include/c++/12/vector\nDA:5,0\nend_of_record\nSF:/build/thing-1.0/src/a.c\nDA:1,1\nend_of_record\n"
        "SF:src/a.c\nDA:2,0\nend_of_record\n"
    )
    assert found.others == ("/usr/include/c++/12/vector",)
    assert found.coverage == Coverage({"src/a.c": FileCoverage(frozenset({1}), frozenset({2}))})
    assert found.coverage.lines == Ratio(1, 2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("hello", "it is neither Cobertura XML nor an lcov tracefile nor a Go cover profile"),
        ("<coverage/>", "it names no file"),
        ("mode: set\n", "it names no file"),
        ("SF:/usr/a.c\nDA:1,1\n", "none of its 1 files is a file of the component; the first is '/usr/a.c'"),
        ("SF:a\nDA:1,x\n", "line 2: 'x' is no number of runs"),
    ],
)
def test_a_report_that_cannot_be_used(text: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert (caught.value.what, caught.value.why) == ("the coverage report coverage.xml cannot be used", why)
