"""The tag of a release: decided before anything is made, there from the moment of publication, pushed when asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from altai_build.pipeline.run import Run
from altai_build.stages.tag import TagPlan, create_tags, plan_tags
from altai_build.tools.openpgp.signing import SigningKey


def plan_release_tags(run: Run, version: str, commit: str, *, pushing: bool) -> TagPlan:
    """One tag on the superproject's commit and each component's pin; nothing is made yet.

    A component that repos.yaml leaves out is not tagged. Raises PublishFailed when a tag of that name is anywhere,
    InputError when a component has no clone here.
    """
    superproject, config = run.superproject, run.config
    tree = superproject.open_store(commit).read_tree(commit)
    found = superproject.read_submodules(commit, tree, config.superproject.components)
    without_srpm = {name for name, one in config.components.items() if one.skip}
    wanted = [one for one in found if not without_srpm & {one.link.path, one.link.path.rpartition("/")[2]}]
    return plan_tags(
        superproject,
        wanted,
        commit,
        project=config.project,
        version=version,
        warn=run.story.warn,
        pushing=pushing,
    )


@contextmanager
def create_release_tags(run: Run, plan: TagPlan | None, key: SigningKey) -> Iterator[None]:
    """The release's tags are there within the block, where there are to be any, and stay only if it ends well."""
    if plan is None:
        yield
        return
    with create_tags(plan, key, run.workspace.scratch):
        yield
