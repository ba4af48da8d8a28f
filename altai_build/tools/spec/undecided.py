"""How the static reader of specs says that it does not know."""

from __future__ import annotations

# Stands in an expanded text for what only rpm knows. rpm's own strings end at this character, so no spec has it.
UNKNOWN = "\0"

# What is said of a value with a macro that is defined neither in the spec nor on this machine.
UNDEFINED = "has a macro that rpm does not know on this machine"
MACRO_FIX = (
    "define the macro in repos.yaml by components.{component}.macros, or targets.NAME.macros for all, as `NAME()` "
    "where it takes arguments; if a package brings it into the buildroot, give specs the macro files of that package "
    "by targets.NAME.macro_files (docs/repos-yaml.md, Macros of a target)"
)


class OnlyRpmKnows(Exception):
    """What follows in a spec depends on something that only rpm knows, or rpm refuses the spec.

    The message names the construct.
    """


class EndlessMacro(Exception):
    """A macro expands without end: rpm refuses it, or would be at it for ever."""
