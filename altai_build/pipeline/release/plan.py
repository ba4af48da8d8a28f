"""Decide what a release contains, before anything is built."""

from __future__ import annotations

from dataclasses import dataclass

from altai_build.config import Target
from altai_build.errors import InputError, PublishError
from altai_build.model.lock import Lock
from altai_build.model.nevra import is_safe_name
from altai_build.model.release import (
    ComponentOrigin,
    Manifest,
    SpecOrigin,
)
from altai_build.pipeline.build.pins import PinDirection, compare_pins
from altai_build.pipeline.build.plan import BuildPlan, plan_build
from altai_build.pipeline.deps import read_required_lock
from altai_build.pipeline.published.releases import find_previous_manifest
from altai_build.pipeline.release.tagging import plan_release_tags
from altai_build.pipeline.run import Run
from altai_build.stages.tag import TagPlan
from altai_build.tools.git.superproject import ComponentSource
from altai_build.tools.mock.config import read_config


@dataclass(frozen=True)
class ReleasePlan:
    """What a release would be, before anything is made; `--dry-run` prints this very object's content."""

    version: str
    commit: str
    previous: Manifest | None
    target: Target
    build_plan: BuildPlan
    lock: Lock | None  # of third-party packages
    change_status: dict[str, str]  # component → what the release it follows says of it
    tags: TagPlan | None = None


def plan_release(
    run: Run, version: str, revision: str, *, tag: bool = False, push: bool = False
) -> ReleasePlan:
    """Decide what a release holds, and with `tag` what is to be tagged (and pushed, with `push`).

    Raises PublishFailed for a version or a tag that exists, InputError for a dirty tree.
    """
    releases = run.config.get_release_settings().directory
    if not is_safe_name(version) or version.startswith("."):
        raise InputError(f"{version!r} is not a version", todo="use digits, letters and dots, as in 1.0.2")
    if (releases / version).exists():
        raise PublishError(
            f"release {version} exists",
            why=f"{releases / version} is published, and released bytes never change",
            todo="choose the next version",
        )
    run.superproject.require_full_history()
    _refuse_dirty(run)
    lock = read_required_lock(run)  # a missing or faulty one is told now, not after the builds
    build_plan = plan_build(run, revision, (), None)
    previous = find_previous_manifest(releases, version)
    commit = build_plan.discovery.commit
    return ReleasePlan(
        version=version,
        commit=commit,
        previous=previous,
        target=run.config.get_target(),
        build_plan=build_plan,
        lock=lock,
        change_status={
            one.component.name: _change_status(run, one, previous) for one in build_plan.discovery.sourced
        },
        tags=plan_release_tags(run, version, commit, pushing=push) if tag else None,
    )


def _refuse_dirty(run: Run) -> None:
    """A release is made from commits alone; a definition that is in none could not be looked up later."""
    config = run.config
    used = [path for path in (config.file,) if path is not None]
    for target in config.targets.values():
        used += read_config(target.mock_config, search=config.mock_config_directories).files
    used += [one.path for one in config.repositories.values() if one.path is not None]
    used += [key.file for key in config.keys.values()]
    used.append(config.root / "deps.lock.yaml")
    dirty = run.superproject.list_uncommitted(used)
    if dirty:
        raise InputError(
            "the release definition is not committed",
            why="\n".join(f"  {name}" for name in dirty),
            todo="commit these files (or take the changes back), then release",
        )


def _change_status(run: Run, sourced: ComponentSource, previous: Manifest | None) -> str:
    """How a component compares with the release it follows, as far as commits tell."""
    component = sourced.component
    if previous is None:
        return "new: no release goes before"
    pins = {
        package.origin.commit: package.origin.url if isinstance(package.origin, ComponentOrigin) else None
        for package in previous.packages
        if isinstance(package.origin, (ComponentOrigin, SpecOrigin)) and package.origin.path == component.path
    }
    if not pins:
        return f"new: {previous.version} does not have it"
    if component.commit in pins:
        return f"same commit as in {previous.version}"
    old = min(pins)
    move = compare_pins(run, sourced, old, url=pins[old])
    change_status = _PIN_CHANGE_TEXTS[move.direction].format(version=previous.version, old=old[:7])
    if move.direction is not PinDirection.FORWARD:
        run.story.warn(f"{component.name}: {change_status}")
    return change_status


_PIN_CHANGE_TEXTS = {
    PinDirection.FORWARD: "changed: {version} has {old}",
    PinDirection.REWOUND: "rewound: {version} has the later commit {old}",
    PinDirection.DIVERGED: "moved aside: {version} has {old}, which it does not contain",
    PinDirection.UNKNOWN: "changed: {version} has {old}, which is not to be had any more",
}
