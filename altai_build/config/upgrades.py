"""The parts of repos.yaml that speak of upgrades: `profiles` and `allow_downgrades`."""

from __future__ import annotations

from collections.abc import Callable

from altai_build.config.reader import YamlNode
from altai_build.model.upgrade import AllowedDowngrade, Profile

_Check = Callable[[str], "str | None"]


def read_profiles(node: YamlNode, name_check: _Check) -> tuple[Profile, ...]:
    """`profiles`: names of packages that are installed together on one kind of machine."""
    found = []
    for name, packages in node.items("profile"):
        if problem := name_check(name):
            packages.fault(problem)
        names = packages.texts(check=name_check)
        if not names and isinstance(packages.value, list) and not packages.value:
            packages.fault("the list is empty; name the packages, or take the profile out")
        elif packages.value is None:
            packages.fault("got nothing; write a list of package names")
        found.append(Profile(name=name, packages=tuple(dict.fromkeys(names))))
    return tuple(found)


def read_downgrades(node: YamlNode, name_check: _Check) -> tuple[AllowedDowngrade, ...]:
    """`allow_downgrades`: packages that may be older than in an earlier release, each with the reason."""
    found: list[AllowedDowngrade] = []
    for one in node.elements():
        keys = ("package", "reason")
        entry = one.known(keys, needed=keys)
        package = entry.child("package").text(check=name_check)
        if package and package in (known.package for known in found):
            entry.child("package").fault(f"{package!r} is there twice")
        found.append(AllowedDowngrade(package=package, reason=entry.child("reason").text()))
    return tuple(found)
