"""The status and the exit code of a source package's result follow from what it holds."""

from __future__ import annotations

from pathlib import Path

from altai_build.errors import BuildError
from altai_build.model.component_status import ComponentStatus
from altai_build.model.gitlink import CommitId
from altai_build.model.srpm import Srpm, SrpmResult

COMMIT = CommitId("c" * 40)


def test_the_status_follows_from_the_package_and_the_error() -> None:
    built = Srpm(path=Path("a.src.rpm"), sha256="0", nevra="a-1-1.src", key="k", reused=False)
    reused = Srpm(path=Path("a.src.rpm"), sha256="0", nevra="a-1-1.src", key="k", reused=True)
    results = [
        SrpmResult(component="a", commit=COMMIT, reason="", srpm=built),
        SrpmResult(component="a", commit=COMMIT, reason="", srpm=reused),
        SrpmResult(component="a", commit=COMMIT, reason="no spec"),
        SrpmResult(component="a", commit=COMMIT, reason="x", error=BuildError("x")),
    ]
    assert [(result.status, result.exit_code) for result in results] == [
        (ComponentStatus.BUILT, 0),
        (ComponentStatus.REUSED, 0),
        (ComponentStatus.SKIPPED, 0),
        (ComponentStatus.FAILED, 5),
    ]
