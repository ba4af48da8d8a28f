"""Work trees of the superproject and its components: compared with the pins, or built as they are."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from altai_build.errors import AltaiError
from altai_build.model.component import ComponentKind

if TYPE_CHECKING:
    from altai_build.model.gitlink import CommitId
    from altai_build.pipeline.run import Run
    from altai_build.tools.git.component_source import ComponentSource


def warn_of_work_trees(
    run: Run,
    sources: Sequence[ComponentSource],
    *,
    taken: str = "only the pinned commit is built (--worktree builds what is there)",
) -> None:
    """Warn of components whose work trees differ from their pins: what was edited there is not `taken`."""
    from altai_build.tools.git.worktree import describe_difference

    def find(source: ComponentSource) -> str:
        component = source.component
        if component.kind is not ComponentKind.SUBMODULE:
            return ""
        try:
            return describe_difference(run.superproject.path / component.path, component.commit)
        except AltaiError as error:
            return f"cannot be compared with its pin: {error.what}"

    with ThreadPoolExecutor(max(1, run.jobs)) as pool:
        for source, difference in zip(sources, pool.map(find, sources)):
            if difference:
                run.reporter.warn(f"{source.component.name}: the work tree {difference}; {taken}")


def commit_work_trees(run: Run) -> CommitId:
    """A commit of what is in the work trees of the superproject and of its components; says which are not as pinned.

    Nothing of the user's but objects is written.
    """
    from altai_build.tools.git.worktree import take_snapshot

    run.workspace.prepare()
    snapshot = take_snapshot(run.superproject.path, run.workspace.scratch)
    for link in snapshot.changed:
        run.reporter.info(f"{link.path}: its work tree is built as commit {link.commit[:12]}")
    return snapshot.commit
