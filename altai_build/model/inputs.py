"""The inputs of a build by name: their key, what differs between two builds, and how that is told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from altai_build.model.fingerprint import RebuildPolicy, get_relevant_part, is_local_package

BUILDROOT_PREFIX = "buildroot "  # before the name of a package

SOURCE_PACKAGE = "source package"  # the name of its digest

BuildInputs = Sequence[tuple[str, str]]


def compute_build_key(inputs: BuildInputs, policy: RebuildPolicy) -> str:
    """The digest of what a policy lets count; a build is stored under that of `rebuild`, which lets all count."""
    return hashlib.sha256(
        json.dumps([(name, get_relevant_part(value, policy)) for name, value in inputs]).encode()
    ).hexdigest()


def find_differences(before: BuildInputs, now: BuildInputs) -> list[tuple[str, str | None, str | None]]:
    """(input, value then, value now) of each that counts and differs; None where there was or is none."""
    old, new = dict(before), dict(now)
    return [
        (name, old.get(name), new.get(name))
        for name in dict.fromkeys((*new, *old))
        if name not in old
        or name not in new
        or get_relevant_part(old[name], RebuildPolicy.REBUILD)
        != get_relevant_part(new[name], RebuildPolicy.REBUILD)
    ]


def describe_differences(before: BuildInputs, now: BuildInputs) -> str:
    """In words, what differs; "" when nothing that counts does."""
    changed = find_differences(before, now)
    roots = [name[len(BUILDROOT_PREFIX) :] for name, _, _ in changed if name.startswith(BUILDROOT_PREFIX)]
    words = [f"{name} changed" for name, _, _ in changed if not name.startswith(BUILDROOT_PREFIX)]
    if roots:
        more = f" and {len(roots) - 3} more" if len(roots) > 3 else ""
        words.append(f"its buildroot differs in {', '.join(roots[:3])}{more}")
    return ", ".join(words)


def describe_reuse(before: BuildInputs, now: BuildInputs, policy: RebuildPolicy) -> str:
    """In words, what made a reuse right, and which rebuilt packages do not count."""
    then, here = dict(before), dict(now)
    other = [
        name[len(BUILDROOT_PREFIX) :]
        for name in here
        if is_local_package(here[name]) and then.get(name) != here[name]
    ]
    reason = "source package, target, builder and buildroot are the same as when it was built"
    if not other:
        return reason
    seen = {
        RebuildPolicy.REBUILD: "nothing that its build could see",
        RebuildPolicy.HEADERS: "neither provides nor requires, which alone count (dependants: headers)",
        RebuildPolicy.NEVER: "nothing that counts (dependants: never)",
    }[policy]
    return f"{reason}; {', '.join(other)} came from another commit, but {seen} changed there"
