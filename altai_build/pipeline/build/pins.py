"""Compare the pins of a component at two superproject commits."""

from __future__ import annotations

from altai_build.errors import AltaiError
from altai_build.model.component import ComponentKind
from altai_build.model.gitlink import CommitId, Gitlink
from altai_build.model.pin import PinChange, PinDirection, get_pin_direction
from altai_build.pipeline.run import Run
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.superproject import Submodule


def read_pins(run: Run, revision: str) -> dict[str, Submodule]:
    """The pins of a superproject commit, by path."""
    commit = run.superproject.resolve_revision(revision)
    tree = run.superproject.open_store(commit).read_tree(commit)
    submodules = run.superproject.read_submodules(commit, tree, run.config.superproject.components)
    return {submodule.link.path: submodule for submodule in submodules}


def compare_pins(run: Run, sourced: ComponentSource, old: CommitId, *, url: str | None) -> PinChange:
    """How a component's pin changed from the commit `old`, which came from `url`.

    The direction is UNKNOWN when either commit is no longer available.
    """
    new = sourced.component.commit
    try:
        dropped, gained = _open_store_with_both(run, sourced, old, url).count_between(old, new)
    except AltaiError:
        return PinChange(old=old, new=new, direction=PinDirection.UNKNOWN, is_lower=True)
    direction = get_pin_direction(gained=gained, dropped=dropped)
    return PinChange(old=old, new=new, direction=direction, is_lower=gained <= dropped)


def _open_store_with_both(run: Run, sourced: ComponentSource, old: CommitId, url: str | None) -> ObjectStore:
    """A store that has both commits; a remote is asked only where no clone has them."""
    component = sourced.component
    if component.kind is not ComponentKind.SUBMODULE or sourced.store.has_commit_object(old):
        return sourced.store
    before, after = (
        Submodule(link=Gitlink(path=component.path, commit=commit), name=None, url=source)
        for commit, source in ((old, url), (component.commit, component.url))
    )
    return run.superproject.open_store_with_both(before, after)
