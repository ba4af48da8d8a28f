"""The child process in which specs are read, one after another: a spec is hostile text.

`tools.spec.reader` starts it and exchanges JSON lines with it. It imports little, because every start takes that time.
"""

from __future__ import annotations

import functools
import json
import math
import os
import re
import resource
import signal
import sys
from collections.abc import Mapping
from typing import Any

from altai_build.model.release_suffix import has_hidden_dist
from altai_build.model.spec import SpecInfo, UnknownSpec, list_fields
from altai_build.tools.spec.calls import QUOTE
from altai_build.tools.spec.macrofiles import read_system_macros
from altai_build.tools.spec.macros import Macro, MacroExpander
from altai_build.tools.spec.parser import RestartForArch, SpecContent
from altai_build.tools.spec.undecided import UNKNOWN, EndlessMacro, OnlyRpmKnows

# Characters. Macros that repeat each other make gigabytes of a short spec; the longest real answer has a hundredth.
_LONGEST_ANSWER = 4 << 20
_TOO_LONG = {
    "error": f"its tags and names have more than {_LONGEST_ANSWER} characters",
    "todo": "look for a macro that repeats another one many times",
}

_NEEDED_TAGS = ("Name", "Version", "Release")
_TAGS_ELSEWHERE = {
    "error": "its Name:, Version: and Release: are behind a section, or under a condition that does not hold",
    "todo": "write them before the first section, for every target; for a component that is not for this target "
    "use ExclusiveArch:, or components.NAME.skip in repos.yaml",
}
# The marks at the start of such a text, as bytes that are no UTF-8.
_UTF_16 = ("\udcff\udcfe", "\udcfe\udcff")

# The value of dist when a spec is read the second time, to see where in Release: it is.
_RELEASE_MARKER = "ALTAIDIST"
_SPEC_LINE = re.compile(
    r"^(?:(?:name|version|release)\s*:|%(?:include|global|define|\{|\())", re.IGNORECASE | re.MULTILINE
)


def _run_child() -> None:
    """Read the request on stdin and print one answer per line; limits are set before any spec is parsed."""
    # Read while there is no request yet, which is mostly for this architecture.
    read_system_macros(os.uname().machine)
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
        answer = read_spec(text, request["macros"], request["arch"], is_expanded=request["is_expanded"])
        line = json.dumps(answer)
        if len(line) > _LONGEST_ANSWER:
            line = json.dumps(_TOO_LONG)
        print(line, flush=True)  # noqa: T201
        # The next spec may arrive much later.
        signal.setitimer(signal.ITIMER_REAL, 0)


def read_spec(text: str, macros: Mapping[str, str], arch: str, *, is_expanded: bool) -> dict[str, Any]:
    """The answer for one spec: the fields of a SpecInfo or UnknownSpec, `foreign`, or `error` and `todo`."""
    try:
        if UNKNOWN in text and text.startswith(_UTF_16) and _has_all_tags(text[2:].replace(UNKNOWN, "")):
            return {"error": "it is UTF-16", "todo": "convert it to UTF-8: iconv -f UTF-16 -t UTF-8"}
        if UNKNOWN in text or (QUOTE in text and not is_expanded):
            raise OnlyRpmKnows("a control character")
        reading = _Reading(arch, macros)
        content = reading.read_expanded(text) if is_expanded else reading.read(text)
        hidden_dist = None
        if not is_expanded and has_hidden_dist(text):
            marked = _Reading(arch, {**macros, "dist": _RELEASE_MARKER}).read(text)
            hidden_dist = _find_dist(marked.main.tags.get("release", ""))
        return list_fields(reading.make_info(content, hidden_dist))
    except _NotAnRpmSpec:
        return _TAGS_ELSEWHERE if _has_all_tags(text) else {"foreign": True}
    except OnlyRpmKnows as error:
        if not _mentions_tags(text):
            return {"foreign": True}
        return list_fields(UnknownSpec(reason=str(error)))
    except EndlessMacro as error:
        return {"error": str(error), "todo": "look for that macro"}
    except _SpecError as error:
        return {"error": str(error), "todo": error.todo}


def _find_dist(release: str) -> str | None:
    """A Release with a NUL for the marker that stood for dist; None without one."""
    return release.replace(_RELEASE_MARKER, "\0", 1) if _RELEASE_MARKER in release else None


def _has_all_tags(text: str) -> bool:
    """True for a text with a line for each of the tags that no RPM spec is without."""
    return all(re.search(rf"^{tag}\s*:", text, re.IGNORECASE | re.MULTILINE) for tag in _NEEDED_TAGS)


def _mentions_tags(text: str) -> bool:
    """True when a text could be an RPM spec: it has one of the tags that each has, or gets them from elsewhere."""
    return _SPEC_LINE.search(text) is not None


class _SpecError(Exception):
    """The spec has an error."""

    def __init__(self, message: str, todo: str) -> None:
        super().__init__(message)
        self.todo = todo


class _NotAnRpmSpec(Exception):
    """The text is not an RPM spec."""


class _Reading:
    """One reading of a spec for a target."""

    def __init__(self, arch: str, macros: Mapping[str, str]) -> None:
        self._arch = arch
        self._macros = MacroExpander(_define_macros(arch, tuple(macros.items())))

    def read(self, text: str) -> SpecContent:
        """The content of a spec as it is written."""
        try:
            return SpecContent(text, self._macros, self._arch, restarted=False)
        except RestartForArch as restart:
            self._macros.define("_target_cpu", restart.arch)
            return SpecContent(text, self._macros, restart.arch, restarted=True)

    def read_expanded(self, text: str) -> SpecContent:
        """The content of a spec that rpm has expanded."""
        return SpecContent(text, None, self._arch, restarted=True)

    def make_info(self, content: SpecContent, hidden_dist: str | None) -> SpecInfo:
        """The record of a spec's content. Raises _NotAnRpmSpec and _SpecError."""
        tags = content.main.tags
        if not tags.keys() & {"name", "version", "release"}:
            raise _NotAnRpmSpec
        lacking = [tag for tag in _NEEDED_TAGS if tag.lower() not in tags]
        if lacking:
            raise _SpecError(
                f"it has no {' and '.join(lacking)}: tag", "an RPM spec has Name:, Version: and Release: tags"
            )
        made = content.made
        names = [package.name for package in made]
        isa = self._macros.expand("%{?_isa}")
        provides = [*names, *(f"{one.name}{isa}" for one in made if isa and one.arch != "noarch")]
        return SpecInfo(
            name=tags["name"],
            epoch=tags.get("epoch"),
            version=tags["version"],
            release=tags["release"],
            hidden_dist=hidden_dist,
            sources=tuple(content.sources),
            patches=tuple(content.patches),
            prefix=content.get_archive_folder(),
            packages=tuple(names),
            provides=_unique([*provides, *(name for one in made for name in one.provides)]),
            build_requires=_unique(content.build_requires),
            requires=_unique([name for one in made for name in one.requires]),
            icons=tuple(content.icons),
            excluded=content.find_exclusion(self._arch),
        )


@functools.lru_cache(maxsize=4)
def _define_macros(arch: str, macros: tuple[tuple[str, str], ...]) -> Mapping[str, Macro]:
    """rpm's own macros for an architecture, and others as rpm takes them from --define."""
    expander = MacroExpander(read_system_macros(arch))
    for name, value in macros:
        expander.define_from_text(f"{name} {value}")
    return expander.definitions


def _unique(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


if __name__ == "__main__":
    _run_child()
