"""How a package that was built again compares with the released one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Similarity(str, Enum):
    """How similar two packages are; a later member is worse."""

    IDENTICAL = "identical"
    IDENTICAL_EXCEPT_TIMES = "identical but for signature and times"
    DIFFERENT = "different"


@dataclass(frozen=True)
class PackageComparison:
    """How similar two packages are, and where they differ.

    `first_difference` names the tags that may differ (signature and times), or the first file or tag that may not.
    """

    similarity: Similarity
    first_difference: str
    # Only: another version of the compressor makes other bytes of the same content.
    is_in_compression: bool = False


@dataclass(frozen=True)
class ReproducedPackage:
    """One package that was built again, and how it compares with the released one."""

    nevra: str
    released: str  # repository/file in the release; "" if the release has no such package
    similarity: Similarity
    first_difference: str


@dataclass(frozen=True)
class ReproductionReport:
    """The result of building a component of a release again."""

    component: str
    release: str
    commit: str
    buildroot: str  # how it compares with the buildroot of the original build
    source_package: tuple[str, ...]  # how what makes it now differs from what made the released one
    packages: tuple[ReproducedPackage, ...]

    @property
    def similarity(self) -> Similarity:
        """That of the package that differs most."""
        order = list(Similarity)
        return max((package.similarity for package in self.packages), key=order.index)
