"""Decide what a release contains, before anything is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from altai_build.config import Target
from altai_build.errors import InputError
from altai_build.model.gitlink import require_commit
from altai_build.model.lock import Lock
from altai_build.model.pin import PinDirection
from altai_build.model.release import (
    ComponentOrigin,
    FollowedRelease,
    Manifest,
    SpecOrigin,
    format_expected_by,
    parse_time,
)
from altai_build.pipeline.build.pins import compare_pins
from altai_build.pipeline.build.plan import BuildPlan, plan_build
from altai_build.pipeline.deps import lock_path, read_required_lock
from altai_build.pipeline.published.history import choose_followed_releases
from altai_build.pipeline.published.manifest_trust import open_reader
from altai_build.pipeline.published.releases import list_releases_before
from altai_build.pipeline.release.key_change import refuse_undeclared_key_change
from altai_build.pipeline.release.tagging import plan_release_tags
from altai_build.pipeline.run import Run
from altai_build.stages.publish import check_version, compare_releases, list_releases
from altai_build.stages.tag import TagPlan
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.git.uncommitted import list_uncommitted
from altai_build.tools.mock.config import list_config_files

_PIN_CHANGE_TEXTS = {
    PinDirection.FORWARD: "changed: {version} has {old}",
    PinDirection.REWOUND: "rewound: {version} has the later commit {old}",
    PinDirection.DIVERGED: "diverged: {version} has {old}, and neither commit contains the other",
    PinDirection.UNKNOWN: "changed: {version} has {old}, which is no longer available",
}


@dataclass(frozen=True)
class ReleasePlan:
    """What `release` is going to do; `--dry-run` prints this very object."""

    version: str
    commit: str
    previous: Manifest | None
    published: tuple[str, ...]  # the versions of all published releases, lowest first
    target: Target
    build_plan: BuildPlan
    lock: Lock | None  # of third-party packages
    change_status: dict[str, str]  # component → how its commit compares with the previous release
    follows: tuple[FollowedRelease, ...]  # what the manifest names of them
    expected_by: str | None  # when the release after it is expected
    tags: TagPlan | None = None

    @property
    def previous_version(self) -> str | None:
        """The version of the previous release."""
        return self.previous.version if self.previous else None

    @property
    def newer_version(self) -> str | None:
        """The highest published version, if this release is older than it: `latest` stays there."""
        highest = self.published[-1] if self.published else None
        return highest if highest is not None and compare_releases(highest, self.version) > 0 else None

    @property
    def reasons(self) -> dict[str, str]:
        """Component → how its commit compares with the previous release; for a bootstrap build why it is needed."""
        return {**self.build_plan.reasons, **self.change_status}


def plan_release(
    run: Run, version: str, revision: str, *, tag: bool = False, push: bool = False
) -> ReleasePlan:
    """Decide what a release contains, and with `tag` what to tag (and with `push` where to push the tags).

    Raises PublishError for a version or a tag that exists, InputError for a version that cannot be ordered, for
    uncommitted files of the definition, for a lock that is missing or faulty and for a release without packages,
    SigningError for a key that does not replace the previous one.
    """
    releases = run.config.get_release_settings().directory
    published = list_releases(releases)
    check_version(version, published, releases)
    run.superproject.require_full_history()
    _refuse_uncommitted(run)
    # The lock is read before the builds, so that a fault in it is reported at once.
    lock = read_required_lock(run)
    earlier = list_releases_before(releases, version)
    reader = open_reader(run.config, (), run.reporter.warn)
    previous = reader.read(earlier[-1]).manifest if earlier else None
    refuse_undeclared_key_change(run, previous)
    build_plan = plan_build(run, revision, (), None)
    _refuse_empty(version, build_plan, lock)
    commit = build_plan.discovery.commit
    release_plan = ReleasePlan(
        version=version,
        commit=commit,
        previous=previous,
        published=published,
        target=run.config.get_target(),
        build_plan=build_plan,
        lock=lock,
        change_status=_describe_changes(run, build_plan.discovery.sourced, previous),
        follows=choose_followed_releases(
            releases, published, previous.version if previous else None, run.reporter.warn
        ),
        expected_by=_plan_next_release(run, build_plan.discovery.time),
        tags=plan_release_tags(run, version, commit, pushing=push) if tag else None,
    )
    newer = release_plan.newer_version
    if newer is not None:
        run.reporter.warn(
            f"{version} sorts below {newer}: `latest` stays at {newer}, and upgrades from {version} to {newer} are not "
            f"checked (run `altai-build upgrade-check {version} {newer}` after the release)"
        )
    return release_plan


def _plan_next_release(run: Run, epoch: int) -> str | None:
    """When the next release is expected, by the commit's time; warns of a time that has passed."""
    expected = format_expected_by(run.config.get_release_settings().expected_by, epoch)
    if expected is not None and parse_time(expected) < datetime.now(timezone.utc):
        run.reporter.warn(
            f"the next release was expected by {expected} (release.expected_by in repos.yaml): `verify --remember` "
            "reports this one as out of date at once"
        )
    return expected


def _refuse_empty(version: str, build_plan: BuildPlan, lock: Lock | None) -> None:
    """Raise InputError when nothing is built and nothing is mirrored; what cannot be read is an error of its own."""
    discovery = build_plan.discovery
    if discovery.sourced or discovery.unreadable or (lock is not None and lock.packages):
        return
    skipped = [f"{component.name}: {component.reason}" for component in discovery.without_srpm]
    raise InputError(
        f"release {version} would have no packages",
        why="\n".join(skipped)
        or f"at commit {discovery.commit[:12]} no submodule is pinned below superproject.components, and the root has "
        "no spec",
        todo="pin components (`git submodule add`), or correct superproject.components in repos.yaml",
    )


def _refuse_uncommitted(run: Run) -> None:
    """Raise InputError when a file of the release definition is not committed: a release is made from commits alone."""
    dirty = list_uncommitted(run.superproject.path, _list_definition_files(run))
    if dirty:
        raise InputError(
            "the release definition is not committed",
            why="\n".join(f"  {name}" for name in dirty),
            todo="commit these files (or undo the changes), then release",
        )


def _list_definition_files(run: Run) -> list[Path]:
    """repos.yaml and every file and directory that it names, and the lock."""
    config = run.config
    files = [config.file] if config.file is not None else []
    for target in config.targets.values():
        files += list_config_files(target.mock_config, search=config.mock_config_directories)
    files += [repository.path for repository in config.repositories.values() if repository.path is not None]
    files += [key.file for key in config.keys.values()]
    return [*files, lock_path(run)]


def _describe_changes(
    run: Run, sourced: Sequence[ComponentSource], previous: Manifest | None
) -> dict[str, str]:
    """Component → how its commit compares with the previous release; warns when yum may not update to it."""
    if previous is None:
        return {one.component.name: "new: there is no previous release" for one in sourced}
    pins: dict[str, dict[str, str | None]] = {}
    for package in previous.packages:
        origin = package.origin
        if isinstance(origin, (ComponentOrigin, SpecOrigin)):
            url = origin.url if isinstance(origin, ComponentOrigin) else None
            pins.setdefault(origin.path, {})[origin.commit] = url
    return {
        one.component.name: _describe_change(run, one, pins.get(one.component.path, {}), previous.version)
        for one in sourced
    }


def _describe_change(
    run: Run, sourced: ComponentSource, pins: Mapping[str, str | None], previous: str
) -> str:
    """How a component's commit compares with those in the release `previous`, which have these URLs."""
    component = sourced.component
    if not pins:
        return f"new: not in {previous}"
    if component.commit in pins:
        return f"same commit as in {previous}"
    old = require_commit(min(pins))
    change = compare_pins(run, sourced, old, url=pins[old])
    text = _PIN_CHANGE_TEXTS[change.direction].format(version=previous, old=old[:7])
    if change.direction is not PinDirection.FORWARD:
        run.reporter.warn(f"{component.name}: {text}")
    return text
