"""Where a pin went between two superproject commits: on, back, or aside; rpm only follows the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from altai_build.errors import AltaiError
from altai_build.model.component import ComponentKind
from altai_build.model.gitlink import Gitlink
from altai_build.pipeline.run import Run
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.superproject import ComponentSource, Submodule


class PinDirection(str, Enum):
    """How the later of two pins relates to the earlier one."""

    FORWARD = "forward"  # it contains the earlier one
    REWOUND = "rewound"  # the earlier one contains it
    DIVERGED = "diverged"  # neither contains the other
    UNKNOWN = "unknown"  # the earlier commit is not to be had any more


@dataclass(frozen=True)
class PinChange:
    """A pin's move; `lower`: its commits are fewer, or as many, so its packages need not sort higher than before."""

    old: str
    new: str
    direction: PinDirection
    lower: bool

    def describe(self, since: str) -> str:
        """The move as a reason, with a warning when yum would not follow it; `since` names the earlier state."""
        ends = f"from {self.old[:7]} to {self.new[:7]}"
        if self.direction is PinDirection.REWOUND:
            return f"its pin was rewound {ends} since {since}: its packages sort lower, and yum will not update to them"
        if self.direction is PinDirection.DIVERGED:
            behind = ", and yum may not update to its packages" if self.lower else ""
            return f"its pin moved aside {ends} since {since}: neither contains the other{behind}"
        if self.direction is PinDirection.UNKNOWN:
            return f"its pin moved {ends} since {since}; the earlier commit is not to be had, so which is later is open"
        return f"its pin moved {ends} since {since}"


def earlier_pins(run: Run, revision: str) -> dict[str, Submodule]:
    """The pins of an earlier superproject commit, by path."""
    commit = run.superproject.resolve_revision(revision)
    tree = run.superproject.open_store(commit).read_tree(commit)
    return {
        one.link.path: one
        for one in run.superproject.read_submodules(commit, tree, run.config.superproject.components)
    }


def compare_pins(run: Run, sourced: ComponentSource, old: str, *, url: str | None) -> PinChange:
    """Where a component's pin went from the commit `old`, that came from `url`."""
    component = sourced.component
    new = component.commit
    try:
        store = sourced.store
        if component.kind is ComponentKind.SUBMODULE:
            pins = [
                Submodule(link=Gitlink(path=component.path, commit=commit), name=None, url=source)
                for commit, source in ((old, url), (new, component.url))
            ]
            store = _open_joint_store(run, sourced, pins)
        return PinChange(
            old=old,
            new=new,
            direction=_find_direction(store, old, new),
            lower=store.count_commits(new) <= store.count_commits(old),
        )
    except AltaiError:
        return PinChange(old=old, new=new, direction=PinDirection.UNKNOWN, lower=True)


def _open_joint_store(run: Run, sourced: ComponentSource, pins: Sequence[Submodule]) -> ObjectStore:
    if sourced.store.has_commit_object(pins[0].link.commit):
        return sourced.store
    return run.superproject.open_store_with_both(*pins)


def _find_direction(store: ObjectStore, old: str, new: str) -> PinDirection:
    if store.is_ancestor(old, new):
        return PinDirection.FORWARD
    return PinDirection.REWOUND if store.is_ancestor(new, old) else PinDirection.DIVERGED
