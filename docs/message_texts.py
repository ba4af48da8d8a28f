"""For the page of troubles: the texts of findings and of errors in repos.yaml, found in the code, each with an anchor.

A finding and a line about repos.yaml are put together from texts of their modules, so every text there is listed.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from error_texts import as_html

from altai_build.rules.registry import RULES
from altai_build.tools.text_rendering import INSERTED, Renderer

# Words that a message has at least; shorter texts are names and formats.
_FEWEST_WORDS = 3


class Source(NamedTuple):
    """Modules whose texts belong together: the beginning of their anchors, and what they are on the page."""

    prefix: str
    title: str
    patterns: tuple[str, ...]


SOURCES = (
    Source("repos-yaml", "Lines of errors in repos.yaml", ("config/*.py",)),
    Source(
        "finding",
        "Findings of `verify` and `upgrade-check`",
        (
            "rules/*.py",
            "stages/upgrade.py",
            "stages/replacements.py",
            "stages/verify.py",
            "pipeline/published/upgrade.py",
            "pipeline/published/history.py",
            "pipeline/published/remembered.py",
            "pipeline/published/approvals.py",
            "model/trace.py",
            "model/compat.py",
            "model/release_chain.py",
        ),
    ),
)
# They describe keys, whose page is the reference.
_NOT_MESSAGES = ("_keys.py", "key_description.py", "definition_keys.py")


def find_texts(tree: ast.Module) -> Iterator[ast.expr]:
    """The texts of a module that are not documentation and not given to an error, whole f-strings too."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Raise):
            continue
        is_documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_documentation or (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "compile"):
            continue
        if isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str)
        ):
            yield node
        else:
            waiting += ast.iter_child_nodes(node)


def make_anchor(prefix: str, text: str) -> str:
    """The anchor of a text: its words, without the values that are inserted."""
    return "-".join((prefix, *re.findall(r"[a-z0-9]+", INSERTED.sub(" ", text).lower())))


def list_texts(package: Path, source: Source) -> dict[str, tuple[str, set[str]]]:
    """Anchor → text and the modules that have it."""
    found: dict[str, tuple[str, set[str]]] = {}
    renderer = Renderer({})
    for pattern in source.patterns:
        for path in sorted(package.glob(pattern)):
            if path.name.endswith(_NOT_MESSAGES):
                continue
            module = path.relative_to(package).with_suffix("").as_posix()
            for node in find_texts(ast.parse(path.read_text(encoding="utf-8"))):
                text = renderer.render(node, {})
                words = re.findall(r"[A-Za-z]{2,}", INSERTED.sub(" ", text))
                if len(words) >= _FEWEST_WORDS and " " in text:
                    found.setdefault(make_anchor(source.prefix, text), (text, set()))[1].add(module)
    return found


def describe_messages(package: Path) -> Iterator[str]:
    """All texts of findings and of lines about repos.yaml, as Markdown."""
    by_module: dict[str, list[str]] = {}
    for rule in RULES:
        module = rule.check.__module__.removeprefix("altai_build.").replace(".", "/")
        by_module.setdefault(module, []).append(rule.id)
    for source in SOURCES:
        texts = list_texts(package, source)
        yield f"\n### {source.title}\n\n{len(texts)} texts, of which a message has one or several.\n\n<dl>"
        for anchor, (text, modules) in sorted(texts.items()):
            rules = sorted({rule for module in modules for rule in by_module.get(module, ())})
            links = ", ".join(f'<a href="rules.html#{rule}">{html.escape(rule)}</a>' for rule in rules)
            yield f'<dt><a id="{anchor}" href="#{anchor}">{as_html(text)}</a></dt>'
            yield f"<dd>rules: {links}</dd>" if links else ""
        yield "</dl>\n"
