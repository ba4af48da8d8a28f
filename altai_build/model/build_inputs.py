"""The inputs of a build by name: the build's key, what differs between two builds, and that in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from altai_build.model.package_fingerprint import RebuildPolicy, get_relevant_part

# Before the name of a package of the buildroot.
BUILDROOT_PREFIX = "buildroot "
# The name of the source package's digest.
SOURCE_PACKAGE = "source package"

BuildInputs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class InputChange:
    """One input of two builds; the value is None in the build that does not have it."""

    name: str
    status: str  # same, changed, added, removed; ignored: it changed, and the rebuild policy ignores that
    then: str | None
    now: str | None


def compute_build_key(inputs: BuildInputs, policy: RebuildPolicy) -> str:
    """The digest of everything that a policy compares; builds are stored under that of `rebuild`, which is all."""
    relevant = [(name, get_relevant_part(value, policy)) for name, value in inputs]
    return hashlib.sha256(json.dumps(relevant).encode()).hexdigest()


def compare_inputs(before: BuildInputs, now: BuildInputs, policy: RebuildPolicy) -> list[InputChange]:
    """Every input of two builds, in the order of the later one."""
    old, new = dict(before), dict(now)
    return [
        InputChange(
            name=name,
            status=_compare_values(old.get(name), new.get(name), policy),
            then=old.get(name),
            now=new.get(name),
        )
        for name in dict.fromkeys((*new, *old))
    ]


def _compare_values(then: str | None, now: str | None, policy: RebuildPolicy) -> str:
    if then is None:
        return "added"
    if now is None:
        return "removed"
    if then == now:
        return "same"
    return "ignored" if get_relevant_part(then, policy) == get_relevant_part(now, policy) else "changed"
