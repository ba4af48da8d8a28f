"""Why a build is repeated or reused, in words: what differs between the inputs of two builds."""

from __future__ import annotations

from altai_build.model.build_inputs import (
    BUILDROOT_PREFIX,
    BuildInputs,
    compare_inputs,
)
from altai_build.model.package_fingerprint import RebuildPolicy, is_local_package

# Packages of the buildroot that a reason names; of further ones it gives the number.
_LISTED_PACKAGES = 3


_UNCHANGED = {
    RebuildPolicy.REBUILD: " with the same version, dependencies, scripts and files",
    RebuildPolicy.HEADERS: " with the same provides and requires (dependants: headers)",
    RebuildPolicy.NEVER: ", which is ignored (dependants: never)",
}


def describe_differences(before: BuildInputs, now: BuildInputs) -> str:
    """Which inputs differ, in words; "" when none does that could change the packages."""
    changes = compare_inputs(before, now, RebuildPolicy.REBUILD)
    names = [change.name for change in changes if change.status not in ("same", "ignored")]
    packages = [name[len(BUILDROOT_PREFIX) :] for name in names if name.startswith(BUILDROOT_PREFIX)]
    words = [f"{name} changed" for name in names if not name.startswith(BUILDROOT_PREFIX)]
    if packages:
        more = len(packages) - _LISTED_PACKAGES
        listed = ", ".join(packages[:_LISTED_PACKAGES]) + (f" and {more} more" if more > 0 else "")
        words.append(f"packages in its buildroot changed: {listed}")
    return "; ".join(words)


def describe_reuse(before: BuildInputs, now: BuildInputs, policy: RebuildPolicy) -> str:
    """Why packages are reused, and which packages of the buildroot were rebuilt without a reason to rebuild these."""
    old = dict(before)
    rebuilt = [
        name[len(BUILDROOT_PREFIX) :]
        for name, value in now
        if is_local_package(value) and old.get(name) != value
    ]
    reason = "source package, target, builder and buildroot are unchanged"
    if not rebuilt:
        return reason
    were = "was" if len(rebuilt) == 1 else "were"
    return f"{reason}; {', '.join(rebuilt)} {were} rebuilt{_UNCHANGED[policy]}"
