"""Jinja in a sandbox with a budget, for templates that other people wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

from altai_build.errors import InputError

OUTPUT_LIMIT = 4 << 20  # characters of one expanded value
TEMPLATE_STEP_LIMIT = 100_000  # loop turns and calls of one value; the largest of mock's own needs ten
_ALLOWED_FILTERS = (
    "default",
    "d",
    "first",
    "int",
    "last",
    "length",
    "list",
    "lower",
    "string",
    "trim",
    "upper",
)
_ALLOWED_METHODS = (
    "endswith",
    "get",
    "items",
    "keys",
    "lower",
    "split",
    "startswith",
    "strip",
    "upper",
    "values",
)


class _LimitedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, less what only serves to eat time and memory."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(keep_trailing_newline=True, autoescape=False)
        self.filters = {name: self.filters[name] for name in _ALLOWED_FILTERS}
        self.filters.update(counted=self.counted, bounded=_check_size, replace=_replace, join=_join)
        self.globals = {"range": self.globals["range"]}
        self.work = TEMPLATE_STEP_LIMIT

    def spend_step(self) -> None:
        """Take one from the budget."""
        self.work -= 1
        if self.work < 0:
            raise SecurityError("the template does more work than any configuration needs")

    def counted(self, items: Iterable[Any]) -> Iterator[Any]:
        """The items of a loop, each paid from the budget."""
        for item in items:
            self.spend_step()
            yield item

    def call(self, context: Any, obj: Any, *arguments: Any, **named: Any) -> Any:
        """Macros, range() and harmless methods; everything else is no part of a configuration."""
        self.spend_step()
        method = getattr(obj, "__name__", type(obj).__name__)
        plain = isinstance(getattr(obj, "__self__", None), (str, dict, list)) and method in _ALLOWED_METHODS
        if not plain and not isinstance(obj, Macro) and obj is not self.globals["range"]:
            raise SecurityError(f"{method}() is not called in templates here")
        return super().call(context, obj, *arguments, **named)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic on numbers, and + on strings and lists: 'x' * 10**9 is no configuration."""
        numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
        if operator == "**" or not (numbers or operator == "+"):
            raise SecurityError(f"the operator {operator} is only read between numbers")
        return _check_size(super().call_binop(context, operator, left, right))


def _check_size(value: Any) -> Any:
    """The value, unless repetition has made it absurdly large."""
    if isinstance(value, (str, list, tuple)) and len(value) > OUTPUT_LIMIT:
        raise SecurityError(f"a value is longer than {OUTPUT_LIMIT} characters")
    return value


def _replace(text: object, old: str, new: str) -> str:
    """Jinja's filter `replace`, refused before it makes something too large."""
    whole = str(text)
    if len(whole) + whole.count(old) * len(new) > OUTPUT_LIMIT:
        raise SecurityError(f"a value is longer than {OUTPUT_LIMIT} characters")
    return whole.replace(old, new)


def _join(items: Iterable[Any], separator: str = "") -> str:
    """Jinja's filter `join`, refused before it makes something too large."""
    words = [str(item) for item in items]
    if sum(map(len, words)) + len(words) * len(separator) > OUTPUT_LIMIT:
        raise SecurityError(f"a value is longer than {OUTPUT_LIMIT} characters")
    return separator.join(words)


def render(text: str, values: Mapping[str, Any], *, where: str) -> str:
    """One expansion of a template, within the budget. Raises InputError when it is wrong or asks for too much."""
    environment = _LimitedEnvironment()
    try:
        tree = environment.parse(text)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "counted", [], [], None, None, lineno=loop.lineno)
        for chain in tree.find_all(nodes.Concat):
            chain.nodes = [
                nodes.Filter(part, "bounded", [], [], None, None, lineno=chain.lineno) for part in chain.nodes
            ]
        tree.set_environment(environment)
        parts: list[str] = []
        size = 0
        for part in environment.from_string(tree).generate(dict(values)):
            size += len(part)
            if size > OUTPUT_LIMIT:
                raise SecurityError(f"the result is longer than {OUTPUT_LIMIT} characters")
            parts.append(part)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        place = f"{where}, line {line}" if line else where
        raise InputError(
            f"the template in {place} cannot be expanded", why=error.message or str(error)
        ) from error
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError, RecursionError) as error:
        raise InputError(f"the template in {where} fails", why=str(error)) from error
    return "".join(parts)
