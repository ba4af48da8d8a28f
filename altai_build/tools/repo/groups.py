"""Package groups: the comps file of a repository, which says what `install @GROUP` means."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from altai_build.errors import InputError
from altai_build.tools.repo.compression import decompressed

# Bytes. The comps file of Fedora has 2 MiB.
_MAX_COMPS_SIZE = 64 << 20


def read_group(comps: Path, name: str) -> tuple[str, ...]:
    """The packages of a group (named by its id or its untranslated name), those marked optional left out.

    Empty when the comps file has no such group. Raises InputError when the file cannot be read.
    """
    with decompressed(comps, limit=_MAX_COMPS_SIZE) as plain:
        try:
            tree = ElementTree.parse(plain)  # noqa: S314 - expat 2.4.1 and later bound entity expansion
        except ElementTree.ParseError as error:
            raise InputError(f"cannot read the package groups in {comps.name}", why=str(error)) from error
    for group in tree.iter("group"):
        if name in (group.findtext("id"), group.findtext("name")):
            return tuple(
                package.text or ""
                for package in group.iter("packagereq")
                if package.get("type", "mandatory") != "optional"
            )
    return ()
