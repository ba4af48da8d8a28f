"""The tags of a release: planned before anything is built, and kept only if the release is published."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from altai_build.model.gitlink import CommitId
from altai_build.pipeline.run import Run
from altai_build.stages.tag import TagPlan, create_tags, plan_tags
from altai_build.tools.openpgp.signing import SigningKey


def plan_release_tags(run: Run, version: str, commit: CommitId, *, pushing: bool) -> TagPlan:
    """One tag on the superproject's commit and on each component's pin; makes nothing.

    A component that repos.yaml skips is not tagged. Raises PublishError when a clone or a remote has a tag of that
    name, InputError when a component has no clone in the superproject.
    """
    superproject, config = run.superproject, run.config
    tree = superproject.open_store(commit).read_tree(commit)
    submodules = superproject.read_submodules(commit, tree, config.superproject.components)
    skipped = {name for name, settings in config.components.items() if settings.skip}
    tagged = [
        submodule
        for submodule in submodules
        if not skipped & {submodule.link.path, submodule.link.path.rpartition("/")[2]}
    ]
    return plan_tags(
        superproject,
        tagged,
        commit,
        project=config.project,
        version=version,
        warn=run.reporter.warn,
        pushing=pushing,
    )


@contextmanager
def create_release_tags(run: Run, plan: TagPlan | None, key: SigningKey, *, staged: Path) -> Iterator[None]:
    """Make the planned tags, if any, for the block, which publishes the folder `staged`.

    They are removed again when the block raises while the folder is still there: publication moves it away.
    """
    if plan is None:
        yield
        return
    with create_tags(plan, key, run.workspace.scratch, is_published=lambda: not staged.exists()):
        yield
