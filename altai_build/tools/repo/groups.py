"""Package groups: the comps file of a repository, which says what `install @GROUP` means."""

from __future__ import annotations

from dataclasses import dataclass

from altai_build.regular_files import read_regular_file
from altai_build.tools.repo.stored_files import StoredFile
from altai_build.tools.repo.xmltree import parse_xml

# Bytes. The comps file of Fedora has 2 MiB.
_MAX_COMPS_SIZE = 64 << 20
# As dnf's group_package_types.
_INSTALLED_TYPES = ("mandatory", "default", "conditional")


@dataclass(frozen=True)
class GroupMember:
    """One package of a group; a conditional one is installed where the package `condition` is."""

    name: str
    # "" for a package that is always installed.
    condition: str = ""


def read_group(comps: StoredFile, name: str) -> tuple[GroupMember, ...] | None:
    """The packages of a group (named by its id or its untranslated name), those marked optional left out.

    None when the comps file has no such group. Raises InputError when the file cannot be read.
    """
    with comps.open_plain() as plain:
        try:
            tree = parse_xml(read_regular_file(plain, limit=_MAX_COMPS_SIZE), "comps")
        except (OSError, ValueError) as error:
            raise comps.parse_error(str(error)) from error
    for group in tree.iter("group"):
        if name in (group.findtext("id"), group.findtext("name")):
            return tuple(
                GroupMember(
                    name=(package.text or "").strip(),
                    condition=package.get("requires", "") if kind == "conditional" else "",
                )
                for package in group.iter("packagereq")
                if (kind := package.get("type", "mandatory")) in _INSTALLED_TYPES
            )
    return None
