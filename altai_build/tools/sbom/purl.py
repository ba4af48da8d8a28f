"""Package URLs, by which bills of materials name packages (purl-spec, type `rpm`)."""

from __future__ import annotations

from packageurl import PackageURL

from altai_build.model.release import MirrorOrigin, ReleasedPackage


def format_rpm_purl(package: ReleasedPackage, project: str) -> PackageURL:
    """The package URL of a released package; the namespace is the project, or none for a mirrored package."""
    qualifiers = {"arch": package.arch}
    if package.epoch:
        qualifiers["epoch"] = str(package.epoch)
    namespace = None if isinstance(package.origin, MirrorOrigin) else project.lower()
    return PackageURL(
        type="rpm",
        namespace=namespace,
        name=package.name,
        version=f"{package.version}-{package.release}",
        qualifiers=qualifiers,
    )


def format_release_purl(project: str, version: str) -> PackageURL:
    """The package URL of a release as a whole."""
    return PackageURL(type="generic", name=project, version=version)
