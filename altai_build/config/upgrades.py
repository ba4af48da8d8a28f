"""The keys of repos.yaml for upgrades: `profiles` and `allow_downgrades`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from altai_build.config.yaml_reader import YamlNode
    from altai_build.model.upgrade import AllowedDowngrade, Profile

_Check = Callable[[str], "str | None"]


def read_profiles(node: YamlNode, name_check: _Check) -> tuple[Profile, ...]:
    """`profiles`: the names of packages that are installed together on one kind of machine."""
    if node.value is None:
        return ()
    from altai_build.model.upgrade import Profile

    found = []
    for name, packages in node.read_mapping("profile"):
        if error := name_check(name):
            packages.add_error(error)
        names = packages.read_texts(check=name_check)
        if not names and isinstance(packages.value, list) and not packages.value:
            packages.add_error("the list is empty; list the packages, or remove the profile")
        elif packages.value is None:
            packages.add_error("got nothing; write a list of package names")
        found.append(Profile(name=name, packages=tuple(dict.fromkeys(names))))
    return tuple(found)


def read_downgrades(node: YamlNode, name_check: _Check) -> tuple[AllowedDowngrade, ...]:
    """`allow_downgrades`: packages that may be older than in an earlier release, each with a reason."""
    if node.value is None:
        return ()
    from altai_build.config.release_keys import DOWNGRADE
    from altai_build.model.upgrade import AllowedDowngrade

    found: list[AllowedDowngrade] = []
    for child in node.read_list():
        entry = child.check_section(DOWNGRADE)
        package = entry.get_child("package").read_text(check=name_check)
        if package and package in [allowed.package for allowed in found]:
            entry.get_child("package").add_error(f"{package!r} is listed twice")
        found.append(AllowedDowngrade(package=package, reason=entry.get_child("reason").read_text()))
    return tuple(found)
