"""How two packages of one name compare, and what became of making one again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Similarity(str, Enum):
    """How much two packages have in common."""

    IDENTICAL = "identical"
    IDENTICAL_EXCEPT_TIMES = "identical but for signature and times"
    DIFFERENT = "different"


@dataclass(frozen=True)
class PackageComparison:
    """The verdict, and where the two differ: the tags that may, or the first file or tag that may not."""

    sameness: Similarity
    where: str
    is_in_file: bool = False  # a file differs, and not only what the header says of the package


@dataclass(frozen=True)
class ReproducedPackage:
    """One package of a component that was made again, and how it compares with the released one."""

    package: str  # NEVRA
    released: str  # repository/file in the release; "" where the release has no such package
    sameness: Similarity
    where: str


@dataclass(frozen=True)
class ReproductionReport:
    """What making a component again gave."""

    component: str
    release: str
    commit: str
    buildroot: str  # "same as then", "another than then", or "not known"
    packages: tuple[ReproducedPackage, ...]

    @property
    def sameness(self) -> Similarity:
        """The worst of its packages."""
        order = list(Similarity)
        return max((one.sameness for one in self.packages), key=order.index)
