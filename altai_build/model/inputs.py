"""The inputs of a build by name: their key, what differs between two builds, and how that is told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from altai_build.model.matter import Dependants, counted, is_local

BUILDROOT = "buildroot "  # before the name of a package

SOURCE = "source package"  # the name of its digest

Inputs = Sequence[tuple[str, str]]


def key_of(inputs: Inputs, policy: Dependants) -> str:
    """The digest of what a policy lets count; a build is stored under that of `rebuild`, which lets all count."""
    return hashlib.sha256(
        json.dumps([(name, counted(value, policy)) for name, value in inputs]).encode()
    ).hexdigest()


def differences(before: Inputs, now: Inputs) -> list[tuple[str, str | None, str | None]]:
    """(input, value then, value now) of each that counts and differs; None where there was or is none."""
    old, new = dict(before), dict(now)
    return [
        (name, old.get(name), new.get(name))
        for name in dict.fromkeys((*new, *old))
        if name not in old
        or name not in new
        or counted(old[name], Dependants.REBUILD) != counted(new[name], Dependants.REBUILD)
    ]


def told_differences(before: Inputs, now: Inputs) -> str:
    """In words, what differs; "" when nothing that counts does."""
    changed = differences(before, now)
    roots = [name[len(BUILDROOT) :] for name, _, _ in changed if name.startswith(BUILDROOT)]
    words = [f"{name} changed" for name, _, _ in changed if not name.startswith(BUILDROOT)]
    if roots:
        more = f" and {len(roots) - 3} more" if len(roots) > 3 else ""
        words.append(f"its buildroot differs in {', '.join(roots[:3])}{more}")
    return ", ".join(words)


def told_reuse(before: Inputs, now: Inputs, policy: Dependants) -> str:
    """In words, what made a reuse right, and which rebuilt packages do not count."""
    then, here = dict(before), dict(now)
    other = [name[len(BUILDROOT) :] for name in here if is_local(here[name]) and then.get(name) != here[name]]
    reason = "source package, target, builder and buildroot are the same as when it was built"
    if not other:
        return reason
    seen = {
        Dependants.REBUILD: "nothing that its build could see",
        Dependants.HEADERS: "neither provides nor requires, which alone count (dependants: headers)",
        Dependants.NEVER: "nothing that counts (dependants: never)",
    }[policy]
    return f"{reason}; {', '.join(other)} came from another commit, but {seen} changed there"
