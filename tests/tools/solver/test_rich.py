"""Rich dependencies are read as libsolv reads them, and evaluated as rpm's manual says."""

from __future__ import annotations

import pytest
import solv
from hypothesis import given, settings
from hypothesis import strategies as st

from altai_build.tools.solver.rich import (
    Atom,
    Operation,
    RichNode,
    is_met,
    list_condition_atoms,
    list_demands,
    list_needed_atoms,
    parse_requirement,
)

ATOMS = st.sampled_from(
    ["a", "b", "c >= 1.2", "lib(x)", "pkgconfig(y) = 2:1-3", "python3dist(z[q]) < 4", "/bin/sh"]
)


def operations(operand: st.SearchStrategy[RichNode]) -> st.SearchStrategy[RichNode]:
    joined = st.builds(
        lambda operator, operands: Operation(operator, tuple(operands)),
        st.sampled_from(["and", "or"]),
        st.lists(operand, min_size=2, max_size=3),
    )
    conditional = st.builds(
        lambda operator, operands: Operation(operator, tuple(operands)),
        st.sampled_from(["if", "unless"]),
        st.lists(operand, min_size=2, max_size=3),
    )
    return joined | conditional


NODES = st.recursive(ATOMS.map(Atom), operations, max_leaves=8)


@given(NODES.filter(lambda node: isinstance(node, Operation)), st.sets(ATOMS))
@settings(max_examples=200, deadline=None)
def test_every_requirement_is_read_as_it_was_written_and_as_libsolv_reads_it(
    node: RichNode, provided: set[str]
) -> None:
    assert parse_requirement(str(node)) == node
    pool = solv.Pool()
    pool.setdisttype(solv.Pool.DISTTYPE_RPM)
    dep = pool.parserpmrichdep(str(node))
    # libsolv refuses some operators inside others, and joins nested ones of a kind.
    if dep is not None:
        has = provided.__contains__
        assert is_met(parse_requirement(str(dep)), has, has) is is_met(node, has, has)


@pytest.mark.parametrize(
    "text",
    [
        *("(", "()", "(a", "(a))", "(a b)", "(a and)", "(and)", "(a and b or c)", "(a if b else c else d)"),
        *("(a else b)", "(a or b) c", "(>= 1)", "(" * 500 + "a" + ")" * 500, "(a or " * 20_000),
    ],
)
def test_a_requirement_with_errors_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a requirement|too many parentheses"):
        parse_requirement(text)


def test_a_long_requirement_is_read_quickly() -> None:
    node = parse_requirement(f"({' or '.join(['a'] * 100_000)})")
    assert sum(1 for _ in list_needed_atoms(node)) == 100_000


@pytest.mark.parametrize(
    ("text", "provided", "expected"),
    [
        ("a", "a", True),
        ("a", "", False),
        ("(a and b)", "a", False),
        ("(a or b)", "b", True),
        ("(a if b)", "", True),
        ("(a if b)", "b", False),
        ("(a if b)", "ab", True),
        ("(a if b else c)", "", False),
        ("(a if b else c)", "c", True),
        ("(a if b else c)", "bc", False),
        ("(a unless b)", "", False),
        ("(a unless b)", "b", True),
        ("((a if (b and c)) and d)", "bd", True),
        ("((a if (b and c)) and d)", "bcd", False),
    ],
)
def test_a_requirement_is_met_by_what_is_provided(text: str, provided: str, expected: bool) -> None:
    node = parse_requirement(text)
    assert is_met(node, provided.__contains__, provided.__contains__) is expected


@pytest.mark.parametrize(
    ("text", "needed", "conditions"),
    [
        ("a", ["a"], []),
        ("(a if b else c)", ["a", "c"], ["b"]),
        ("((a if b) and (c or d))", ["a", "c", "d"], ["b"]),
        ("(a with b)", ["(a with b)"], []),
        ("(a if (b with c >= 1))", ["a"], ["(b with c >= 1)"]),
    ],
)
def test_needed_atoms_and_conditions_are_told_apart(
    text: str, needed: list[str], conditions: list[str]
) -> None:
    node = parse_requirement(text)
    assert [atom.text for atom in list_needed_atoms(node)] == needed
    assert [atom.text for atom in list_condition_atoms(node)] == conditions


@pytest.mark.parametrize(
    ("text", "possible", "demands"),
    [
        ("a", "", []),
        ("(a or b)", "ab", []),
        ("(a if b)", "", []),
        ("(a if b)", "b", ["a"]),
        ("(a if b else c)", "b", ["a"]),
        ("((a if b) and (c if d))", "bd", ["a", "c"]),
        ("((a if b) if c)", "bc", ["(a if b)", "a"]),
        ("(a unless b)", "b", ["a"]),
    ],
)
def test_what_some_machine_demands(text: str, possible: str, demands: list[str]) -> None:
    found = list_demands(parse_requirement(text), possible.__contains__)
    assert [str(node) for node in found] == demands
