"""What a component may provide whose packages are not known, so that nothing else is taken for them."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Blanks within a line: a pattern that skips line ends reads all blank lines again from each of them.
_BLANK = r"[^\S\n]"
_DEFINITION = re.compile(rf"^{_BLANK}*%(?:global|define){_BLANK}+(\w+){_BLANK}+(\S+){_BLANK}*$", re.MULTILINE)
_NAME = re.compile(rf"^{_BLANK}*Name{_BLANK}*:{_BLANK}*(\S+)", re.MULTILINE | re.IGNORECASE)
_PACKAGE = re.compile(rf"^%package{_BLANK}+(-n{_BLANK}+)?(\S+)", re.MULTILINE | re.IGNORECASE)
_MACRO = re.compile(r"%(?:\{\??(\w+)\}|(\w+))")
_MAX_MACRO_DEPTH = 8
_LONGEST_NAME = 255  # characters

# In front of a project's name and behind it, in the names of its packages.
_PREFIX = re.compile(r"^(?:python\d*(?:\.\d+)?|py|perl|php|ruby|rubygem|nodejs|golang|ghc|lib)[-_]?(?=\w)")
_SUFFIX = re.compile(r"[-_](?:devel|static|libs?|common|core|utils|tools|headers|python\d*)$")
_CAPABILITY = re.compile(r"^[\w.-]+\((?P<inner>[^()]+)\)")


def read_declared_names(text: str) -> frozenset[str]:
    """The names of packages in the text of a spec that cannot be read as a whole; only simple macros are expanded."""
    macros = {name: value for name, value in _DEFINITION.findall(text) if len(value) <= _LONGEST_NAME}
    name = _NAME.search(text)
    if name is None:
        return frozenset()
    macros["name"] = main = _expand(name[1], macros)
    packages = [
        _expand(rest if is_whole else f"{main}-{rest}", macros) for is_whole, rest in _PACKAGE.findall(text)
    ]
    return frozenset(found for found in (main, *packages) if "%" not in found)


def _expand(text: str, macros: dict[str, str]) -> str:
    """The text with its macros expanded; an unknown macro where it gets longer than any name."""
    for _ in range(_MAX_MACRO_DEPTH):
        if len(text) > _LONGEST_NAME:
            return "%"
        expanded = _MACRO.sub(lambda match: macros.get(match[1] or match[2], match[0]), text)
        if expanded == text:
            break
        text = expanded
    return text


def find_possible_provides(names: Iterable[str], requirements: Iterable[str]) -> frozenset[str]:
    """The requirements that packages of a project with one of these names may provide.

    Too many rather than too few: `python3-six`, `python3dist(six)` and `six-devel` may all come from a component six.
    """
    stems = {_stem(name) for name in names}
    return frozenset(requirement for requirement in requirements if _stem(requirement) in stems)


def _stem(name: str) -> str:
    """A project's name without what packages and capabilities add to it."""
    capability = _CAPABILITY.match(name)
    stem = (capability["inner"] if capability else name).lower().replace("::", "-").replace("_", "-")
    while True:
        shorter = _SUFFIX.sub("", _PREFIX.sub("", stem))
        if shorter == stem:
            return stem
        stem = shorter
