"""Texts of the program as its code has them: what is inserted is shown by its name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

# Names that say less than that of the object which has them.
_VAGUE = {"name", "path", "value", "text", "what", "strerror", "stem", "args"}
# What stands around the name of an inserted value.
INSERTED = re.compile("\x01(.*?)\x02")
# What stands before, between and behind texts of which a message has one.
CHOICE = "\x03\x04\x05"

# Local variables with all that is assigned to them.
Values = dict[str, list[ast.expr]]


class Renderer:
    """Renders expressions; `constants` are those of a package, by their names."""

    def __init__(self, constants: Mapping[str, ast.expr]) -> None:
        self._constants = constants

    def alternatives(self, value: ast.expr | None, local: Values) -> Iterator[str]:
        """The texts that an expression may have."""
        if isinstance(value, ast.IfExp):
            yield from self.alternatives(value.body, local)
            yield from self.alternatives(value.orelse, local)
        elif isinstance(value, ast.Name) and value.id in local:
            for assigned in local[value.id]:
                yield self.render(assigned, {})
        else:
            yield self.render(value, local)

    def render(self, value: ast.expr | None, local: Values) -> str:
        """The text of an expression, with the names of inserted values."""
        if value is None:
            return ""
        if isinstance(value, ast.Constant) and isinstance(value.value, (str, int)):
            return str(value.value)
        if isinstance(value, ast.JoinedStr):
            return "".join(self.render(part, local) for part in value.values)
        if isinstance(value, ast.FormattedValue):
            text = self.render(value.value, {})
            return f"'{text}'" if value.conversion == ord("r") else text
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
            return self.render(value.left, local) + self.render(value.right, local)
        if isinstance(value, ast.IfExp):
            texts = dict.fromkeys(self.render(choice, local) for choice in (value.body, value.orelse))
            return f"{CHOICE[0]}{CHOICE[1].join(filter(None, texts))}{CHOICE[2]}"
        if isinstance(value, ast.Name):
            return self._render_name(value, local)
        if isinstance(value, ast.Call) and last_name(value.func) == "format_count":
            return f"\x01COUNT\x02 {self.render(value.args[1], local)}s"
        return _insert(value)

    def _render_name(self, value: ast.Name, local: Values) -> str:
        """The text of a variable or constant, else its name."""
        assigned = local.get(value.id, [])
        if len(assigned) == 1:
            return self.render(assigned[0], {})
        constant = self._constants.get(value.id) if value.id.isupper() else None
        if isinstance(constant, (ast.Constant, ast.JoinedStr)):
            return self.render(constant, {})
        return _insert(value)


def _insert(value: ast.expr) -> str:
    return f"\x01{_name(value).strip('_').upper() or 'TEXT'}\x02"


def _name(value: ast.AST) -> str:
    """A name for the value of an expression, "" where nothing in it has one."""
    if isinstance(value, ast.Name):
        return value.id
    if isinstance(value, ast.Attribute):
        return (value.attr in _VAGUE and _name(value.value).replace("self", "")) or value.attr
    if isinstance(value, ast.Call):
        if last_name(value.func) == "len":
            return "count"
        inner = next(filter(None, map(_name, value.args)), "")
        return inner or _name(value.func.value if isinstance(value.func, ast.Attribute) else value.func)
    return next(filter(None, map(_name, ast.iter_child_nodes(value))), "")


def last_name(value: ast.AST) -> str:
    """The name that an expression ends with, "" where it has none."""
    return value.id if isinstance(value, ast.Name) else value.attr if isinstance(value, ast.Attribute) else ""


def has_words(text: str) -> bool:
    """True where a text says something besides what is inserted."""
    return re.search("[a-z]", INSERTED.sub("", text)) is not None
