"""Versions and ranges of versions compared as rpm does, with its own library."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from altai_build.model.header_text import to_valid_text

if TYPE_CHECKING:
    from altai_build.model.package import Dependency

# rpm's RPMSENSE_LESS, RPMSENSE_GREATER and RPMSENSE_EQUAL.
COMPARISONS = ((1 << 1, "<"), (1 << 2, ">"), (1 << 3, "="))


@functools.cache
def _load_librpm() -> Any:
    """rpm's library, loaded for the first comparison: a command that lists one release makes none."""
    from altai_build.tools.rpm.bindings import load_rpm

    return load_rpm()


def format_comparison(flags: int) -> str:
    """The sign of a dependency's flags: `>=`; empty where any version will do."""
    return "".join(sign for bit, sign in COMPARISONS if flags & bit)


def ranges_overlap(left: Dependency, right: Dependency) -> bool:
    """True when some version satisfies both, by rpm's rules: a missing release, for example, matches any."""
    return left.name == right.name and bool(_rpm_dependency(left).Compare(_rpm_dependency(right)))


def _rpm_dependency(dependency: Dependency) -> Any:
    rpm = _load_librpm()
    flags = sum(bit for bit, sign in COMPARISONS if sign in dependency.flags)
    evr = to_valid_text(dependency.evr) if flags else ""
    return rpm.ds((to_valid_text(dependency.name), flags, evr), rpm.RPMTAG_PROVIDENAME)


def compare_evr(left: str, right: str) -> int:
    """-1, 0 or 1 when `left` is older than, equal to or newer than `right`; both `[epoch:]version-release`."""
    return int(_load_librpm().labelCompare(_split_evr(left), _split_evr(right)))


def is_in_range(evr: str, sign: str = "", limit: str = "") -> bool:
    """Whether a version is one that `<= 1.2-3` means: any without a sign, and any release without one in the limit."""
    if not sign:
        return True
    if "-" not in limit:
        evr = evr.rpartition("-")[0]
        order = compare_evr(f"{evr}-0", f"{limit}-0")
    else:
        order = compare_evr(evr, limit)
    return {-1: "<", 0: "=", 1: ">"}[order] in sign


def compare_versions(left: str, right: str) -> int:
    """`compare_evr` for plain version numbers, such as those of releases."""
    return int(_load_librpm().labelCompare(("0", left, "0"), ("0", right, "0")))


def _split_evr(evr: str) -> tuple[str, str, str]:
    epoch, colon, rest = to_valid_text(evr).rpartition(":")
    version, _, release = rest.partition("-")
    return (epoch if colon else "0", version, release)
