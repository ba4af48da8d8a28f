"""Which packages of a build a release, and so its lock, has to look after."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from altai_build.errors import BuildError
from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.model.gitlink import CommitId
from altai_build.model.order import OrderedComponent, compute_order
from altai_build.model.package import LocalRpm
from altai_build.pipeline.build.plan import BuildPlan
from altai_build.pipeline.build.run import BuildRun
from altai_build.pipeline.deps import our_packages
from altai_build.stages.discover.components import Discovery


def node(name: str, needed: str) -> OrderedComponent:
    return OrderedComponent(name=name, provides=frozenset([name]), build_requires=(needed,), requires=())


def test_packages_of_a_bootstrap_build_are_not_released() -> None:
    first = OrderedComponent(
        name="hen (bootstrap)", provides=frozenset(["hen"]), build_requires=(), requires=()
    )
    order = compute_order([replace(node("hen", "egg"), bootstrap_build=first), node("egg", "hen")])
    nothing: Any = cast(Any, None)
    built = {
        name: BuildResult(
            component=name,
            commit="",
            status=ComponentStatus.BUILT,
            reason="",
            rpms=(LocalRpm(path=Path(name), header=nothing, sha256=""),),
        )
        for name in order.needs
    }
    discovery = Discovery(commit=CommitId(""), time=0, sourced=(), without_srpm=())
    build_run = BuildRun(
        build_plan=BuildPlan(discovery=discovery, order=order, reasons={}),
        srpm_batch=nothing,
        results=built,
        rows=(built["hen"], built["egg"]),
    )
    assert set(built) == {"hen", "egg", "hen (bootstrap)"}
    assert {rpm.path.name for rpm in our_packages(build_run)} == {"hen", "egg"}


def test_components_without_packages_are_told_with_their_whole_reason_and_log() -> None:
    nothing: Any = cast(Any, None)
    failed = BuildResult(
        component="hen",
        commit="",
        status=ComponentStatus.FAILED,
        reason="nothing provides:\nfirst\nsecond",
        log=Path("/ws/build.log"),
    )
    blocked = BuildResult(
        component="chick", commit="", status=ComponentStatus.BLOCKED, reason="needs hen, which failed"
    )
    discovery = Discovery(commit=CommitId(""), time=0, sourced=(), without_srpm=())
    build_run = BuildRun(
        build_plan=BuildPlan(discovery=discovery, order=compute_order([]), reasons={}),
        srpm_batch=nothing,
        results={"hen": failed, "chick": blocked},
        rows=(failed, blocked),
    )
    with pytest.raises(BuildError) as caught:
        our_packages(build_run)
    assert caught.value.why.splitlines() == [
        "hen: nothing provides:",
        "  first",
        "  second",
        "  log: /ws/build.log",
        "blocked: chick: needs hen, which failed",
    ]
