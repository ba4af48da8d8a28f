"""The program that evaluates a mock configuration, as mock does: it runs in a sandbox, never in the host's process.

It reads a request from standard input and writes one JSON document: the options and their expanded values, or where and
why the configuration fails. It imports nothing of altai_build: `tools.mock.evaluate` starts it with mock's own library
templated_dictionary and nothing else of the host.
"""

from __future__ import annotations

import copy
import glob
import grp
import json
import os
import pwd
import re
import resource
import shlex
import socket
import sys
import uuid
import warnings
from ast import literal_eval
from collections.abc import Iterator, Mapping
from typing import Any

MEMORY_LIMIT = 1 << 30  # bytes
# mock runs a file with the names of its own module: configurations use these without importing them.
_MODULES = (glob, grp, json, os, pwd, re, shlex, socket, sys, uuid)
_TEMPLATE_MARKS = ("{{", "{%", "{#")
_INTERNAL_KEYS = ("_aliases", "__jinja_expand")


class _ConfigError(Exception):
    """What `main` reports: the text, and file and line where they are known."""

    def __init__(self, message: str, *, file: str = "", line: int = 0, todo: str = "") -> None:
        super().__init__(message)
        self.report = {"message": message, "file": file, "line": line, "todo": todo}


class _PluginSettings(dict):  # type: ignore[type-arg]
    """plugin_conf: settings of a plugin that is not known here start empty, as those of an installed one do."""

    def __missing__(self, key: str) -> Any:
        if not key.endswith("_opts"):
            raise KeyError(key)
        self[key] = {}
        return self[key]


class _Evaluation:
    """One configuration: `files` are the texts of all files by path, `includes` says where an include() leads."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        from templated_dictionary import TemplatedDictionary  # type: ignore[import-untyped]

        self.files: dict[str, str] = request["files"]
        self.includes: dict[str, dict[str, str]] = request["includes"]
        self.defaults: dict[str, Any] = literal_eval(request["defaults"])
        # An alias_spec maps each name to its older names.
        spec: dict[str, list[str]] = {}
        for alias, name in request["aliases"].items():
            spec.setdefault(name, []).append(alias)
        self.options = TemplatedDictionary(alias_spec=spec)
        for name, value in copy.deepcopy(self.defaults).items():
            self.options[name] = _PluginSettings(value) if name == "plugin_conf" else value
        self.given: dict[str, str] = request["given"]
        self.options.update(self.given)
        self.done: set[str] = set()
        self.open: list[str] = []

    def run(self, path: str) -> None:
        """Execute a file that no other includes; it has names of its own."""
        self._execute(path, {module.__name__: module for module in _MODULES})

    def _execute(self, path: str, names: dict[str, Any]) -> None:
        if path in self.done:
            return
        self.done.add(path)
        self.open.append(path)
        names.update(config_opts=self.options, literal_eval=literal_eval)
        names["include"] = lambda name: self._include(name, names)
        code = compile(self.files[path], path, "exec", dont_inherit=True)
        exec(code, names)  # noqa: S102 - this process is made for that
        self.open.pop()

    def _include(self, name: str, names: dict[str, Any]) -> None:
        """`include('file')`: the file runs with the names of the including file; a second time it does nothing."""
        asker = self.open[-1]
        if name not in self.includes[asker]:
            raise ValueError("include() takes one literal file name and stands at the start of a line")
        self._execute(self.includes[asker][name], names)

    def normalize_macros(self) -> None:
        """Give every macro its leading %, and refuse those that mock refuses (check_macro_definition)."""
        macros = self.options["macros"]
        for name in list(macros):
            body = macros[name]
            if not name or (not body and body is not None) or len(name.split()) != 1:
                raise _ConfigError(
                    f"config_opts['macros'][{name!r}] = {body!r} is no macro",
                    todo="a macro has a name of one word and a value that is not empty",
                )
            if not name.startswith("%"):
                macros[f"%{name}"] = macros.pop(name)

    def result(self) -> dict[str, Any]:
        """The options of the configuration, for `EvaluatedOptions`."""
        for name in self.given:
            self.options.pop(name, None)
        for name in ("macros", "plugin_conf", "repo_arch_map"):
            if not isinstance(self.options.get(name), dict):
                raise _ConfigError(f"config_opts[{name!r}] must be a dictionary")
        self.normalize_macros()
        raw = {name: self.options[name] for name in self.options if name not in _INTERNAL_KEYS}
        for name, value in raw.items():
            _require_data(value, f"config_opts[{name!r}]")
        changed = [name for name in raw if name not in self.defaults or raw[name] != self.defaults[name]]
        plugins, usual = raw.get("plugin_conf", {}), self.defaults["plugin_conf"]
        flat = "".join(_assignments("config_opts", raw, self.defaults))
        self._fill_in_architectures()
        values, errors = self._expand(raw)
        return {
            "changed": sorted(changed),
            "plugin_settings": sorted(name for name in plugins if plugins[name] != usual.get(name)),
            "flat": flat,
            "values": values,
            "errors": errors,
        }

    def _fill_in_architectures(self) -> None:
        """What mock does between reading and using a configuration (set_config_opts_per_cmdline)."""
        target = self.options["target_arch"]
        if self.options["rpmbuild_arch"] is None:
            self.options["rpmbuild_arch"] = target
        if not self.options["repo_arch"]:
            self.options["repo_arch"] = self.options["repo_arch_map"].get(target, target)

    def _expand(self, raw: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """The expanded values; where a template fails the text, with the error: mock expands what it uses."""
        values, errors = {}, {}
        self.options["__jinja_expand"] = True
        for name in raw:
            # What the library changes in place must not be what other templates see.
            kept = self.options.__dict__[name]
            if not _has_template(kept):
                values[name] = kept
                continue
            self.options.__dict__[name] = copy.deepcopy(kept)
            try:
                values[name] = self.options[name]
            except Exception as error:
                errors[name] = _template_error(error)
                values[name] = kept
            self.options.__dict__[name] = kept
        return values, errors


def _template_error(error: Exception) -> str:
    """The words of Jinja, with the line where it knows one; of other errors their kind too."""
    if not type(error).__module__.startswith("jinja2."):
        return f"{type(error).__name__}: {error}"
    line = getattr(error, "lineno", None)
    return f"line {line}: {error}" if line else str(error)


def _has_template(value: Any) -> bool:
    """Whether a value holds a template: compiling plain text as one takes longer than all the rest."""
    if isinstance(value, str):
        return any(mark in value for mark in _TEMPLATE_MARKS)
    if isinstance(value, dict):
        return any(map(_has_template, value.values()))
    return isinstance(value, list) and any(map(_has_template, value))


def _require_data(value: Any, place: str) -> None:
    """Refuse what is no data: it has no text that means the same elsewhere."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, (str, int)):
                raise _ConfigError(f"{place} has a key that is no text: {key!r}")
            _require_data(item, f"{place}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for item in value:
            _require_data(item, place)
    elif not isinstance(value, (str, int, float, type(None))):
        raise _ConfigError(
            f"{place} holds a {type(value).__name__}",
            todo="write text, numbers, True, False, None, lists, tuples or dictionaries",
        )


def _assignments(place: str, value: Mapping[Any, Any], default: Mapping[Any, Any]) -> Iterator[str]:
    """The assignments that lead from mock's defaults to these options."""
    for key in value:
        spot = f"{place}[{key!r}]"
        usual = default.get(key)
        if key in default and isinstance(value[key], dict) and isinstance(usual, dict):
            yield from _assignments(spot, value[key], usual)
        elif key not in default or value[key] != usual or type(value[key]) is not type(usual):
            yield f"{spot} = {_literal(value[key])}\n"
    for key in default:
        if key not in value:
            yield f"{place}.pop({key!r}, None)\n"


def _literal(value: object) -> str:
    """A value as Python text; a text of several lines stays one of several lines."""
    if isinstance(value, str) and value.count("\n") > 1:
        return "(\n" + "".join(f"    {line!r}\n" for line in value.splitlines(keepends=True)) + ")"
    return repr(value)


def _describe(error: BaseException, evaluation: _Evaluation) -> dict[str, Any]:
    """What a person needs to find the fault: the innermost line of the configuration, and the words."""
    if isinstance(error, _ConfigError):
        return error.report
    file, line = (evaluation.open[-1] if evaluation.open else ""), 0
    if isinstance(error, SyntaxError):
        return {"message": error.msg, "file": error.filename or file, "line": error.lineno or 1, "todo": ""}
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in evaluation.files:
            file, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    message, todo = f"{type(error).__name__}: {error}", ""
    if isinstance(error, KeyError):
        import difflib

        key = str(error.args[0]) if error.args else ""
        near = difflib.get_close_matches(key, list(evaluation.options), n=3)
        message = f"{key!r} is not set here"
        todo = f"did you mean {' or '.join(near)}?" if near else "set it before it is used"
    elif isinstance(error, (RecursionError, MemoryError)):
        message = "nested too deeply, or too large"
    return {"message": message, "file": file, "line": line, "todo": todo}


def _limit(seconds: int) -> None:
    """Lay on the limits of a configuration: no further process, no file, a bounded time and memory."""
    for kind, soft, hard in (
        (resource.RLIMIT_NPROC, 0, 0),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        # The soft limit sends SIGXCPU, which names the reason; the hard limit sends SIGKILL.
        (resource.RLIMIT_CPU, seconds, seconds + 1),
        (resource.RLIMIT_AS, MEMORY_LIMIT, MEMORY_LIMIT),
    ):
        resource.setrlimit(kind, (soft, hard))


def main() -> None:
    """Evaluate the request on stdin; the response goes to stdout, what the files print goes to stderr."""
    request = json.load(sys.stdin)
    sys.path[:0] = request["libraries"]
    warnings.simplefilter("ignore")
    evaluation = _Evaluation(request)
    response = os.dup(1)
    os.dup2(2, 1)
    _limit(request["seconds"])
    try:
        for path in request["start"]:
            evaluation.run(path)
        document = json.dumps(evaluation.result())
    except BaseException as error:
        document = json.dumps({"error": _describe(error, evaluation)})
    with os.fdopen(response, "w", encoding="utf-8") as stream:
        stream.write(document)
    # Whatever the configuration has left to run at the end is not run.
    os._exit(0)


if __name__ == "__main__":
    main()
