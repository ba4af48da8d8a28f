"""Where a pin went between two superproject commits: on, back, or aside; rpm only follows the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from altai_build.errors import AltaiError
from altai_build.model.component import Kind
from altai_build.model.gitlink import Gitlink
from altai_build.pipeline.run import Run
from altai_build.tools.objects import ObjectStore
from altai_build.tools.superproject import Sourced, Submodule


class Direction(str, Enum):
    """How the later of two pins relates to the earlier one."""

    ON = "on"  # it contains the earlier one
    BACK = "back"  # the earlier one contains it
    ASIDE = "aside"  # neither contains the other
    UNKNOWN = "unknown"  # the earlier commit is not to be had any more


@dataclass(frozen=True)
class Move:
    """A pin's move; `lower`: its commits are fewer, or as many, so its packages need not sort higher than before."""

    old: str
    new: str
    direction: Direction
    lower: bool

    def told(self, since: str) -> str:
        """The move as a reason, with a warning when yum would not follow it; `since` names the earlier state."""
        ends = f"from {self.old[:7]} to {self.new[:7]}"
        if self.direction is Direction.BACK:
            return f"its pin was rewound {ends} since {since}: its packages sort lower, and yum will not update to them"
        if self.direction is Direction.ASIDE:
            behind = ", and yum may not update to its packages" if self.lower else ""
            return f"its pin moved aside {ends} since {since}: neither contains the other{behind}"
        if self.direction is Direction.UNKNOWN:
            return f"its pin moved {ends} since {since}; the earlier commit is not to be had, so which is later is open"
        return f"its pin moved {ends} since {since}"


def earlier_pins(run: Run, revision: str) -> dict[str, Submodule]:
    """The pins of an earlier superproject commit, by path."""
    commit = run.superproject.resolve(revision)
    tree = run.superproject.store(commit).tree(commit)
    return {
        one.link.path: one
        for one in run.superproject.submodules(commit, tree, run.config.superproject.components)
    }


def move_of(run: Run, sourced: Sourced, old: str, *, url: str | None) -> Move:
    """Where a component's pin went from the commit `old`, that came from `url`."""
    component = sourced.component
    new = component.commit
    try:
        store = sourced.store
        if component.kind is Kind.SUBMODULE:
            pins = [
                Submodule(link=Gitlink(path=component.path, commit=commit), name=None, url=source)
                for commit, source in ((old, url), (new, component.url))
            ]
            store = _joint(run, sourced, pins)
        return Move(
            old=old,
            new=new,
            direction=_direction(store, old, new),
            lower=store.count(new) <= store.count(old),
        )
    except AltaiError:
        return Move(old=old, new=new, direction=Direction.UNKNOWN, lower=True)


def _joint(run: Run, sourced: Sourced, pins: Sequence[Submodule]) -> ObjectStore:
    if sourced.store.has(pins[0].link.commit):
        return sourced.store
    return run.superproject.joint_store(*pins)


def _direction(store: ObjectStore, old: str, new: str) -> Direction:
    if store.is_ancestor(old, new):
        return Direction.ON
    return Direction.BACK if store.is_ancestor(new, old) else Direction.ASIDE
