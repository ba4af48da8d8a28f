"""Package groups: the comps file of a repository, which says what `install @GROUP` means."""

from __future__ import annotations

import fnmatch
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass

from altai_build.regular_files import read_regular_file
from altai_build.tools.repo.stored_files import StoredFile
from altai_build.tools.repo.xmltree import parse_xml

# Bytes. The comps file of Fedora has 2 MiB.
_MAX_COMPS_SIZE = 64 << 20
# As dnf's group_package_types.
_INSTALLED_TYPES = ("mandatory", "default", "conditional")
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(frozen=True)
class GroupMember:
    """One package of a group. An optional one is not installed."""

    name: str
    # It is installed where this package is; "": always.
    condition: str = ""
    is_optional: bool = False


def read_group(comps: StoredFile, name: str) -> tuple[GroupMember, ...] | None:
    """The packages of the groups that a name means.

    As for dnf it is the id or the name of a group, or of an environment, which is a list of groups; where none has
    exactly this one, it is a pattern without regard to case. None when the comps file has no such group. Raises
    InputError when the file cannot be read.
    """
    with comps.open_plain() as plain:
        try:
            tree = parse_xml(read_regular_file(plain, limit=_MAX_COMPS_SIZE), "comps")
            groups = list(tree.iterfind("{*}group"))
            found = [*_find(groups, name), *_list_groups_of_environments(tree, groups, name)]
            members = [_read_member(package) for group in found for package in group.iter("packagereq")]
        except (OSError, ValueError) as error:
            raise comps.parse_error(str(error)) from error
    return tuple(members) if found else None


def _list_groups_of_environments(
    tree: ElementTree.Element, groups: Sequence[ElementTree.Element], name: str
) -> list[ElementTree.Element]:
    by_id = {(group.findtext("{*}id") or "").strip(): group for group in groups}
    ids = [
        (entry.text or "").strip()
        for environment in _find(list(tree.iterfind("{*}environment")), name)
        for entry in environment.iterfind("{*}grouplist/{*}groupid")
    ]
    return [by_id[one] for one in ids if one in by_id]


def _find(nodes: Sequence[ElementTree.Element], name: str) -> list[ElementTree.Element]:
    """The groups or environments that a name means."""
    fits = re.compile(fnmatch.translate(name), re.IGNORECASE).match
    exact = [node for node in nodes if name and name in _list_names(node)]
    return exact or [node for node in nodes if any(map(fits, filter(None, _list_names(node))))]


def _list_names(node: ElementTree.Element) -> list[str]:
    """Its id and its name, no translation of it."""
    names = [one.text for one in node.iterfind("{*}name") if one.get(_XML_LANG) is None]
    return [(text or "").strip() for text in (node.findtext("{*}id"), *names)]


def _read_member(package: ElementTree.Element) -> GroupMember:
    """A package of a group. Raises ValueError for a type that dnf does not know either."""
    kind, name = package.get("type", "mandatory"), (package.text or "").strip()
    if kind not in (*_INSTALLED_TYPES, "optional"):
        raise ValueError(f"the package {name} of a group has the type {kind!r}")
    condition = package.get("requires", "") if kind == "conditional" else ""
    return GroupMember(name=name, condition=condition.strip(), is_optional=kind == "optional")
