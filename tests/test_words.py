"""What a user reads is in the words of rpm, dnf, mock and git: private words of the developers are refused."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Refused words and phrases (regular expressions for whole words, in any case), and what to write instead.
PLAIN_WORDS = {
    r"story|stories": "progress output",
    r"told|tells?": "print, report, say, show",
    r"mend(s|ed|ing)?": "fix",
    r"cure[sd]?": "fix",
    r"matters?": "say what changes, or who needs it",
    r"workshops?": "build environment",
    r"twins?": "duplicate packages",
    r"bereaved": "packages that depend on removed ones",
    r"stuck": "blocked by a dependency cycle",
    r"lost": "missing, removed or unavailable",
    r"roads?": "steps, pipeline",
    r"floors?": "layer, minimum",
    r"rooms?": "disk space, module, package",
    r"doors?": "entry point",
    r"hands": "say who does what",
    r"faces?": "command line, interface",
    r"seal(s|ed)?": "signature, signed checksums",
    r"shel(f|ves)": "package store",
    r"walks?": "trace, follow, steps",
    r"first pass": "bootstrap build",
    r"to be had": "available",
    r"(is|are|was|were) led to": "say what happens",
    r"(?<!one )(?<!user )who (has|can|reads|knows|asks|makes|holds|waits)": "name the person or the program",
    r"(go|goes|went|gone|going) round|in a circle|circles?": "cycle",
    r"kin": "name the distributions",
    r"do(es)? not open": "cannot unlock, cannot open",
    r"left to you": "say what to do",
    r"(has|have|had) come to|comes? to be": "say what happens",
    r"moved aside": "diverged",
    r"faults?": "error",
    r"verdicts?": "finding, result",
    r"anew": "again",
    r"made again by": "say what causes it",
    r"not to be \w+ed": "say what is refused or missing",
    r"nobody has|no one has": "say what is missing where",
    r"at hand": "available, present",
    r"thereby|whither|whence|thence|hence": "say it with plain words",
}
_PRIVATE = [(re.compile(rf"\b(?:{words})\b", re.IGNORECASE), plain) for words, plain in PLAIN_WORDS.items()]

# Texts in which such a word is no private word, each with the reason.
LEGITIMATE = {
    "segmentation fault": "the name of a signal",
    "`lost`": "the id of a rule in JSON and in waivers, which must not change",
    "loses guests": "an example of a reason that a user writes",
}

# Files with texts for users, as patterns in which * matches / too.
CODE = ("altai_build/*.py", "scripts/sample/*.py", "scripts/testbed/*.py", "benchmarks/*.py")
MARKUP = ("altai_build/*.html", "docs/*.svg")
COMMENTED = ("repos.yaml", "mock-configs/*.cfg", "specs/*.spec", "specs/*.yaml", ".pre-commit-config.yaml")
SCRIPTS = ("scripts/*", "altai_build/*.sh", ".ci/*")
PROSE = ("*.md",)


class MarkupTexts(HTMLParser):
    """The texts of an HTML template or SVG, without tags, styles and template code."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[tuple[int, str]] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Remember which element the next text is in."""
        self._inside = tag

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        if self._inside not in ("style", "script"):
            self.texts.append((self.getpos()[0], re.sub(r"\{[{%#].*?[}%#]\}", "X", data, flags=re.DOTALL)))


def python_texts(source: str) -> Iterator[tuple[int, str]]:
    """Every string literal with more than one word, and the docstrings of commands, which click prints as help.

    Error messages, progress output, findings, reasons and option help are all such literals. A placeholder of an
    f-string counts as a word.
    """
    tree = ast.parse(source)
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and ast.get_docstring(node) is not None
        ):
            docstring = node.body[0]
            if isinstance(docstring, ast.Expr) and not is_command(node):
                skipped.add(id(docstring.value))
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
            skipped.update(id(part) for part in node.values)
            yield node.lineno, "".join(map(str, parts))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


def is_command(node: ast.AST) -> bool:
    """True for a function whose docstring is the help of a click command."""
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    return any(re.search(r"\.(command|group)\b", ast.unparse(decorator)) for decorator in decorators)


def script_texts(source: str) -> Iterator[tuple[int, str]]:
    """The lines of a shell script, without its names of variables and functions."""
    for number, line in enumerate(source.splitlines(), start=1):
        line = re.sub(r"\\[nt]", " ", line)
        line = re.sub(
            r"^\s*(local|declare|readonly) .*|\$\{?\w+|\b\w+=|\b\w+ \(\)|\(\(.*?\)\)|\b\w+\(\)", " ", line
        )
        yield number, line


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of everything in a file that a user reads."""
    source = path.read_text("utf-8", "replace")
    if is_one_of(path, CODE):
        yield from ((line, text) for line, text in python_texts(source) if " " in text.strip())
    elif is_one_of(path, MARKUP):
        markup = MarkupTexts()
        markup.feed(source)
        yield from markup.texts
    elif is_one_of(path, COMMENTED):
        comments = (line.partition("#")[2] for line in source.splitlines())
        yield from enumerate(comments, start=1)
    elif is_one_of(path, SCRIPTS):
        yield from script_texts(source)
    else:
        yield from enumerate(source.splitlines(), start=1)


def user_files() -> list[Path]:
    """The files of the checkout with texts that a user reads."""
    listing = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    paths = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    wanted = (*CODE, *MARKUP, *COMMENTED, *SCRIPTS, *PROSE)
    return [path for path in paths if path.is_file() and is_one_of(path, wanted)]


def is_one_of(path: Path, patterns: tuple[str, ...]) -> bool:
    """True for a file that one of the patterns matches."""
    name = path.relative_to(ROOT).as_posix()
    return any(fnmatch(name, pattern) for pattern in patterns)


def private_words(text: str) -> Iterator[tuple[str, str]]:
    """The private words of a text, each with what to write instead."""
    text = re.sub(r"<[^>]*>", " ", text)
    for phrase in LEGITIMATE:
        text = re.sub(re.escape(phrase), " ", text, flags=re.IGNORECASE)
    for pattern, plain in _PRIVATE:
        for found in pattern.finditer(text):
            yield found.group(), plain


def find_private_words(path: Path) -> list[str]:
    """The private words of a file, each with its line."""
    name = path.relative_to(ROOT).as_posix()
    return [
        f"{name}:{line}: {word!r} (write: {plain}) in: {' '.join(text.split())[:120]}"
        for line, text in texts(path)
        for word, plain in private_words(text)
    ]


def test_texts_for_users_have_no_private_words() -> None:
    paths = user_files()
    names = {path.relative_to(ROOT).as_posix() for path in paths}
    assert {"README.md", "repos.yaml", "scripts/demo", "altai_build/cli/deps.py", "docs/verify.md"} <= names
    wrong = [line for path in paths for line in find_private_words(path)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('raise InputError("no room", todo="mend it")', ["room", "mend"]),
        ('run.story.warn(f"{name}: told by {who}")', ["told"]),
        ('raise InputError("a" "nd lost")', ["lost"]),
        ('"""A story, which no user reads."""', []),
        ('@click.command()\ndef build():\n    """A story, which --help prints."""', ["story"]),
        ('@click.option("--x", help="Tell all.")\ndef build():\n    """Build."""', ["Tell"]),
        ('STATUS = {"lost": 1}', []),
        ('"died of a segmentation fault"', []),
        ('"the interface surfaces"', []),
    ],
)
def test_literals_and_help_are_texts_and_other_docstrings_are_not(source: str, expected: list[str]) -> None:
    literals = [text for _, text in python_texts(source) if " " in text]
    assert [word for text in literals for word, _ in private_words(text)] == expected


def test_names_in_scripts_are_no_texts() -> None:
    lines = ["local floor total", 'echo "$floor" # the road', "tell() {", 'die 3 "no room"']
    found = [word for _, text in script_texts("\n".join(lines)) for word, _ in private_words(text)]
    assert found == ["road", "room"]


def test_tags_and_template_code_are_no_texts() -> None:
    page = MarkupTexts()
    page.feed('<style>.door {}</style><circle class="room"/><p>{{ story }} the road {% if lost %}</p>')
    assert [word for _, text in page.texts for word, _ in private_words(text)] == ["road"]
