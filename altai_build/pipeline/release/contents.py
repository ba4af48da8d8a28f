"""What goes into the release directory besides packages: repository plans, build records, logs."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from altai_build import __version__
from altai_build.config import Repository, SourceKind
from altai_build.model.build import ComponentStatus
from altai_build.model.release import (
    BuildRecord,
    SkippedComponent,
    SuperprojectPin,
)
from altai_build.pipeline.build.run import BuildRun
from altai_build.pipeline.release.plan import ReleasePlan
from altai_build.pipeline.run import Run
from altai_build.stages.compose import KeyFile, Placement, ReleaseContents, RepositoryContents
from altai_build.stages.provenance import buildroot_digest
from altai_build.tools.files import link_if_identical_else_write, sha256_file
from altai_build.tools.git.url import without_password


def collect_contents(
    run: Run,
    release_plan: ReleasePlan,
    build_run: BuildRun,
    placed: dict[str, list[Placement]],
    releases: Path,
) -> ReleaseContents:
    """What the release directory is composed of: repositories with their keys, build records, skipped components."""
    config = run.config
    previous = releases / release_plan.previous.version if release_plan.previous else None
    repositories = []
    for repository in config.repositories.values():
        for name, source in _directories(repository):
            reuse = previous / name if previous is not None and (previous / name).is_dir() else None
            repositories.append(
                RepositoryContents(
                    name=name,
                    key=repository.key,
                    source=source,
                    packages=tuple(placed.get(name, ())),
                    reuse_from=reuse,
                    further_keys=config.get_related_keys(repository.key),
                )
            )
    signing = next(one.key for one in config.repositories.values() if one.source is not SourceKind.MIRROR)
    return ReleaseContents(
        project=config.project,
        version=release_plan.version,
        baseurl=config.get_release_settings().baseurl,
        epoch=release_plan.build_plan.discovery.time,
        compat=release_plan.target.compat,
        superproject=SuperprojectPin(
            url=without_password(run.superproject.remote_url or ""),
            commit=release_plan.commit,
            tag=release_plan.tags.name if release_plan.tags else None,
        ),
        previous=release_plan.previous.version if release_plan.previous else None,
        target=release_plan.target.name,
        tool_version=__version__,
        keys=tuple(KeyFile(name=key.name, file=key.file) for key in config.keys.values()),
        signing_key=signing,
        repositories=tuple(repositories),
        builds=_build_records(build_run),
        waivers=config.waivers,
        skipped=tuple(
            SkippedComponent(component=out.name, reason=out.reason)
            for out in release_plan.build_plan.discovery.without_srpm
        ),
    )


def _directories(repository: Repository) -> list[tuple[str, bool]]:
    own = [(repository.name, False)]
    return [*own, (repository.source_rpms, True)] if repository.source_rpms else own


def _build_records(build_run: BuildRun) -> tuple[BuildRecord, ...]:
    order = build_run.build_plan.order
    records = []
    for row in build_run.rows:
        built = build_run.built.get(row.component)
        if built is None:
            continue
        records.append(
            BuildRecord(
                component=row.component,
                status=row.status.value,
                reason=row.reason,
                seconds=row.seconds,
                buildroot=buildroot_digest(built.buildroot),
                log=_log_name(row.component) if row.log else "",
                source=Path(row.srpm).name if row.srpm else "",
                source_sha256=sha256_file(Path(row.srpm)) if row.srpm else "",
                key=built.key,
                needs=tuple(
                    one for one in order.needs.get(row.component, ()) if one not in order.bootstrap_builds
                ),
            )
        )
    return tuple(records)


def _log_name(component: str) -> str:
    """Where the log of a component is in a release: `a/b` and `a_b` have one each."""
    return f"report/logs/{component}.log.gz"


def write_logs(directory: Path, build_run: BuildRun, previous: Path | None) -> None:
    """The build logs into the release, so that they outlive the workspace."""
    for row in build_run.rows:
        if row.log and row.status in (ComponentStatus.BUILT, ComponentStatus.REUSED):
            name = _log_name(row.component)
            earlier = previous / name if previous is not None else None
            link_if_identical_else_write(
                directory / name, _packed(Path(row.log).read_bytes(), earlier), earlier
            )


def _packed(log: bytes, earlier: Path | None) -> bytes:
    """A log packed; where an earlier release has this very log, as it is there."""
    if earlier is not None:
        try:
            packed = earlier.read_bytes()
            if gzip.decompress(packed) == log:
                return packed
        except (OSError, EOFError, zlib.error):
            pass  # it has none, or a damaged one
    return gzip.compress(log, mtime=0)
