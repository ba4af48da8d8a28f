"""upgrade-check: every earlier release, and the new one alone, against what clients have besides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from altai_build.config.upstreams import Upstream, list_upstreams
from altai_build.errors import InputError
from altai_build.model.findings import Finding, Severity, waive
from altai_build.model.release import Manifest, MirrorOrigin
from altai_build.model.upgrade import Side, UpgradeReport
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.run import Run
from altai_build.rules.upgrade import UpgradePolicy
from altai_build.stages.upgrade import check_single_release, check_upgrade, report
from altai_build.stages.upstreams import read_upstreams
from altai_build.tools.repo.metadata import (
    RepositoryMetadata,
    RepositorySource,
    read_cached_metadata,
    read_local_metadata,
)
from altai_build.tools.solver.upgrades import UpgradeSolver


def check_upgrades(
    run: Run, old: Sequence[Path], new: Path, external_repositories: ExternalRepositories
) -> UpgradeReport:
    """Whether machines with each of the releases `old` are led to exactly the release `new`; all are folders.

    Raises InputError when a release cannot be read.
    """
    manifest = load_manifest(new)
    target = run.config.targets.get(manifest.target)
    if target is None:
        raise InputError(
            f"release {manifest.version} is for the target {manifest.target!r}, which repos.yaml does not have",
            todo="add the target again, or check with the repos.yaml of that release",
        )
    policy = UpgradePolicy(profiles=run.config.profiles, allowed=run.config.allow_downgrades)
    ours = frozenset(one.name for one in manifest.packages if not isinstance(one.origin, MirrorOrigin))
    problems = list(external_repositories.findings)
    earlier = [(load_manifest(place), place) for place in old]
    problems += [_other_target(one, manifest) for one, _ in earlier if one.target != manifest.target]
    earlier = [(one, place) for one, place in earlier if one.target == manifest.target]
    pool = _make_pool(run, target.arch, earlier, (manifest, new), external_repositories)
    problems += check_single_release(
        manifest.version, pool, ours=ours, later=bool(external_repositories.later)
    )
    judged = []
    for one, _ in earlier:
        with run.reporter.run_step(f"upgrades from {one.version}"):
            pool.select_previous_release(one.version)
            judged.append(check_upgrade(one.version, manifest.version, pool, policy, ours=ours))
    told = report(manifest.version, judged, problems, policy)
    today = datetime.now(timezone.utc).date()
    return replace(told, findings=waive(told.findings, run.config.waivers, today))


def _make_pool(
    run: Run,
    arch: str,
    earlier: Sequence[tuple[Manifest, Path]],
    new: tuple[Manifest, Path],
    external_repositories: ExternalRepositories,
) -> UpgradeSolver:
    """One pool for all earlier releases: the system's packages are read and looked through once."""
    pool = UpgradeSolver(arch, cache=run.workspace.cache / "solv")
    for manifest, place in earlier:
        for metadata in _read_release_repositories(manifest, place):
            pool.add_previous_release(metadata, manifest.version)
    for side, found in (
        (Side.NEW, _read_release_repositories(*new)),
        (Side.BASE, external_repositories.base),
        (Side.UPSTREAM, external_repositories.later),
    ):
        for metadata in found:
            pool.add(metadata, side)
    return pool


def _read_release_repositories(manifest: Manifest, place: Path) -> Iterator[RepositoryMetadata]:
    """The repositories that a release offers to clients."""
    for repository in manifest.repositories:
        if not repository.source:
            yield read_local_metadata(repository.name, place / repository.name)


# ---- what clients have besides -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExternalRepositories:
    """The system's repositories, the upstreams of what is mirrored, and what is wrong with them."""

    base: tuple[RepositoryMetadata, ...]
    later: tuple[RepositoryMetadata, ...]
    findings: tuple[Finding, ...]


def read_external_repositories(run: Run) -> ExternalRepositories:
    """The metadata as it is now; the last state that was seen where a repository cannot be reached.

    Raises InputError when nothing is known of the system.
    """
    base: list[RepositoryMetadata] = []
    later: list[RepositoryMetadata] = []
    problems: list[Finding] = []
    run.workspace.prepare()
    upstreams = list_upstreams(run.config)
    for upstream in upstreams:
        is_base = upstream.is_base
        try:
            metadata = read_upstreams([upstream], cache=run.workspace.cache / "metadata", known=None, jobs=1)[
                0
            ]
        except InputError as error:
            known = _last_seen(run, upstream)
            if known is None and is_base:
                raise
            problems.append(_unreachable(upstream, error, known is not None))
            if known is None:
                continue
            metadata = known
        (base if is_base else later).append(metadata)
    if not base:
        problems.append(
            Finding(
                rule="base",
                severity=Severity.WARNING,
                subject="base",
                message="repos.yaml names no repository of the system: packages that need it are taken to be on no "
                "machine, and their upgrades are not proved",
                fix="list the system's repositories under `base` of the target",
            )
        )
    return ExternalRepositories(base=tuple(base), later=tuple(later), findings=tuple(problems))


def _last_seen(run: Run, upstream: Upstream) -> RepositoryMetadata | None:
    if upstream.listing is not None:
        return None
    source = RepositorySource(
        name=upstream.name,
        urls=(upstream.url,),
        check_packages=True,
        check_metadata=False,
        keys=(upstream.key.file,),
        exclude=upstream.exclude,
    )
    return read_cached_metadata(source, run.workspace.cache / "metadata")


def _unreachable(upstream: Upstream, error: InputError, known: bool) -> Finding:
    how = "what was seen of it last was used" if known else "what it would replace is not known"
    return Finding(
        rule="upstream",
        severity=Severity.WARNING,
        subject=upstream.name,
        message=f"{error.what}; {how}",
        fix="check again when it can be reached",
    )


def _other_target(earlier: Manifest, manifest: Manifest) -> Finding:
    return Finding(
        rule="target",
        severity=Severity.WARNING,
        upgrade_from=earlier.version,
        subject=earlier.version,
        message=f"it is for {earlier.target}, and {manifest.version} for {manifest.target}: not compared",
        fix="machines of another target are installed anew",
    )
