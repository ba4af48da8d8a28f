"""Each check that the code makes has a kind of its own, and only programs have that of programs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import altai_build
from altai_build.model.doctor_checks import CHECK_DESCRIPTIONS, find_check_kind

PACKAGE = Path(altai_build.__file__).parent


def list_names() -> set[str]:
    """The names of checks in the code; what is inserted becomes `x`."""
    names = set()
    for module in ("doctor", "definition_marks", "repository_checks"):
        tree = ast.parse((PACKAGE / "pipeline" / f"{module}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            values: list[ast.expr] = []
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", "")
                values = [key.value for key in node.keywords if key.arg == "check"]
                values += node.args[:1] if name in ("run_check", "make_failed_check") else []
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "check":
                values = [node.value]
            for value in values:
                if isinstance(value, ast.Constant):
                    names.add(str(value.value))
                elif isinstance(value, ast.JoinedStr):
                    parts = (str(getattr(part, "value", "")) for part in value.values)
                    texts = [
                        text if isinstance(part, ast.Constant) else "1"
                        for text, part in zip(parts, value.values)
                    ]
                    names.add("".join(texts))
    return names


def test_the_code_makes_checks_of_every_kind() -> None:
    kinds = {name: find_check_kind(name) for name in list_names()}
    assert len(kinds) > 12
    assert [name for name, kind in kinds.items() if kind == "program"] == []
    assert {*kinds.values(), "program"} == {check.kind for check in CHECK_DESCRIPTIONS}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("git", "program"),
        ("gpg-agent", "program"),
        ("python", "python"),
        ("python libraries", "libraries"),
        ("key sandbox", "key"),
        ("signing with altai", "signing"),
        ("repository base/os", "repository"),
        ("repositories of m", "repository"),
        ("target.cfg, line 3", "mark"),
    ],
)
def test_a_name_has_the_kind_of_its_first_words(name: str, kind: str) -> None:
    assert find_check_kind(name) == kind
