"""The child process in which norpm reads specs, one after another: a spec is hostile text.

`tools.spec.reader` starts it and exchanges JSON lines with it. It imports little, because every start takes that time.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import math
import os
import re
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from altai_build.model.spec import SourceTag, SpecInfo, get_section_name, has_hidden_dist

# The value of dist when a spec is read the second time, to see where in Release: it is.
_RELEASE_MARKER = "\x01"
_TAG = re.compile(r"^\s*(?P<tag>[A-Za-z]+)(?P<number>\d*)(?:\([^)]*\))?\s*:\s*(?P<value>.*?)\s*$")
_UNEXPANDED = re.compile(r"%[({A-Za-z_\[]")
_UNEXPANDED_WHOLE = re.compile(r"\S*%(?:\([^)]*\)|\{[^}]*\}|\w+)\S*")
_SETUP_MACROS = ("%setup", "%autosetup", "%{setup}", "%{autosetup}")
# The end of rpm's own expansion of %setup.
_ENTERED_DIRECTORY = re.compile(r"cd '([^'/][^']*)'$")
_WORD = re.compile(r"[A-Za-z0-9/_][^\s,<>=]*(?:\([^)\s]*\))*")


def _run_child() -> None:
    """Read the request on stdin and print one answer per line; limits are set before any spec is parsed."""
    # Read while there is no request yet, which is mostly for this architecture.
    _system_macros(os.uname().machine)
    # Not `for line in stdin`, which waits for more than a line.
    lines = iter(sys.stdin.buffer.readline, b"")
    first = next(lines, None)
    if first is None:
        return
    request = json.loads(first)
    resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
    for text in map(json.loads, lines):
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(
            resource.RLIMIT_CPU,
            (math.ceil(used.ru_utime + used.ru_stime + request["seconds"]), resource.RLIM_INFINITY),
        )
        # For a spec that waits instead of computing.
        signal.setitimer(signal.ITIMER_REAL, request["seconds"] * 6)
        print(json.dumps(_read_spec(text, request["macros"], request["arch"])), flush=True)  # noqa: T201
        # The next spec may arrive much later.
        signal.setitimer(signal.ITIMER_REAL, 0)


def _read_spec(text: str, macros: Mapping[str, str], arch: str) -> dict[str, Any]:
    try:
        reading = _SpecParser(text, {**macros, "dist": macros.get("dist", "")}, arch)
        marked = None
        if has_hidden_dist(text):
            marked = _SpecParser(text, {**macros, "dist": _RELEASE_MARKER}, arch).tags.get("release")
        return dataclasses.asdict(reading.info(text, marked))
    except _NotAnRpmSpec:
        return {"foreign": True}
    except _SpecError as error:
        return {"error": str(error), "todo": error.todo}
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        return {
            "error": f"{type(error).__name__}: {error}",
            "todo": "check it with rpmspec --parse, or rpmlint",
        }


class _SpecError(Exception):
    """The spec has an error."""

    def __init__(self, message: str, todo: str) -> None:
        super().__init__(message)
        self.todo = todo


class _NotAnRpmSpec(Exception):
    """The text is not an RPM spec."""


@functools.cache
def _system_macros(arch: str) -> Any:
    from norpm.macrofile import system_macro_registry

    registry = system_macro_registry(arch)
    registry.known_norpm_hacks()
    # Its expansion needs rpm's own options; the line itself has what is read of it.
    registry.undefine("autosetup")
    return registry


def _macro_registry(arch: str) -> Any:
    """A copy of the system's macros for one spec; the child parses them once."""
    registry = copy.copy(_system_macros(arch))
    registry.db = {}
    for name, macro in _system_macros(arch).db.items():
        registry.db[name] = own = copy.copy(macro)
        own.stack = list(macro.stack)
    return registry


class _SpecParser:
    """The tags of one expansion of a spec."""

    def __init__(self, text: str, macros: Mapping[str, str], arch: str) -> None:
        from norpm.exceptions import NorpmError
        from norpm.specfile import specfile_expand, specfile_expand_string

        registry = _macro_registry(arch)
        for name, value in macros.items():
            registry.define(name, value)
        try:
            expanded = specfile_expand(text, registry)
        except NorpmError as error:
            raise _SpecError(str(error), "check it with rpmspec --parse") from error
        self._expand: Callable[[str], str] = lambda value: str(specfile_expand_string(value, registry))
        self.tags: dict[str, str] = {}
        self.sources: list[SourceTag] = []
        self.patches: list[SourceTag] = []
        self.packages: list[str] = []
        self.provides: list[str] = []
        self.build_requires: list[str] = []
        self.requires: list[str] = []
        self.prefix: str | None = None
        self._setup_seen = False
        section = "preamble"
        for line in expanded.split("\n"):
            started = get_section_name(line)
            if started:
                section = started
                if section == "package":
                    self._package(line)
            elif section in ("preamble", "package"):
                self._tag(line, main=section == "preamble")
            if section == "prep":
                self._setup(line)

    def _tag(self, line: str, *, main: bool) -> None:
        match = _TAG.match(line)
        if match is None:
            return
        tag, number, value = match.group("tag").lower(), match.group("number"), match.group("value")
        if tag in ("source", "patch") and main:
            into = self.sources if tag == "source" else self.patches
            position = int(number) if number else (into[-1].number + 1 if into else 0)
            into.append(SourceTag(number=position, raw=value, value=_none_if_unexpanded(self._expand(value))))
        elif tag in ("buildrequires", "buildprereq"):
            self.build_requires += _dependency_names(value)
        elif tag in ("requires", "prereq"):
            self.requires += _dependency_names(value)
        elif tag == "provides":
            self.provides += _dependency_names(value)
        elif main and not number:
            self.tags.setdefault(tag, value)

    def _package(self, line: str) -> None:
        words = line.split()[1:]
        if not words:
            return
        if words[0] == "-n" and len(words) > 1:
            self.packages.append(words[1])
        elif not words[0].startswith("-"):
            self.packages.append(f"{self.tags.get('name', '')}-{words[0]}")

    def _setup(self, line: str) -> None:
        entered = _ENTERED_DIRECTORY.match(line)
        if entered and not self._setup_seen:
            self._setup_seen, self.prefix = True, entered.group(1)
        words = line.split()
        if self._setup_seen or not words or words[0] not in _SETUP_MACROS:
            return
        self._setup_seen = True
        for flag, value in zip(words, [*words[1:], ""]):
            if flag == "-n":
                self.prefix = self._expand(value.strip("\"'"))
            elif flag.startswith("-n") and len(flag) > 2:
                self.prefix = self._expand(flag[2:].strip("\"'"))

    def info(self, text: str, marked_release: str | None) -> SpecInfo:
        """The content of the spec, with the tags that are unknown."""
        name = self._require_name()
        version = _none_if_unexpanded(self.tags["version"])
        marked = _none_if_unexpanded(marked_release or "")
        has_marker = marked is not None and _RELEASE_MARKER in marked
        prefix = self.prefix if self.prefix is not None else f"{name}-{version}" if version else ""
        main = [name] if _has_files(text) else []
        packages = [
            package for package in [*main, *self.packages] if _none_if_unexpanded(package) is not None
        ]
        return SpecInfo(
            name=name,
            epoch=_none_if_unexpanded(self.tags.get("epoch", "")) or None,
            version=version,
            release=_none_if_unexpanded(self.tags.get("release", "")),
            hidden_dist=marked.replace(_RELEASE_MARKER, "\0", 1) if marked and has_marker else None,
            sources=tuple(self.sources),
            patches=tuple(self.patches),
            prefix=_none_if_unexpanded(prefix) or None,
            packages=tuple(packages),
            provides=tuple(dict.fromkeys([*packages, *self.provides])),
            build_requires=tuple(dict.fromkeys(self.build_requires)),
            requires=tuple(dict.fromkeys(self.requires)),
            unknown=tuple(self._list_unknown()),
        )

    def _require_name(self) -> str:
        """The package's name; raises _SpecError without the tags that every spec has."""
        if not self.tags.keys() & {"name", "version", "release"}:
            raise _NotAnRpmSpec
        missing = [tag for tag in ("Name", "Version") if not self.tags.get(tag.lower())]
        if missing:
            raise _SpecError(
                f"it has no {' and '.join(missing)}: tag",
                "an RPM spec has Name:, Version: and Release: tags",
            )
        name = _none_if_unexpanded(self.tags["name"])
        if name is None:
            raise _SpecError(
                f"its name {self.tags['name']!r} contains a macro that only rpmbuild can expand",
                "write Name: as plain text",
            )
        return name

    def _list_unknown(self) -> list[str]:
        """The tags that only rpmbuild can expand."""
        tags = [tag for tag in ("version", "release") if _none_if_unexpanded(self.tags.get(tag, "")) is None]
        tags += [f"source{source.number}" for source in self.sources if source.value is None]
        return tags + [f"patch{patch.number}" for patch in self.patches if patch.value is None]


def _none_if_unexpanded(value: str) -> str | None:
    """The value, or None when it contains a macro that only rpmbuild can expand."""
    return None if _UNEXPANDED.search(value) else value


def _dependency_names(value: str) -> list[str]:
    """The names in a dependency list; versions and rich-dependency words are dropped."""
    value = _UNEXPANDED_WHOLE.sub(" ", re.sub(r"(?:<=|>=|=|<|>)\s*\S+", " ", value))
    if value.lstrip().startswith("("):
        value = re.sub(r"\b(?:and|or|if|else|with|without|unless)\b", " ", value.replace("(", " ", 1))
        value = re.sub(r"\)\s*$", "", value)
        return [_strip_group_brackets(word) for word in _WORD.findall(value)]
    return _WORD.findall(value)


def _strip_group_brackets(word: str) -> str:
    """A word of a rich dependency without brackets that close groups; `perl(A::B)` keeps its own."""
    while word.endswith(")") and word.count(")") > word.count("("):
        word = word[:-1]
    return word


def _has_files(text: str) -> bool:
    """True when the main package is built: there is a %files section without a package name."""
    for line in text.split("\n"):
        words = line.split()
        if words and words[0] == "%files":
            names = [
                word
                for index, word in enumerate(words[1:], start=1)
                if word != "-f" and words[index - 1] != "-f" and not word.startswith("#")
            ]
            if not names:
                return True
    return False


if __name__ == "__main__":
    _run_child()
