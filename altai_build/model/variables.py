"""The variables of dnf in URLs and settings: $arch, $basearch, and what a configuration defines."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<plain>\w+))", re.ASCII)
# dnf's table of base architectures (dnf/rpm/__init__.py). An architecture that is not in it is its own base.
_BASE_ARCHES = {
    "i386": ("i386", "i486", "i586", "i686", "athlon", "geode"),
    "x86_64": ("x86_64", "amd64", "ia32e"),
    "armhfp": ("armv6hl", "armv7hl", "armv7hnl", "armv8hl"),
    "arm": ("armv5tejl", "armv5tel", "armv5tl", "armv6l", "armv7l", "armv8l"),
}


def get_base_arch(arch: str) -> str:
    """The value of $basearch on an architecture: i386 for i686, x86_64 for x86_64."""
    return next((base for base, arches in _BASE_ARCHES.items() if arch in arches), arch)


def make_arch_variables(arch: str) -> dict[str, str]:
    """The variables that follow from an architecture."""
    return {"arch": arch, "basearch": get_base_arch(arch)}


def expand_variables(text: str, variables: Mapping[str, str]) -> str:
    """Replace $name and ${name} where `variables` has the name; others stay, as in dnf."""
    return _VARIABLE.sub(lambda match: variables.get(match["braced"] or match["plain"], match[0]), text)


def list_variables(text: str) -> tuple[str, ...]:
    """The variables in a text, as they are written there."""
    return tuple(match[0] for match in _VARIABLE.finditer(text))


def find_machine_arch(arches: Collection[str]) -> str | None:
    """The architecture of the machines that packages of some architectures are for; None where several may be meant.

    Packages for i686 are installed on x86_64 too.
    """
    own = {arch for arch in arches if arch != "noarch"}
    families = {get_base_arch(arch) for arch in own}
    if families == {"x86_64", "i386"}:
        own, families = {"x86_64"}, {"x86_64"}
    if not own:
        return "noarch" if arches else None
    # Of i586 and i686 the machine is the one that runs both.
    return max(own) if len(families) == 1 else None
