"""What bills of materials say of a release besides its manifest: licenses, suppliers, dependencies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from altai_build.model.release import Manifest, MirrorOrigin, ReleasedPackage


@dataclass(frozen=True)
class PackageDescription:
    """What a package says of itself, "" where it says nothing, and what it needs.

    `needs` are the packages of the release (`repository/file`) that provide what it requires, `outside` are the
    requirements that nothing in the release provides: the operating system's. A source package needs nothing to be
    installed.
    """

    license: str = ""
    vendor: str = ""
    url: str = ""
    summary: str = ""
    needs: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()


def find_dependents(
    manifest: Manifest, descriptions: Mapping[str, PackageDescription]
) -> dict[str, tuple[str, ...]]:
    """Path of each package of a release → the names of other packages that need it, sorted.

    These are the packages that require something it provides; of a mirrored one also those for which it was locked.
    """
    names = {package.path: package.name for package in manifest.packages}
    dependents: dict[str, set[str]] = {path: set() for path in names}
    for path, description in descriptions.items():
        for needed in description.needs:
            if path in names and needed in names:
                dependents[needed].add(names[path])
    for package in manifest.packages:
        if isinstance(package.origin, MirrorOrigin):
            dependents[package.path].update(package.origin.needed_by)
    return {path: tuple(sorted(found - {names[path]})) for path, found in dependents.items()}


@dataclass(frozen=True)
class BillOfMaterials:
    """A release with everything that its bills of materials say."""

    manifest: Manifest
    project: str
    url: str  # where the release is published
    descriptions: Mapping[str, PackageDescription]  # by the package's path
    signers: Mapping[str, str]  # fingerprint → user id of the key

    def describe(self, package: ReleasedPackage) -> PackageDescription:
        """What a package says of itself."""
        return self.descriptions[package.path]

    def find_supplier(self, package: ReleasedPackage) -> str:
        """Who makes a package available: the project, or of a mirrored one its vendor, else whoever signed it.

        "" where nobody is known.
        """
        if not isinstance(package.origin, MirrorOrigin):
            return self.project
        signer = self.signers.get(package.signer.fingerprint, "").partition("<")[0].strip()
        return self.describe(package).vendor or signer
