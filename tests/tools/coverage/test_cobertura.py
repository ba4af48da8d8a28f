"""Cobertura XML as coverage.py, gcovr and cargo-llvm-cov write it; hostile XML is refused."""

from __future__ import annotations

import io

import pytest

from altai_build.model.coverage import FileCoverage, LineBranches
from altai_build.tools.coverage import cobertura
from altai_build.tools.coverage.cobertura import read_cobertura

# In the form of coverage.py 5, with and without --branch.
PYTHON = """<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM 'http://cobertura.sourceforge.net/xml/coverage-04.dtd'>
<coverage branch-rate="0.5" branches-covered="1" branches-valid="2" line-rate="0.75" version="5.5">
  <sources><source>/builddir/build/BUILD/nova-1.0</source></sources>
  <packages><package name="nova"><classes>
    <class complexity="0" filename="nova/api.py" line-rate="0.75" name="api.py">
      <methods/>
      <lines>
        <line hits="1" number="1"/>
        <line branch="true" condition-coverage="50% (1/2)" hits="1" missing-branches="exit" number="2"/>
        <line hits="0" number="4"/>
        <line hits="3" number="5"/>
      </lines>
    </class>
    <class filename="nova/__init__.py" name="__init__.py"><methods/><lines/></class>
  </classes></package></packages>
</coverage>
"""

# In the form of gcovr: the lines of a function are in its class, too.
C = """<?xml version='1.0' encoding='UTF-8'?>
<coverage><sources><source>.</source></sources><packages><package name=""><classes>
<class name="main_c" filename="src/main.c">
<methods><method name="f"><lines>
<line number="7" hits="1" branch="true" condition-coverage="25% (1/4)"><conditions/></line>
</lines></method></methods>
<lines><line number="7" hits="1" branch="true" condition-coverage="25% (1/4)"/>
<line number="8" hits="0" branch="false"/></lines>
</class></classes></package></packages></coverage>
"""


def read(text: str | bytes) -> dict[str, FileCoverage]:
    report = read_cobertura(io.BytesIO(text.encode() if isinstance(text, str) else text))
    return {name: report.make_file_coverage(file) for name, file in report.files.items()}


def refusal(text: str | bytes) -> str:
    with pytest.raises(ValueError) as caught:
        read(text)
    return str(caught.value)


def test_the_form_of_coverage_py() -> None:
    assert read(PYTHON) == {
        "nova/api.py": FileCoverage(
            frozenset({1, 2, 5}), frozenset({4}), {2: LineBranches(2, 1, frozenset({"exit"}))}
        ),
        "nova/__init__.py": FileCoverage(frozenset(), frozenset(), {}),
    }
    assert read_cobertura(io.BytesIO(PYTHON.encode())).folders == ["/builddir/build/BUILD/nova-1.0"]


def test_without_branches_they_were_not_measured() -> None:
    text = PYTHON.replace('branch="true" condition-coverage="50% (1/2)"', "").replace(
        'missing-branches="exit"', ""
    )
    assert read(text)["nova/api.py"] == FileCoverage(frozenset({1, 2, 5}), frozenset({4}), None)


def test_the_form_of_gcovr_in_which_lines_come_twice() -> None:
    assert read(C) == {"src/main.c": FileCoverage(frozenset({7}), frozenset({8}), {7: LineBranches(4, 3)})}


def test_names_of_missed_branches_count_only_where_all_are_named() -> None:
    text = PYTHON.replace("50% (1/2)", "33% (1/3)")
    assert read(text)["nova/api.py"].branches == {2: LineBranches(3, 2)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<a/>", "it is a a document, not coverage"),
        ("<coverage>", "it is not XML: no element found: line 1, column 10"),
        ('<?xml version="1.0" encoding="klingon"?><coverage/>', "it is not XML: unknown encoding"),
        ("<coverage clover='1'><file/></coverage>", "it is in Clover's format, not in Cobertura's"),
        ("<coverage><class/></coverage>", "'' is no name of a file"),
        (
            "<coverage><line number='1' hits='1'/></coverage>",
            "it has a line outside a class: it is not Cobertura's format",
        ),
        (PYTHON.replace('number="4"', 'number="-4"'), "'-4' is no line number"),
        (PYTHON.replace('hits="3"', ""), "'' is no number of runs"),
        (
            PYTHON.replace("50% (1/2)", "50%"),
            "line 2 has branches, but its condition-coverage does not say how many",
        ),
        (PYTHON.replace("50% (1/2)", "200% (4/2)"), "line 2 cannot have 4 covered branches of 2"),
    ],
)
def test_another_text_is_refused(text: str, message: str) -> None:
    assert refusal(text).startswith(message)


def test_entities_are_refused_before_they_expand() -> None:
    bomb = '<!DOCTYPE coverage [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><coverage>&b;</coverage>'
    assert refusal(bomb) == "it declares the entity a"
    assert refusal('<!DOCTYPE c [<!ENTITY f SYSTEM "file:///etc/passwd">]><c/>') == "it declares the entity f"
    assert (
        refusal('<!DOCTYPE c [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><c/>')
        == "it declares the entity p"
    )


def test_a_deep_document_and_many_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = "<coverage>" + "<a>" * 100_000 + "</a>" * 100_000 + "</coverage>"
    assert read(deep) == {}
    monkeypatch.setattr(cobertura, "MAX_FILES", 2)
    sources = "".join(f"<source>/{number}</source>" for number in range(3))
    assert refusal(f"<coverage>{sources}</coverage>") == "it names more than 2 folders"
