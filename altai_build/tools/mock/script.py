"""The Python of mock's configuration files, read statement by statement and never executed."""

from __future__ import annotations

import ast
import difflib
import operator
import os
import stat
import warnings
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from altai_build.errors import InputError

SIZE_LIMIT = 1 << 20  # bytes of one file; the largest that mock ships has 15 KB
VALUE_LIMIT = 4 << 20  # characters or items of one value
AST_NODE_LIMIT = 100_000  # all values, counted with what they hold
FILES_LIMIT = 100
ALLOWED_STATEMENTS = (
    "only data is read here, no program is run: config_opts['name'] = …, config_opts['a']['b'] = …, +=, del; "
    ".append, .extend, .insert, .remove, .update, .setdefault, .pop; include('file'); names; strings, numbers, "
    "lists, tuples and dictionaries joined with +; int(), str(); "
    "if/else on ==, !=, <, in, not, and, or, .get, .startswith, .endswith"
)

# Older names that mock keeps as other spellings of the same option (mockbuild/config.py, setup_default_config_opts).
_ALIASES = {"yum.conf": "dnf.conf", "dnf5.conf": "dnf.conf", "dnf4.conf": "dnf.conf"}
for _suffix in (
    "command",
    "common_opts",
    "install_command",
    "disable_plugins",
    "avoid_opts",
    "builddep_opts",
):
    _ALIASES[f"dnf_{_suffix}"] = f"dnf4_{_suffix}"
for _manager in ("dnf4", "dnf5", "yum", "microdnf"):
    _ALIASES[f"system_{_manager}_command"] = f"{_manager}_system_command"
_ALIASES["system_dnf_command"] = "dnf4_system_command"


class MockOptions(MutableMapping[str, Any]):
    """`config_opts`: a dictionary that knows mock's older option names."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __getitem__(self, key: str) -> Any:
        return self._values[_ALIASES.get(key, key)]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[_ALIASES.get(key, key)] = value

    def __delitem__(self, key: str) -> None:
        del self._values[_ALIASES.get(key, key)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class ConfigDirectories:
    """The directories from which configuration may be read, and what was read from them."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self.directories = tuple(dict.fromkeys(directories))
        self._roots = tuple(os.path.realpath(directory) for directory in self.directories)
        self.read: list[Path] = []

    def text(self, path: Path) -> str:
        """The text of a configuration file; InputError when it is none, too large or outside the directories."""
        real = os.path.realpath(path)
        if not any(real.startswith(root.rstrip("/") + "/") for root in self._roots):
            raise InputError(
                f"{path} is outside the places that mock configurations are read from",
                why=f"it leads to {real}; allowed: {', '.join(map(str, self.directories))}",
                todo="copy the file beside the configuration that needs it",
            )
        if len(self.read) >= FILES_LIMIT:
            raise InputError(
                f"a mock configuration is made of more than {FILES_LIMIT} files", why=str(self.read[0])
            )
        try:
            data = _read_regular_file(path)
            text = data.decode("utf-8")
        except OSError as error:
            raise InputError(f"cannot read {path}", why=error.strerror or str(error)) from error
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise InputError(f"{path}:{line}: not UTF-8 text", why=str(error)) from error
        self.read.append(path)
        return text

    def find(self, name: str, *, beside: Path) -> Path | None:
        """Where an include leads: an absolute path, a directory of the library (as mock), or beside the asker."""
        if os.path.isabs(name):
            return Path(name) if os.path.isfile(name) else None
        places = [directory / name for directory in (*self.directories, beside)]
        return next((place for place in places if place.is_file()), None)


def _read_regular_file(path: Path) -> bytes:
    """The bytes of a regular file within the limit (a FIFO or a device would never end)."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise InputError(f"{path} is not a regular file")
        data = stream.read(SIZE_LIMIT + 1)
    if len(data) > SIZE_LIMIT:
        raise InputError(f"{path} is larger than {SIZE_LIMIT} bytes", why="no mock configuration is")
    return data


def run(path: Path, *, library: ConfigDirectories, options: MockOptions) -> None:
    """Apply the statements of a configuration file, and of those it includes, to `options`.

    Raises InputError, with file, line and the line's text, for a statement whose effect cannot be known by reading.
    """
    _ScriptInterpreter(library, options).file(path)
    _check_size(path, options)


def _check_size(path: Path, options: MockOptions) -> None:
    """Refuse values that hold each other or one another many times over: written out they would have no end."""
    waiting: list[Any] = [dict(options)]
    for _ in range(AST_NODE_LIMIT):
        if not waiting:
            return
        value = waiting.pop()
        if isinstance(value, MockOptions):
            break
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)
    raise InputError(f"{path}: its values hold themselves, or one another too often", why=ALLOWED_STATEMENTS)


class _ScriptInterpreter:
    """One configuration file with its includes; as in mock they share one set of names."""

    def __init__(self, library: ConfigDirectories, options: MockOptions) -> None:
        self.library = library
        self.options = options
        self.names: dict[str, Any] = {"config_opts": options}
        self.included: set[str] = set()
        self.open_files: list[Path] = []
        self.lines: list[str] = []

    # Files

    def file(self, path: Path) -> None:
        """Work through one file; a second inclusion is skipped, as mock does."""
        if os.path.realpath(path) in self.included:
            return
        self.included.add(os.path.realpath(path))
        text = self.library.text(path)
        outer_lines, self.lines = self.lines, text.splitlines()
        self.open_files.append(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of doubtful escapes in other people's strings
                tree = ast.parse(text, filename=str(path))
            for statement in tree.body:
                self.apply_top_level(statement)
        except SyntaxError as error:
            line = error.lineno or 1
            raise InputError(f"{path}:{line}: {error.msg}", why=(error.text or "").strip()[:200]) from error
        except (RecursionError, MemoryError, ValueError) as error:
            raise InputError(
                f"{path}: cannot be read as Python", why=str(error) or "nested too deeply"
            ) from error
        self.open_files.pop()
        self.lines = outer_lines

    def apply_top_level(self, node: ast.stmt) -> None:
        """A statement of a file: an include, or anything that may also stand in an `if`."""
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "include":
            self.include(call)
        else:
            self.statement(node)

    def include(self, call: ast.Call) -> None:
        """`include('file')`: the file's statements stand in its place."""
        name = self.value(call.args[0]) if len(call.args) == 1 and not call.keywords else None
        if not isinstance(name, str) or not name:
            self.reject(call, "include() takes one file name")
        found = self.library.find(name, beside=self.open_files[-1].parent)
        if found is None:
            places = ", ".join(
                map(str, dict.fromkeys((*self.library.directories, self.open_files[-1].parent)))
            )
            self.reject(call, f"the included file {name} does not exist", todo=f"looked in {places}")
        if any(os.path.samefile(found, path) for path in self.open_files):
            chain = " → ".join(path.name for path in (*self.open_files, found))
            self.reject(call, "the files include each other in a circle", todo=f"break the circle {chain}")
        self.file(found)

    # Statements

    def statement(self, node: ast.stmt) -> None:
        """Apply one statement."""
        try:
            if isinstance(node, ast.Assign):
                value = self.value(node.value)
                for target in node.targets:
                    self.assign(target, value)
            elif isinstance(node, ast.AugAssign):
                self.apply_augmented_assignment(node)
            elif isinstance(node, ast.Expr):
                self.apply_expression(node.value)
            elif isinstance(node, ast.Delete):
                for target in node.targets:
                    container, key = self.place(target)
                    del container[key]
            elif isinstance(node, ast.If):
                for inner in node.body if self.value(node.test) else node.orelse:
                    self.statement(inner)
            elif not isinstance(node, ast.Pass):
                self.reject(node, "this statement cannot be read without running it")
        except KeyError as error:
            self.unknown(node, error.args[0])
        except (TypeError, IndexError, ValueError, AttributeError) as error:
            self.reject(node, f"this statement fails: {error}")

    def assign(self, target: ast.expr, value: Any) -> None:
        """`name = …` or `config_opts[…]… = …`."""
        if isinstance(target, ast.Name) and target.id not in ("config_opts", "include"):
            self.names[target.id] = value
        else:
            container, key = self.place(target)
            container[key] = value

    def apply_augmented_assignment(self, node: ast.AugAssign) -> None:
        """`… += …` on strings, lists and numbers."""
        if not isinstance(node.op, ast.Add):
            self.reject(node, "only += changes a value in place here")
        if isinstance(node.target, ast.Name):
            old = self.value(ast.copy_location(ast.Name(id=node.target.id, ctx=ast.Load()), node))
        else:
            container, key = self.place(node.target)
            old = container[key]
        old += self.value(node.value)  # a list is extended where it is, as Python does
        self.assign(node.target, self.check_size(node, old))

    def place(self, target: ast.expr) -> tuple[Any, Any]:
        """The container and the key that a subscript names."""
        if not isinstance(target, ast.Subscript):
            self.reject(target, "only names and config_opts[…] can be assigned to")
        container = self.value(target.value)
        if not isinstance(container, (MockOptions, dict, list)):
            self.reject(target, f"a value of type {type(container).__name__} has no parts to assign to")
        return container, self.value(target.slice)

    def apply_expression(self, node: ast.expr) -> None:
        """A docstring, or a call that changes a dictionary or a list."""
        if isinstance(node, ast.Constant):
            return
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            self.reject(node, "this statement cannot be read without running it")
        self.call(node, _MUTATING_METHODS)

    # Values

    def value(self, node: ast.expr) -> Any:
        """What an expression is worth."""
        reader = _EVALUATORS.get(type(node))
        if reader is None:
            self.reject(node, "this value cannot be known without running the file")
        return reader(self, node)

    def name(self, node: ast.Name) -> Any:
        if node.id not in self.names:
            self.reject(node, f"the name {node.id} is not set here")
        return self.names[node.id]

    def evaluate_dict(self, node: ast.Dict) -> dict[Any, Any]:
        result = {}
        for key, value in zip(node.keys, node.values):
            if key is None:
                self.reject(node, "** is not read in dictionaries")
            result[self.value(key)] = self.value(value)
        return result

    def sum(self, node: ast.BinOp) -> Any:
        if not isinstance(node.op, ast.Add):
            self.reject(node, "+ is the only operator that is read")
        return self.check_size(node, self.value(node.left) + self.value(node.right))

    def evaluate_unary(self, node: ast.UnaryOp) -> Any:
        operand = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return not operand
        if isinstance(node.op, ast.USub) and isinstance(operand, (int, float)):
            return -operand
        self.reject(node, "of the unary operators only not and - are read")

    def evaluate_bool_op(self, node: ast.BoolOp) -> Any:
        wanted = isinstance(node.op, ast.Or)
        result: Any = None
        for operand in node.values:
            result = self.value(operand)
            if bool(result) is wanted:
                break
        return result

    def comparison(self, node: ast.Compare) -> bool:
        left = self.value(node.left)
        for sign, operand in zip(node.ops, node.comparators):
            right = self.value(operand)
            if not _COMPARISONS[type(sign)](left, right):
                return False
            left = right
        return True

    def evaluate_conditional(self, node: ast.IfExp) -> Any:
        return self.value(node.body if self.value(node.test) else node.orelse)

    def call(self, node: ast.Call, methods: dict[type, frozenset[str]] | None = None) -> Any:
        """A method of a dictionary, list or string, from the list of those that may be called; or int() or str()."""
        if not isinstance(node.func, ast.Attribute):
            return self.convert(node)
        owner, method = self.value(node.func.value), node.func.attr
        allowed = (methods or _READING_METHODS).get(type(owner), frozenset())
        if method not in allowed:
            self.reject(node, f".{method}() of a {type(owner).__name__} is not called here")
        if any(keyword.arg is None for keyword in node.keywords) and method != "update":
            self.reject(node, "** is not read in calls")
        positional = [self.value(argument) for argument in node.args]
        named = {str(keyword.arg): self.value(keyword.value) for keyword in node.keywords}
        result = getattr(owner, method)(*positional, **named)
        self.check_size(node, owner)
        return result

    def convert(self, node: ast.Call) -> int | str:
        """`int(config_opts['releasever'])` and `str(…)`."""
        convert = _CONVERTERS.get(node.func.id) if isinstance(node.func, ast.Name) else None
        values = [self.value(argument) for argument in node.args]
        if convert is None or node.keywords or len(values) != 1 or not isinstance(values[0], (str, int)):
            self.reject(node, "of the functions only int() and str() of one string or number are read")
        return convert(values[0])

    def check_size(self, node: ast.AST, value: Any) -> Any:
        """The value, unless repetition has made it absurdly large."""
        if isinstance(value, (str, list, tuple)) and len(value) > VALUE_LIMIT:
            self.reject(node, "this value grows beyond all measure")
        return value

    # Faults

    def reject(self, node: ast.AST, what: str, *, todo: str = ALLOWED_STATEMENTS) -> NoReturn:
        """Report a statement at its place."""
        line = getattr(node, "lineno", 1)
        source = self.lines[line - 1] if line <= len(self.lines) else ""
        raise InputError(f"{self.open_files[-1]}:{line}: {what}", why=source.strip()[:200], todo=todo)

    def unknown(self, node: ast.AST, key: object) -> NoReturn:
        """Report an option that is read before it is set."""
        near = difflib.get_close_matches(str(key), list(self.options), n=3)
        hint = f"perhaps {' or '.join(near)} is meant" if near else "set it before it is used"
        self.reject(node, f"{key!r} is not set here", todo=hint)


_EVALUATORS: dict[type, Callable[[_ScriptInterpreter, Any], Any]] = {
    ast.Constant: lambda script, node: node.value,
    ast.Name: _ScriptInterpreter.name,
    ast.List: lambda script, node: [script.value(item) for item in node.elts],
    ast.Tuple: lambda script, node: tuple(script.value(item) for item in node.elts),
    ast.Dict: _ScriptInterpreter.evaluate_dict,
    ast.Subscript: lambda script, node: script.value(node.value)[script.value(node.slice)],
    ast.BinOp: _ScriptInterpreter.sum,
    ast.UnaryOp: _ScriptInterpreter.evaluate_unary,
    ast.BoolOp: _ScriptInterpreter.evaluate_bool_op,
    ast.Compare: _ScriptInterpreter.comparison,
    ast.IfExp: _ScriptInterpreter.evaluate_conditional,
    ast.Call: _ScriptInterpreter.call,
}
_COMPARISONS: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_CONVERTERS: dict[str, Callable[[Any], int | str]] = {"int": int, "str": str}
_READING_METHODS: dict[type, frozenset[str]] = {
    MockOptions: frozenset({"get"}),
    dict: frozenset({"get"}),
    str: frozenset({"startswith", "endswith"}),
}
_MUTATING_METHODS: dict[type, frozenset[str]] = {
    MockOptions: frozenset({"update", "setdefault", "pop"}),
    dict: frozenset({"update", "setdefault", "pop"}),
    list: frozenset({"append", "extend", "insert", "remove"}),
}
