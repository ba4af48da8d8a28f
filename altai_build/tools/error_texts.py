"""Every error text of the program, found in its code, with an anchor made from its words.

A text is what a class of errors, a subclass, or a function that makes such errors is given as `what`. What an f-string
inserts is shown by its name. Texts that the code gets from elsewhere are counted.
"""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from altai_build.regular_files import read_regular_file
from altai_build.tools.text_rendering import INSERTED, Renderer, Values, has_words, last_name

_MAX_MODULE = 1 << 20  # bytes
# Classes of click; the classes of errors.py are found.
_CLICK = {"UsageError": 2, "BadParameter": 2}
# The functions around a node, the outermost first.
Functions = tuple[ast.FunctionDef, ...]


class Call(NamedTuple):
    """A call, its module, and the functions and the class ("" where there is none) around it."""

    module: str
    call: ast.Call
    functions: Functions
    owner: str


@dataclass(frozen=True)
class Maker:
    """A class of errors, or a function that makes errors from its parameter `what`.

    It adds `after` to it; `given` are its own `why` and `todo`.
    """

    codes: frozenset[int]
    parameters: tuple[str, ...] = ("what",)
    what: str = "what"
    given: tuple[str, str] = ("", "")
    after: str = ""


@dataclass
class Entry:
    """Texts with the same words: how they are written, where they are used, and each `why` with its `todo`."""

    code: int
    whats: dict[str, None] = field(default_factory=dict)
    modules: dict[str, None] = field(default_factory=dict)
    hints: dict[tuple[str, str], None] = field(default_factory=dict)


class ErrorTexts:
    """The error texts of a package, or of some of its modules (paths without the ending).

    `known` are values of constants that those modules do not define themselves.
    """

    def __init__(
        self, package: Path, modules: Iterable[str] | None = None, *, known: Mapping[str, str] | None = None
    ) -> None:
        self.entries: dict[str, Entry] = {}  # by anchor
        self.unknown: set[tuple[str, int]] = set()  # file and line of texts that are not fixed
        paths = package.rglob("*.py") if modules is None else (package / f"{name}.py" for name in modules)
        self._modules = {
            path.relative_to(package).with_suffix("").as_posix(): read_tree(path) for path in sorted(paths)
        }
        constants: dict[str, ast.expr] = {name: ast.Constant(value) for name, value in (known or {}).items()}
        constants.update(pair for tree in self._modules.values() for pair in _assigned(tree))
        self._renderer = Renderer(constants)
        self._class_definitions: list[ast.ClassDef] = []
        self._calls: list[Call] = []
        for module, tree in self._modules.items():
            self._collect(module, tree, (), "")
        self.classes = dict(_CLICK)
        self._makers: dict[str, Maker] = {}
        self._find_classes()
        # A pass may find functions that make errors; the next one reads what calls them.
        before = -1
        while before != len(self._makers):
            before = len(self._makers)
            self.entries.clear()
            self.unknown.clear()
            for call in self._calls:
                self._read(call)

    def _collect(self, module: str, node: ast.AST, functions: Functions, owner: str) -> None:
        """Collect the classes and calls in a node."""
        if isinstance(node, ast.ClassDef):
            self._class_definitions.append(node)
            owner = node.name
        elif isinstance(node, ast.FunctionDef):
            functions = (*functions, node)
        elif isinstance(node, ast.Call):
            self._calls.append(Call(module, node, functions, owner))
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.Name, ast.Constant, ast.expr_context)):
                self._collect(module, child, functions, owner)

    def _find_classes(self) -> None:
        """Find the classes of errors: what they are given is as `AltaiError.__init__` or their own has it."""
        before = -1
        while before != len(self.classes):
            before = len(self.classes)
            for node in self._class_definitions:
                bases = [base for base in map(last_name, node.bases) if base in self.classes]
                if node.name == "AltaiError" or bases:
                    self.classes[node.name] = self._exit_code(node, bases)
        self._makers = {name: Maker(frozenset({code})) for name, code in self.classes.items()}
        for node in self._class_definitions:
            for method in node.body:
                if (
                    node.name in self.classes
                    and isinstance(method, ast.FunctionDef)
                    and method.name == "__init__"
                ):
                    own = Maker(frozenset({self.classes[node.name]}), _parameters(method)[1:])
                    self._makers[node.name] = own

    def _exit_code(self, node: ast.ClassDef, bases: list[str]) -> int:
        for name, value in _assigned(node):
            if name == "exit_code":
                if isinstance(value, ast.Constant) and isinstance(value.value, int):
                    return value.value
                return self.classes[last_name(value.value)] if isinstance(value, ast.Attribute) else 70
        return self.classes[bases[0]]

    def _read(self, where: Call) -> None:
        module, call, functions, owner = where
        local = {name: values for function in functions for name, values in _by_name(function).items()}
        maker = self._find_maker(where, local)
        if maker is None and {"why", "todo"} <= {key.arg for key in call.keywords}:
            self.unknown.add((module, call.lineno))  # a class that only a run knows
        if maker is None or maker.what not in maker.parameters:
            return
        given = {
            **dict(zip(maker.parameters, call.args)),
            **{key.arg: key.value for key in call.keywords if key.arg},
        }
        what = given.get(maker.what)
        why, todo = (
            self._renderer.render(given[name], local) if name in given else own
            for name, own in zip(("why", "todo"), maker.given)
        )
        first, after = (what, "") if not isinstance(what, ast.JoinedStr) else self._split(what, local)
        is_parameter = isinstance(first, ast.Name) and functions and first.id in _parameters(functions[-1])
        if isinstance(first, ast.Name) and is_parameter and (first.id == "what" or not after):
            self._add_maker(
                module, functions[-1], owner, Maker(maker.codes, (), first.id, (why, todo), after)
            )
            return
        for text in (text + maker.after for text in self._renderer.alternatives(what, local)):
            if not has_words(text):
                self.unknown.add((module, call.lineno))
                continue
            for code in maker.codes:
                entry = self.entries.setdefault(make_anchor(code, text), Entry(code))
                entry.whats[text] = None
                entry.modules[module] = None
                entry.hints[why, todo] = None

    def _find_maker(self, where: Call, local: Values) -> Maker | None:
        module, call, _, owner = where
        name = last_name(call.func)
        if name == "__init__" and owner in self.classes:
            return Maker(frozenset({self.classes[owner]}))
        maker = self._makers.get(f"{module}:{name}") or self._makers.get(name)
        if maker is None:
            # A variable with one of several classes, or a choice of them.
            chosen = local.get(name, []) if isinstance(call.func, ast.Name) else [call.func]
            names = {
                last_name(node)
                for value in chosen
                if isinstance(value, (ast.Name, ast.IfExp))
                for node in ast.walk(value)
            }
            codes = frozenset(self.classes[found] for found in names if found in self.classes)
            maker = Maker(codes) if codes else None
        return maker

    def _add_maker(self, module: str, function: ast.FunctionDef, owner: str, maker: Maker) -> None:
        """A function that makes errors with its parameter `maker.what`; a private one is known to its module only."""
        if function.name == "__init__":
            return
        parameters = _parameters(function)[1 if owner else 0 :]
        name = f"{module}:{function.name}" if function.name.startswith("_") else function.name
        self._makers.setdefault(name, replace(maker, parameters=parameters))

    def _split(self, text: ast.JoinedStr, local: Values) -> tuple[ast.expr, str]:
        """What an f-string inserts first, at its beginning, and the text after it."""
        first, *others = text.values
        after = self._renderer.render(ast.JoinedStr(others), local)
        return first.value if isinstance(first, ast.FormattedValue) else first, after


def _parameters(function: ast.FunctionDef) -> tuple[str, ...]:
    found = function.args
    return tuple(argument.arg for argument in (*found.posonlyargs, *found.args, *found.kwonlyargs))


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What is assigned in the body of a module, class or function, without classes and functions in it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Assign, ast.AnnAssign)) and child.value is not None:
            targets = child.targets if isinstance(child, ast.Assign) else [child.target]
            yield from ((target.id, child.value) for target in targets if isinstance(target, ast.Name))
        elif isinstance(child, (ast.stmt, ast.ExceptHandler)) and not isinstance(
            child, (ast.ClassDef, ast.FunctionDef)
        ):
            yield from _assigned(child)


@functools.cache
def read_tree(path: Path) -> ast.Module:
    """The source of a module. It is not changed."""
    return ast.parse(read_regular_file(path, limit=_MAX_MODULE))


@functools.cache
def _by_name(function: ast.FunctionDef) -> Values:
    found = defaultdict(list)
    for name, value in _assigned(function):
        found[name].append(value)
    return found


def make_anchor(code: int, text: str) -> str:
    """The anchor of an error text: its exit code and its words, without the values that are inserted."""
    return "-".join((f"exit-{code}", *re.findall(r"[a-z0-9]+", INSERTED.sub(" ", text).lower())))
