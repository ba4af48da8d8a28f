"""Released packages, their origins and their changes, as tables and JSON show them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from altai_build.model.release import MirrorOrigin, Origin, ReleasedPackage

if TYPE_CHECKING:
    from altai_build.model.release_changes import PackageChange
    from altai_build.pipeline.published.manifest_trust import CheckedManifest


def origin_record(origin: Origin) -> dict[str, object]:
    """An origin in JSON."""
    return {"kind": origin.kind, **asdict(origin)}


def origin_label(origin: Origin) -> str:
    """An origin in one cell: the URL it comes from, or `path at commit`."""
    return origin.url if isinstance(origin, MirrorOrigin) else f"{origin.path} at {origin.commit[:12]}"


def package_label(package: ReleasedPackage) -> str:
    """The name of a package; source packages are marked."""
    return f"{package.name} (source)" if package.nevra.is_source else package.name


def version_label(package: ReleasedPackage | None, other: ReleasedPackage | None) -> str:
    """`[epoch:]version-release`, with the architecture if `other`, its counterpart, has another one."""
    if package is None:
        return "-"
    has_new_arch = other is not None and other.arch != package.arch
    return f"{package.nevra.evr}.{package.arch}" if has_new_arch else package.nevra.evr


def repository_label(change: PackageChange) -> str:
    """The repository of a changed package; both repositories if it moved."""
    if change.is_moved and change.old and change.new:
        return f"{change.old.repository} → {change.new.repository}"
    return change.package.repository


def trust_of_pair(old: CheckedManifest, new: CheckedManifest) -> dict[str, object]:
    """How far each of two compared releases may be believed, as `--json` has it."""
    return {"old": old.trust.level, "new": new.trust.level}
