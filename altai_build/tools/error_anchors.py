"""The anchor of an error that was raised: its text is found again in the source of the modules that raised it."""

from __future__ import annotations

import ast
import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from altai_build.tools.error_texts import ErrorTexts, read_tree
from altai_build.tools.text_rendering import CHOICE, INSERTED

_PACKAGE = Path(__file__).resolve().parents[1]
_NAME = _PACKAGE.name
# Of all choices in a text together.
_MOST_VARIANTS = 32
_CHOICE = re.compile(f"{CHOICE[0]}([^{CHOICE[0]}{CHOICE[2]}]*){CHOICE[2]}")


def find_anchor(error: BaseException, what: str) -> str | None:
    """The anchor of the error text that `what` was made from; None where it came from elsewhere."""
    raising = _list_modules(error)
    texts = read_texts(raising | list_used(raising))
    found = [
        (size, anchor)
        for anchor, entry in texts.entries.items()
        for text in entry.whats
        if (size := measure_match(text, what))
    ]
    return max(found)[1] if found else None


def read_texts(modules: set[str]) -> ErrorTexts:
    """The error texts of loaded modules (paths without the ending), with the values of constants that they use."""
    values = {
        name: value
        for path in modules
        for name, value in vars(_get_module(path)).items()
        if name.isupper() and isinstance(value, str)
    }
    return ErrorTexts(_PACKAGE, sorted(modules), known=values)


def _get_module(path: str) -> ModuleType:
    return sys.modules[f"{_NAME}/{path}".removesuffix("/__init__").replace("/", ".")]


def _list_modules(error: BaseException) -> set[str]:
    """The modules of this package that an error went through, and that define its classes; without the ending."""
    names = {kind.__module__ for kind in type(error).__mro__} | {f"{_NAME}.errors"}
    trace = error.__traceback__
    while trace is not None:
        names.add(trace.tb_frame.f_globals.get("__name__", ""))
        trace = trace.tb_next
    return _find_paths(names)


def list_used(paths: set[str]) -> set[str]:
    """The loaded modules that these import: they define constants, and functions that make errors."""
    names = set()
    for path in paths:
        for node in ast.walk(read_tree(_PACKAGE / f"{path}.py")):
            if isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return _find_paths(names)


def _find_paths(names: set[str]) -> set[str]:
    """The files of those of some modules that are loaded and of this package: below its folder, without the ending."""
    files = (Path(getattr(sys.modules.get(name), "__file__", None) or "") for name in names)
    return {
        file.relative_to(_PACKAGE).with_suffix("").as_posix()
        for file in files
        if file.is_relative_to(_PACKAGE)
    }


def measure_match(text: str, what: str) -> int:
    """How many fixed characters a text has that `what` could be made from; 0 where it could not."""
    sizes = [
        sum(map(len, parts))
        for variant in itertools.islice(_list_variants(text), _MOST_VARIANTS)
        if _has_parts(what, parts := INSERTED.sub("\x01", variant).split("\x01"))
    ]
    return max(sizes, default=0)


def _list_variants(text: str) -> Iterator[str]:
    """The texts without choices, by what is chosen."""
    found = _CHOICE.search(text)
    if found is None:
        yield text
        return
    # Where nothing else is given, nothing may be chosen.
    choices = found[1].split(CHOICE[1])
    for chosen in choices if len(choices) > 1 else (*choices, ""):
        yield from _list_variants(text[: found.start()] + chosen + text[found.end() :])


def _has_parts(what: str, parts: list[str]) -> bool:
    """True where a text has these parts one after another, the first at its beginning and the last at its end."""
    first, *others = parts
    if not what.startswith(first):
        return False
    if not others:
        return what == first
    place = len(first)
    for part in others[:-1]:
        place = what.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return what.endswith(others[-1]) and len(what) - len(others[-1]) >= place
