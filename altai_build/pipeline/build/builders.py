"""The builders that there are, by the names that `--builder` takes. Loads none of them before it is asked for."""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING, cast

from altai_build.errors import InputError
from altai_build.tools import commands

if TYPE_CHECKING:
    from altai_build.tools.builder import Builder

# The name (the class's own) and where the class is. `--builder auto` takes the first that is installed.
BUILDERS = {
    "mock": "altai_build.tools.mock.builder:MockBuilder",
    "chroot": "altai_build.tools.chroot.builder:ChrootBuilder",
}


def makes_buildroots(name: str) -> bool:
    """Whether the builder of this name, or `auto`, makes buildroots in the workspace as root; loads none."""
    return name == "chroot" or (name == "auto" and commands.find_program("mock") is None)


def load_builder(name: str) -> type[Builder]:
    """The builder of this name. Raises InputError for an unknown name."""
    if name not in BUILDERS:
        raise InputError(f"unknown builder {name!r}", todo=f"use one of auto, {', '.join(BUILDERS)}")
    return cast("type[Builder]", pkgutil.resolve_name(BUILDERS[name]))


def find_builder(name: str) -> type[Builder]:
    """The builder of this name; with `auto` the first that is installed. Raises InputError for an unknown name."""
    if name == "auto":
        return next(builder for builder in map(load_builder, BUILDERS) if builder.is_installed())
    return load_builder(name)
