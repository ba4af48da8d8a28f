"""Which packages of a build a release, and so its lock, has to look after."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from altai_build.model.order import Node, make_order
from altai_build.model.plan import Status
from altai_build.pipeline.builds import Building, Planned
from altai_build.pipeline.deps import our_packages
from altai_build.stages.build import Built
from altai_build.stages.discover import Discovery
from altai_build.tools.buildroot import LocalRpm


def node(name: str, needed: str) -> Node:
    return Node(name=name, provides=frozenset([name]), build_requires=(needed,), requires=())


def test_what_a_first_pass_made_is_not_released() -> None:
    first = Node(name="hen (first pass)", provides=frozenset(["hen"]), build_requires=(), requires=())
    order = make_order([replace(node("hen", "egg"), first_pass=first), node("egg", "hen")])
    nothing: Any = cast(Any, None)
    built = {
        name: Built(
            status=Status.BUILT, reason="", rpms=(LocalRpm(path=Path(name), header=nothing, sha256=""),)
        )
        for name in order.needs
    }
    discovery = Discovery(commit="", time=0, sourced=(), left_out=())
    building = Building(
        planned=Planned(discovery=discovery, order=order, reasons={}), sourcing=nothing, built=built, rows=()
    )
    assert set(built) == {"hen", "egg", "hen (first pass)"}
    assert {rpm.path.name for rpm in our_packages(building)} == {"hen", "egg"}
