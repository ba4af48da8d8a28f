"""What a build does with what its builder tells of it; flow tests show the rest."""

from __future__ import annotations

from altai_build.model.checksum import Checksum
from altai_build.model.nevra import Nevra
from altai_build.stages.build.make import describe_unexpected_packages
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.solver.pool import ResolvedPackage


def resolved(name: str, epoch: int = 0) -> ResolvedPackage:
    nevra = Nevra(name=name, epoch=epoch, version="1", release="2", arch="noarch")
    return ResolvedPackage(nevra=nevra, metadata=None, location="", checksum=Checksum("sha256", "0"), size=0)


def test_a_root_with_other_packages_than_were_chosen_is_noticed() -> None:
    root = Buildroot(base=(resolved("bash"), resolved("make", 1)), extra=(resolved("gcc"),))
    same = ["gcc-1-2.noarch 5:6", "bash-1-2.noarch 7:8", "make-1:1-2.noarch 9:9"]
    assert describe_unexpected_packages(root, same) == describe_unexpected_packages(root, root.lines) == ""
    other = [*same[1:], "gcc-1-3.noarch 5:6", "perl-1-2.noarch 1:1"]
    assert describe_unexpected_packages(root, other) == "+gcc-1-3.noarch, +perl-1-2.noarch, -gcc-1-2.noarch"
