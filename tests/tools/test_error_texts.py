"""Every error text of the program is found in its code, and is on the page of troubles with one anchor."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from error_texts import describe_errors
from message_texts import Source, list_texts

from altai_build.tools.error_texts import ErrorTexts, make_anchor

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "altai_build"
ERRORS = """
class AltaiError(Exception):
    exit_code = 70
    def __init__(self, what, *, why="", todo=""): ...
class InputError(AltaiError):
    exit_code = 3
class VerificationError(AltaiError):
    exit_code = 7
"""


class Page(HTMLParser):
    """The ids of a page, and the texts in its elements `dt`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.errors: list[str] = []
        self._is_error = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note ids and the begin of an error text."""
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag in ("dt", "br"):
            self._is_error = self._is_error or tag == "dt"
            self.errors.append("")

    def handle_endtag(self, tag: str) -> None:
        """Note the end of an error text."""
        self._is_error = self._is_error and tag != "dt"

    def handle_data(self, data: str) -> None:
        """Keep what belongs to an error text."""
        if self._is_error:
            self.errors[-1] += data


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page as mkdocs builds it."""
    site = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", f"--site-dir={site}"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    return Page((site / "troubleshooting.html").read_text(encoding="utf-8"))


def list_error_classes() -> set[str]:
    """The names of AltaiError and of all classes below it, by the class statements of the package."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    statements = re.findall(r"^ *class (\w+)\(([^)]*)\):", source, re.MULTILINE)
    names = {"AltaiError"}
    for _ in range(5):
        names |= {name for name, bases in statements if names & set(re.findall(r"\w+", bases))}
    return names


def find_literals() -> list[tuple[str, list[str]]]:
    """Place and fixed parts of every text that is written where an error is made."""
    # It is given what gpg-agent answered, which becomes the `why`.
    names = list_error_classes() - {"AgentError"}
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            if getattr(node.func, "id", getattr(node.func, "attr", None)) not in names:
                continue
            what = node.args[0]
            parts = what.values if isinstance(what, ast.JoinedStr) else [what]
            fixed = [str(part.value) for part in parts if isinstance(part, ast.Constant)]
            if any(re.search("[a-z]", part) for part in fixed):
                found.append((f"{path.relative_to(ROOT)}:{node.lineno}", fixed))
    return found


def list_missing(page: Page, literals: list[tuple[str, list[str]]]) -> list[str]:
    """The places of texts whose fixed parts are not on the page."""
    shown = "\n".join(page.errors)
    return [
        place
        for place, parts in literals
        if not re.search(".*".join(re.escape(part.replace("`", "")) for part in parts), shown)
    ]


def test_every_text_that_is_written_where_an_error_is_made_is_on_the_page(page: Page) -> None:
    literals = find_literals()
    assert len(literals) > 300
    assert list_missing(page, literals) == []


def test_every_anchor_is_on_the_page_once(page: Page) -> None:
    anchors = [name for name in page.ids if re.match(r"exit-\d+-", name)]
    assert len(anchors) > 300
    assert [name for name in page.ids if page.ids.count(name) > 1] == []


def find_message_literals() -> list[tuple[str, list[str]]]:
    """Place and fixed parts of texts that are written where a finding, or a line about repos.yaml, is made."""
    found = []
    for path in sorted([*PACKAGE.glob("config/*.py"), *PACKAGE.glob("rules/*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", "")
            messages = node.args[:1] if name == "add_error" else node.args[1:2] if name == "finding" else []
            for message in messages:
                parts = message.values if isinstance(message, ast.JoinedStr) else [message]
                fixed = [str(part.value) for part in parts if isinstance(part, ast.Constant)]
                if len(re.findall(r"[a-z]{2,}", " ".join(fixed))) > 2:
                    found.append((f"{path.relative_to(ROOT)}:{node.lineno}", fixed))
    return found


def test_every_text_of_a_finding_and_of_an_error_in_repos_yaml_is_on_the_page(page: Page) -> None:
    literals = find_message_literals()
    assert len(literals) > 50
    assert list_missing(page, literals) == []
    for prefix in ("finding-", "repos-yaml-"):
        assert len([name for name in page.ids if name.startswith(prefix)]) > 80


def test_texts_are_those_that_a_message_may_have(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.py").write_text(
        '"""A module that says nothing."""\n_A = re.compile("a b c d")\n'
        "def f(x):\n    yield x, f'the file {x.name} is gone'\n    raise InputError('it has another page')\n"
    )
    source = Source("finding", "Findings", ("rules/*.py",))
    assert {anchor: text for anchor, (text, _) in list_texts(tmp_path, source).items()} == {
        "finding-the-file-is-gone": "the file \x01X\x02 is gone"
    }


def read(tmp_path: Path, source: str) -> ErrorTexts:
    """The error texts of a package with one more module."""
    (tmp_path / "errors.py").write_text(ERRORS)
    (tmp_path / "workspace.py").write_text(source)
    return ErrorTexts(tmp_path)


@pytest.mark.parametrize(
    ("source", "anchors"),
    [
        ("raise InputError(f'no {thing.name} in {quote_path(place)!r}')", ["exit-3-no-in"]),
        ("class Own(InputError): ...\nraise Own('it is gone')", ["exit-3-it-is-gone"]),
        (
            "class Own(AltaiError):\n  exit_code = VerificationError.exit_code\nraise Own('gone')",
            ["exit-7-gone"],
        ),
        (
            "class Own(InputError):\n  def __init__(self, path):\n    super().__init__(f'{path} is gone')",
            ["exit-3-is-gone"],
        ),
        (
            "class Own(InputError):\n  def __init__(self, n, what):\n    super().__init__(what)\nOwn(1, 'gone')",
            ["exit-3-gone"],
        ),
        ("def f():\n  text = 'gone'\n  raise InputError(text)", ["exit-3-gone"]),
        ("raise InputError('here' if a else 'there')", ["exit-3-here", "exit-3-there"]),
        (
            "kinds = 1\ndef f(a):\n  kind = InputError if a else VerificationError\n  raise kind('gone')",
            ["exit-3-gone", "exit-7-gone"],
        ),
        (
            "def refuse(count, what):\n  raise VerificationError(f'{what}: {count} errors')\nrefuse(1, what='bad')",
            ["exit-7-bad-errors"],
        ),
        ("raise click.UsageError('--yes needs --fix')", ["exit-2-yes-needs-fix"]),
        ("print('gone')", []),
    ],
)
def test_forms_of_code_that_makes_an_error(tmp_path: Path, source: str, anchors: list[str]) -> None:
    texts = read(tmp_path, source)
    assert sorted(texts.entries) == anchors
    assert texts.unknown == set()


@pytest.mark.parametrize(
    "source",
    [
        "raise InputError(error.what)",
        "raise InputError(f'{reason}: {path}')",
        "raise registry.kind('gone', why='', todo='')",
    ],
)
def test_texts_that_come_from_elsewhere_are_counted(tmp_path: Path, source: str) -> None:
    texts = read(tmp_path, source)
    assert texts.entries == {}
    assert texts.unknown == {("workspace", 1)}
    assert "1 places in the code are not listed" in "".join(describe_errors(tmp_path))


def test_same_words_are_one_entry_with_each_fix(tmp_path: Path) -> None:
    read(
        tmp_path,
        "InputError(f'no {a}', todo='make `it`')\nInputError(f'no {b}', why=f'{c} <i> is odd', todo='x')",
    )
    assert "".join(describe_errors(tmp_path)).split("<dl>")[1] == (
        '<dt><a id="exit-3-no" href="#exit-3-no">no <var>A</var><br>no <var>B</var></a></dt>'
        "<dd>What to do: make <code>it</code></dd>"
        "<dd><var>C</var> &lt;i&gt; is odd<br>What to do: x</dd></dl>\n"
    )


def test_a_module_of_an_unknown_area_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "errors.py").write_text(ERRORS)
    (tmp_path / "elsewhere.py").write_text("InputError('gone')")
    with pytest.raises(KeyError, match="elsewhere"):
        list(describe_errors(tmp_path))


def test_an_anchor_has_the_words_without_inserted_values() -> None:
    assert make_anchor(8, "the tag \x01NAME\x02 exists: `--force`") == "exit-8-the-tag-exists-force"
