"""rpm's macro language, expanded without running anything (rpm's rpmio/macro.c).

A shell command or Lua program leaves UNKNOWN in its place. Where one could change what later macros mean, and where
rpm itself would refuse the spec, OnlyRpmKnows is raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from altai_build.tools.spec.calls import (
    QUOTE,
    MacroCall,
    find_call_end,
    parse_call,
    split_quoted,
    take_body,
)
from altai_build.tools.spec.expression import evaluate_expression
from altai_build.tools.spec.options import read_call_options
from altai_build.tools.spec.undecided import UNKNOWN, EndlessMacro, OnlyRpmKnows

# rpm's own limit of nested calls.
_DEEPEST = 64
# Characters that one text may expand to.
_LARGEST = 8 << 20
_NAME = re.compile(r"[ \t]*([A-Za-z0-9_]*)")
_LEGAL_NAME = re.compile(r"[A-Za-z]\w*|_\w+", re.ASCII)
_LINE_END = re.compile("[\n\r]|$")
_SPACES = re.compile("[ \t\n\r\f\v]+")
# A Lua program without any of these words changes no macro.
_LUA_SIDE_EFFECT = re.compile(
    r"define|global|load|require|dofile|expand|macros\s*[.\[]\s*\w+\s*\]?\s*=|_G|_ENV"
)
# Programs in rpm's own macro files that only print commands.
_PLAIN_PROGRAMS = frozenset({"autopatch", "patches", "sources", "__apply_patch"})
# Built-in macros whose argument is taken as it stands.
_UNEXPANDED_ARGUMENT = frozenset({"define", "global", "dnl", "lua", "verbose"})
# Built-in macros of newer versions of rpm, and those that depend on the machine.
_LEFT_TO_RPM = frozenset(
    {
        *("gsub", "len", "lower", "upper", "rep", "reverse", "sub", "span", "xdg"),
        *("getenv", "exists", "u2p", "url2path", "getncpus", "getconfdir", "uncompress", "macrobody"),
    }
)


class Macro(NamedTuple):
    """One definition of a macro, in front of the one that it hides."""

    name: str
    body: str
    # Letters of getopt(3); None for a macro without arguments.
    options: str | None = None
    # How many parametric macros were being expanded when it was defined; it goes when the last of them is done.
    level: int = 0
    is_literal: bool = False
    # %1, %*, %{-x} …
    is_automatic: bool = False
    hidden: Macro | None = None


class MacroExpander:
    """Macros with what they mean at the moment, and the expansion of texts by them."""

    def __init__(self, macros: Mapping[str, Macro]) -> None:
        self._macros = dict(macros)
        self._scoped: set[str] = set()
        self._level = 0
        self._depth = 0
        self.undecided_branch = False  # what is read now may be read by rpm or not
        self._builtins: dict[str, Callable[[str], str]] = {
            "basename": lambda text: text.rpartition("/")[2],
            "dirname": lambda text: text.rpartition("/")[0] if "/" in text else text,
            "suffix": lambda text: text.rpartition(".")[2] if "." in text else "",
            "shrink": lambda text: _SPACES.sub(" ", text).strip(" "),
            "quote": lambda text: f"{QUOTE}{text}{QUOTE}",
            "shescape": lambda text: "'" + text.replace("'", "'\\''") + "'",
            "expr": lambda text: str(evaluate_expression(text)),
            "expand": self.expand,
            "S": lambda number: self.expand(f"%SOURCE{number}"),
            "P": lambda number: self.expand(f"%PATCH{number}"),
            "undefine": self._undefine,
            "echo": lambda text: "",
            "warn": lambda text: "",
            "error": self._refuse_by_spec,
            "load": self._load,
        }

    # ---- definitions -----------------------------------------------------------------------------------------

    def define(self, name: str, body: str, *, is_literal: bool = False) -> None:
        """Put a definition in front of those that there are."""
        self._push(Macro(name=name, body=body, is_literal=is_literal))

    def define_from_text(self, text: str) -> None:
        """Define a macro as a macro file or --define does: its name, options and body."""
        self._define(text, is_global=False, free=True)

    @property
    def definitions(self) -> Mapping[str, Macro]:
        """All macros by their names."""
        return self._macros

    def remove(self, name: str) -> None:
        """Take the newest definition away; nothing happens without one."""
        macro = self._macros.get(name)
        if macro is None:
            return
        if macro.hidden is None:
            del self._macros[name]
        else:
            self._macros[name] = macro.hidden

    def _push(self, macro: Macro) -> None:
        if self.undecided_branch and not macro.is_automatic:
            raise OnlyRpmKnows(f"%{macro.name} is defined under a condition that only rpm knows")
        self._macros[macro.name] = macro._replace(hidden=self._macros.get(macro.name))
        if macro.level:
            self._scoped.add(macro.name)

    def _leave_scope(self) -> None:
        for name in list(self._scoped):
            macro = self._macros.get(name)
            if macro is not None and macro.level >= self._level:
                self.remove(name)
                macro = macro.hidden
            if macro is None or macro.level < 1:
                self._scoped.discard(name)
        self._level -= 1

    def _undefine(self, name: str) -> str:
        if UNKNOWN in name or self.undecided_branch or self._is_builtin(name):
            raise OnlyRpmKnows(f"%undefine {name.replace(UNKNOWN, '…')}")
        self.remove(name)
        return ""

    def _is_builtin(self, name: str) -> bool:
        return name not in self._macros and (
            name in self._builtins or name in _LEFT_TO_RPM or name in ("define", "global", "dnl", "lua")
        )

    def _define(self, text: str, *, is_global: bool, free: bool) -> int:
        """Define what stands behind %define or %global; returns how much of the text that is."""
        found = _NAME.match(text)
        assert found is not None  # it matches nothing too
        name, at = found.group(1), found.end()
        options = None
        if text[at : at + 1] == "(":
            closing = text.find(")", at)
            if closing < 0:
                raise OnlyRpmKnows(f"%{name} has unterminated opts")
            options, at = text[at + 1 : closing], closing + 1
        while text[at : at + 1] in (" ", "\t"):
            at += 1
        if not free:
            body, end = text[at:], len(text)
        elif text[at : at + 1] == "{":
            closing_brace = find_call_end(text, at)
            if closing_brace is None:
                raise OnlyRpmKnows(f"%{name} has an unterminated body")
            body, end = text[at + 1 : closing_brace - 1], closing_brace
        else:
            body, end = take_body(text, at, name)
        while end < len(text) and text[end] in "\r\n":
            end += 1
        if not _LEGAL_NAME.fullmatch(name) or self._is_builtin(name):
            raise OnlyRpmKnows(f"the definition of a macro {name!r}")
        if not body:
            raise OnlyRpmKnows(f"%{name} has an empty body")
        if is_global:
            body = self.expand(body)
        self._push(Macro(name=name, body=body, options=options, level=0 if is_global else self._level))
        return end

    # ---- expansion -------------------------------------------------------------------------------------------

    def expand(self, text: str) -> str:
        """The text with its macros expanded."""
        if "%" not in text:
            return text
        self._depth += 1
        if self._depth > _DEEPEST:
            raise EndlessMacro(f"a macro contains itself: {text.strip()[:60]}")
        out: list[str] = []
        at, size = 0, 0
        try:
            while True:
                found = text.find("%", at)
                if found < 0 or found == len(text) - 1:
                    out.append(text[at:])
                    return "".join(out)
                out.append(text[at:found])
                if text[found + 1] == "%":
                    out.append("%")
                    at = found + 2
                else:
                    value, at = self._expand_call(text, found + 1)
                    out.append(value)
                    size += len(value)
                    if size > _LARGEST:
                        raise EndlessMacro(f"a macro expands without end: {text.strip()[:60]}")
        finally:
            self._depth -= 1

    def _expand_call(self, text: str, at: int) -> tuple[str, int]:
        """The value of the call whose `%` is before `at`, and where the text after it begins."""
        end = find_call_end(text, at)
        if end is None:
            raise OnlyRpmKnows(f"an unterminated {text[at]}: {text[at:].strip()[:60]}")
        if text[at] == "(":
            self.expand(text[at + 1 : end - 1])  # for what it defines
            return UNKNOWN, end
        if text[at] == "[":
            return str(evaluate_expression(text[at + 1 : end - 1], self.expand)), end
        call = parse_call(text, at, end)
        if not call.name:
            return "%", call.resume
        macro = self._macros.get(call.name)
        if macro is not None and macro.is_automatic and self._level > macro.level:
            macro = None
        if macro is None and call.name in _LEFT_TO_RPM:
            return self._skip_newer_builtin(text, call)
        is_builtin = macro is None and (call.name in self._builtins or call.name in _UNEXPANDED_ARGUMENT)
        if call.name[0] == "-" or call.is_test:
            return self._expand_tested(call, macro, is_builtin=is_builtin), call.end
        if is_builtin:
            return self._call_builtin(text, call)
        if macro is None:
            return "%", call.resume
        if macro.options is None:
            return self._expand_macro(macro, None), call.end
        return self._call_parametric(text, call, macro)

    def _expand_tested(self, call: MacroCall, macro: Macro | None, *, is_builtin: bool) -> str:
        exists = macro is not None or is_builtin
        if exists is call.is_negated:
            return ""
        if call.text:
            return self.expand(call.text)
        if is_builtin:
            raise OnlyRpmKnows(f"%{{?{call.name}}}")
        return "" if macro is None else self._expand_macro(macro, None)

    def _expand_macro(self, macro: Macro, arguments: list[str] | None) -> str:
        if macro.is_literal:
            return macro.body
        if not macro.body:
            return ""
        if macro.name in _PLAIN_PROGRAMS and "%{lua:" in macro.body:
            return f": {UNKNOWN}"  # commands; no line that begins a section
        if arguments is None:
            return self.expand(macro.body)
        self._enter_scope(macro, arguments)
        try:
            return self.expand(macro.body)
        finally:
            self._leave_scope()

    def _enter_scope(self, macro: Macro, arguments: list[str]) -> None:
        self._level += 1

        def push(name: str, body: str) -> None:
            self._push(Macro(name=name, body=body, level=self._level, is_literal=True, is_automatic=True))

        push("0", macro.name)
        push("**", " ".join(arguments))
        options, rest = read_call_options(arguments, macro.options or "")
        for letter, value in options:
            push(f"-{letter}", f"-{letter}" if value is None else f"-{letter} {value}")
            if value is not None:
                push(f"-{letter}*", value)
        push("#", str(len(rest)))
        for number, argument in enumerate(rest, start=1):
            push(str(number), argument)
        push("*", " ".join(rest))

    def _call_parametric(self, text: str, call: MacroCall, macro: Macro) -> tuple[str, int]:
        arguments: list[str] = []
        if call.text is not None:
            arguments = [self.expand(call.text)]
        elif call.words is not None:
            words = self.expand(call.words)
            if UNKNOWN in words:
                raise OnlyRpmKnows(f"%{call.name}{call.words.rstrip()}")
            arguments = split_quoted(words)
        if self._macros.get(call.name) is not macro:
            raise OnlyRpmKnows(f"%{call.name} is changed by its own arguments")
        return self._expand_macro(macro, arguments), call.end_of_arguments(text)

    # ---- what rpm has built in -------------------------------------------------------------------------------

    def _call_builtin(self, text: str, call: MacroCall) -> tuple[str, int]:
        if call.name in _UNEXPANDED_ARGUMENT:
            return self._call_parsed(text, call)
        if call.text is not None:
            argument: str | None = self.expand(call.text)
        elif call.words is not None:
            words = self.expand(call.words)
            arguments = split_quoted(words)
            argument = arguments[0] if arguments else None
            if call.name == "quote":
                return f"{QUOTE} {QUOTE}".join(["", *arguments, ""])[2:-2], call.end_of_arguments(text)
        else:
            argument = None
        if argument is None:
            raise OnlyRpmKnows(f"%{call.name} without an argument")
        if UNKNOWN in argument and call.name not in ("expand", "quote", "echo", "warn"):
            if call.name in ("undefine", "load", "error"):
                raise OnlyRpmKnows(f"%{call.name} of something that only rpm knows")
            return UNKNOWN, call.end_of_arguments(text)
        return self._builtins[call.name](argument), call.end_of_arguments(text)

    def _call_parsed(self, text: str, call: MacroCall) -> tuple[str, int]:
        """Macros whose argument is taken as it stands."""
        argument = (
            text[call.end :]
            if not call.has_brackets
            else (call.text if call.text is not None else call.words)
        )
        if call.name == "verbose":
            return ("0" if not call.has_brackets or argument is None else ""), call.end
        if argument is None:
            raise OnlyRpmKnows(f"%{call.name} without an argument")
        if call.name == "lua":
            if not call.has_brackets or _LUA_SIDE_EFFECT.search(argument):
                raise OnlyRpmKnows(f"Lua: {' '.join(argument.split())[:60]}")
            return UNKNOWN, call.end
        if call.name == "dnl":
            if call.has_brackets:
                return "", call.end
            line_end = _LINE_END.search(text, call.end)
            assert line_end is not None  # the end of the text matches
            return "", min(line_end.start() + 1, len(text))
        taken = self._define(argument, is_global=call.name == "global", free=not call.has_brackets)
        return "", call.end + taken if not call.has_brackets else call.end

    def _skip_newer_builtin(self, text: str, call: MacroCall) -> tuple[str, int]:
        argument = call.text if call.text is not None else call.words
        if argument is not None:
            self.expand(argument)
        return UNKNOWN, call.end_of_arguments(text)

    def _refuse_by_spec(self, text: str) -> str:
        raise OnlyRpmKnows(f"%{{error:{text}}}")

    def _load(self, path: str) -> str:
        raise OnlyRpmKnows(f"macros from {path}")
