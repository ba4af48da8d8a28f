"""Rich dependencies, `(a if b)`: what they need, and on which machines.

Source of the rules: rpm, docs/manual/boolean_dependencies.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Union

# Met by one package alone: libsolv answers them as a whole.
_SAME_PACKAGE = ("with", "without")
_CONDITIONS = ("if", "unless")
_OPERATORS = ("and", "or", *_CONDITIONS, *_SAME_PACKAGE)
_COMPARISONS = ("=", "==", "<", ">", "<=", ">=")
# Levels of parentheses. rpm's own parser is recursive too; its packages have two or three.
_MAX_DEPTH = 100


@dataclass(frozen=True)
class Atom:
    """What a package provides: `name`, `name >= 1`, a file, or `(a with b)`, which one package must meet alone."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Operation:
    """Requirements joined by `and`, `or`, `if` or `unless`; the third operand of the last two is after `else`."""

    operator: str
    operands: tuple[RichNode, ...]

    def __str__(self) -> str:
        first, *rest = map(str, self.operands)
        if self.operator in _CONDITIONS and len(rest) == 2:
            return f"({first} {self.operator} {rest[0]} else {rest[1]})"
        return f"({f' {self.operator} '.join([first, *rest])})"


RichNode = Union[Atom, Operation]
# Whether anything provides the text of an atom.
IsProvided = Callable[[str], bool]


def parse_requirement(text: str) -> RichNode:
    """A requirement as a tree; a plain one is an atom. Raises ValueError for a rich one with errors."""
    text = text.strip()
    if not text.startswith("("):
        return Atom(text)
    words = deque(_split(text))
    node = _parse_group(words, text, 0)
    if words:
        raise ValueError(f"{text!r} is not a requirement: {words[0]!r} follows its end")
    return node


def list_needed_atoms(node: RichNode) -> Iterator[Atom]:
    """The atoms that can meet a requirement; those of its conditions are not among them."""
    if isinstance(node, Atom):
        yield node
        return
    operands = node.operands if node.operator not in _CONDITIONS else (node.operands[0], *node.operands[2:])
    for operand in operands:
        yield from list_needed_atoms(operand)


def list_joint_atoms(node: RichNode) -> Iterator[Atom]:
    """The atoms each of which a requirement needs: a and b of `(a and b)`; none of alternatives and conditions."""
    if isinstance(node, Atom):
        yield node
    elif node.operator == "and":
        for operand in node.operands:
            yield from list_joint_atoms(operand)


def list_condition_atoms(node: RichNode) -> Iterator[Atom]:
    """The atoms in the conditions of a requirement."""
    if isinstance(node, Atom):
        return
    for position, operand in enumerate(node.operands):
        if node.operator in _CONDITIONS and position == 1:
            yield from list_needed_atoms(operand)
        yield from list_condition_atoms(operand)


def is_met(node: RichNode, needed: IsProvided, conditions: IsProvided) -> bool:
    """Whether a requirement is met: `needed` says what is provided of what it needs, `conditions` of its conditions."""
    if isinstance(node, Atom):
        return needed(node.text)
    if node.operator == "and":
        return all(is_met(operand, needed, conditions) for operand in node.operands)
    if node.operator == "or":
        return any(is_met(operand, needed, conditions) for operand in node.operands)
    wanted, condition, *otherwise = node.operands
    applies = is_met(condition, conditions, conditions)
    if node.operator == "unless":
        applies = not applies
    if applies:
        return is_met(wanted, needed, conditions)
    return not otherwise or is_met(otherwise[0], needed, conditions)


def list_demands(node: RichNode, is_possible: IsProvided) -> Iterator[RichNode]:
    """What some machine needs for a requirement, although another does without it.

    On a machine where `b` is installed `(a if b)` needs `a`: if `b` can be installed, `a` must be available.
    """
    if isinstance(node, Atom) or node.operator == "or":
        return
    if node.operator == "and":
        for operand in node.operands:
            yield from list_demands(operand, is_possible)
        return
    wanted, condition, *_ = node.operands
    if node.operator == "unless" or is_met(condition, is_possible, is_possible):
        yield wanted
        yield from list_demands(wanted, is_possible)


def _split(text: str) -> Iterator[str]:
    """Words and parentheses; those in a name, as in `pkgconfig(x)`, are part of it."""
    for word in text.split():
        name = word.lstrip("(")
        yield from "(" * (len(word) - len(name))
        closing = 0
        while name.endswith(")") and name.count(")") > name.count("("):
            name, closing = name[:-1], closing + 1
        if name:
            yield name
        yield from ")" * closing


def _parse_group(words: deque[str], text: str, depth: int) -> RichNode:
    """`( operand operator operand … )`; takes its words from the front."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"{text[:100]!r}… has too many parentheses")
    _expect("(", words, text)
    operands = [_parse_operand(words, text, depth)]
    operators = []
    while words and words[0] != ")":
        operators.append(words.popleft())
        operands.append(_parse_operand(words, text, depth))
    _expect(")", words, text)
    if not operators:
        return operands[0]
    operator = operators[0]
    expected = [operator] * len(operators)
    if operator in _CONDITIONS:
        expected = [operator, "else"][: len(operators)]
    if operator not in _OPERATORS or operators != expected:
        raise ValueError(f"{text!r} is not a requirement: it joins with {', '.join(operators)}")
    if operator in _SAME_PACKAGE:
        return Atom(str(Operation(operator, tuple(operands))))
    return Operation(operator, tuple(operands))


def _parse_operand(words: deque[str], text: str, depth: int) -> RichNode:
    if words and words[0] == "(":
        return _parse_group(words, text, depth + 1)
    if not words or words[0] in (")", "else", *_COMPARISONS, *_OPERATORS):
        raise ValueError(f"{text!r} is not a requirement: a name is missing")
    name = words.popleft()
    if len(words) > 1 and words[0] in _COMPARISONS and words[1] not in "()":
        return Atom(f"{name} {words.popleft()} {words.popleft()}")
    return Atom(name)


def _expect(word: str, words: deque[str], text: str) -> None:
    if not words or words.popleft() != word:
        raise ValueError(f"{text!r} is not a requirement: {word!r} is missing")
