"""Dependencies between libsolv's form and text, whatever a repository or a spec writes."""

from __future__ import annotations

import pytest
import solv

from altai_build.model.package import Dependency
from altai_build.tools.solver.dependencies import (
    convert_dependency,
    make_dep,
    read_requirement,
)
from altai_build.tools.solver.rich import Atom


@pytest.fixture
def pool() -> solv.Pool:
    pool = solv.Pool()
    pool.setdisttype(solv.Pool.DISTTYPE_RPM)
    return pool


@pytest.mark.parametrize(
    "text",
    ["a", "a >= 1.2", "lib(x)(64bit)", "/bin/sh", "(a if b)", "(a and b or c)", "two words", "two words = 1"],
)
def test_text_keeps_its_meaning(pool: solv.Pool, text: str) -> None:
    assert str(make_dep(pool, f" {text} ")) == text


def test_a_rich_requirement_with_errors_is_what_nothing_provides() -> None:
    assert read_requirement("(a and b or c)") == Atom("(a and b or c)")


@pytest.mark.parametrize(
    ("dependency", "text"),
    [
        (Dependency("a", "", ""), "a"),
        (Dependency("a", ">=", "1:2-3"), "a >= 1:2-3"),
        (Dependency("a", "=", ""), "a"),
        (Dependency("(a if b)", "", ""), "(a if b)"),
        (Dependency("caf\udce9", "=", "1\udce9"), "café = 1é"),
        (Dependency("(caf\udce9 if b)", "", ""), "(café if b)"),
    ],
)
def test_dependencies_of_headers(pool: solv.Pool, dependency: Dependency, text: str) -> None:
    assert str(convert_dependency(pool, dependency)) == text
