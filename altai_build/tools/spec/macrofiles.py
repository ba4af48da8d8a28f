"""The macros that this machine's rpm starts with, read from its own files."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from altai_build.tools.spec.undecided import UNKNOWN, OnlyRpmKnows

if TYPE_CHECKING:
    from altai_build.tools.spec.macros import Macro

RPM_CONFIG_DIR = Path("/usr/lib/rpm")
# What is no macro file, though its name begins like one.
_LEFT_OVER = (".rpmnew", ".rpmsave", ".rpmorig")


@functools.cache
def read_system_macros(arch: str, folder: Path = RPM_CONFIG_DIR) -> Mapping[str, Macro]:
    """The macros of rpm's files below `folder`, for packages of an architecture.

    /etc/rpm is left out: where specs are evaluated and packed, rpm does not see it either.
    """
    # The process that only lists the files has no use for it.
    from altai_build.tools.spec.macros import MacroExpander

    macros = MacroExpander({})
    macros.define("getconfdir", str(folder), is_literal=True)
    for path in list_macro_files(arch, folder):
        for definition in _list_definitions(path.read_text("utf-8", "surrogateescape")):
            try:
                macros.define_from_text(definition)
            except OnlyRpmKnows:
                continue  # rpm skips it too
    # rpm takes these from its rpmrc and from --target.
    for name, value in {
        "_target": f"{arch}-linux",
        "_target_cpu": arch,
        "_target_os": "linux",
        "optflags": UNKNOWN,
        "_docdir": "%{_defaultdocdir}",
        "_licensedir": "%{_defaultlicensedir}",
    }.items():
        macros.define(name, value)
    return MappingProxyType(macros.definitions)


def list_macro_files(arch: str, folder: Path = RPM_CONFIG_DIR) -> list[Path]:
    """rpm's macro files, in the order in which it reads them."""
    # The last pattern is for the distribution's own folder, which rpm knows by its name; there is one.
    patterns = (
        "macros",
        "macros.d/macros.*",
        f"platform/{arch}-linux/macros",
        "fileattrs/*.attr",
        "*/macros",
    )
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    return [path for path in dict.fromkeys(found) if path.is_file() and not path.name.endswith(_LEFT_OVER)]


def _list_definitions(text: str) -> Iterator[str]:
    """The definitions of a macro file, each without its `%`; brackets and backslashes hold lines together."""
    from altai_build.tools.spec.calls import has_open_brackets

    lines = iter(text.split("\n"))
    for line in lines:
        definition = line.lstrip(" \t")
        if not definition.startswith("%"):
            continue
        while definition.endswith("\\") or has_open_brackets(definition):
            following = next(lines, None)
            if following is None:
                break
            definition = f"{definition}\n{following}"
        yield definition[1:]
