"""Collect what a release contains: its repositories with their packages and keys, build records, and logs."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from altai_build import __version__
from altai_build.config import Config
from altai_build.ledger import Ledger
from altai_build.model.component_status import ComponentStatus
from altai_build.model.release import BuildRecord, SkippedComponent, SuperprojectPin
from altai_build.model.release_files import make_log_path
from altai_build.model.srpm_making import SrpmMaking, select_making
from altai_build.pipeline.build.run import BuildRun
from altai_build.pipeline.published.releases import PublishedReleases
from altai_build.pipeline.release.plan import ReleasePlan
from altai_build.pipeline.run import Run
from altai_build.regular_files import read_regular_file
from altai_build.stages.compose import KeyFile, Placement, ReleaseContents, RepositoryContents
from altai_build.stages.provenance import compute_buildroot_digest
from altai_build.tools.buildlog.reading import read_for_keeping
from altai_build.tools.files import link_if_identical_else_write, sha256_file
from altai_build.tools.url import without_password


def collect_contents(
    run: Run,
    plan: ReleasePlan,
    build_run: BuildRun,
    placements: Mapping[str, Sequence[Placement]],
    previous: Path | None,
    published: PublishedReleases,
) -> ReleaseContents:
    """Everything that `compose` writes; `placements` maps repositories to packages.

    `previous` is the directory of the previous release, whose metadata is reused; `published` are the packages that may
    have been placed in this one.
    """
    config = run.config
    return ReleaseContents(
        project=config.project,
        version=plan.version,
        baseurl=config.get_release_settings().baseurl,
        epoch=plan.build_plan.discovery.time,
        compat=plan.target.compat,
        superproject=SuperprojectPin(
            url=without_password(run.superproject.remote_url or ""),
            commit=plan.commit,
            tag=plan.tags.name if plan.tags else None,
        ),
        previous=plan.previous_version,
        follows=plan.follows,
        expected_by=plan.expected_by,
        target=plan.target.name,
        tool_version=__version__,
        keys=tuple(KeyFile(name=key.name, file=key.file) for key in config.keys.values()),
        signing_key=config.signing_key,
        repositories=tuple(_list_repositories(config, placements, previous)),
        reuse_index_from=previous,
        builds=list_build_records(build_run, run.ledger, _list_released_makings(placements, published)),
        waivers=config.waivers,
        skipped=tuple(
            SkippedComponent(component=skipped.name, reason=skipped.reason)
            for skipped in plan.build_plan.discovery.without_srpm
        ),
    )


def _list_repositories(
    config: Config, placements: Mapping[str, Sequence[Placement]], previous: Path | None
) -> Iterator[RepositoryContents]:
    """The directories of the release: each repository of repos.yaml, followed by that of its source packages."""
    for repository in config.repositories.values():
        directories = [(repository.name, False)]
        if repository.source_rpms:
            directories.append((repository.source_rpms, True))
        for name, is_source in directories:
            reuse = previous / name if previous is not None and (previous / name).is_dir() else None
            yield RepositoryContents(
                name=name,
                key=repository.key,
                source=is_source,
                packages=tuple(placements.get(name, ())),
                reuse_from=reuse,
                further_keys=config.get_related_keys(repository.key),
            )


def _list_released_makings(
    placements: Mapping[str, Sequence[Placement]], published: PublishedReleases
) -> dict[str, SrpmMaking | None]:
    """The source packages that come from earlier releases, by name: what made them, as their releases say."""
    released = set(published.files.values())
    placed = [placement.path for listed in placements.values() for placement in listed]
    return {path.name: published.makings.get(path.name) for path in placed if path in released}


def list_build_records(
    build_run: BuildRun, ledger: Ledger, released: Mapping[str, SrpmMaking | None]
) -> tuple[BuildRecord, ...]:
    """How each component was built, for the manifest.

    `released` has what made the source packages that are those of earlier releases, by name.
    """
    order = build_run.build_plan.order
    makings = {
        artefact.sha256: select_making(record.inputs)
        for record in ledger.all("srpm")
        for artefact in record.artefacts
    }
    records = []
    first = min((row.started for row in build_run.rows if row.started is not None), default=0.0)
    for row in build_run.rows:
        if row.srpm is None:
            continue
        needs = order.needs.get(row.component, ())
        build = ledger.find("build", row.key)
        source, sha256 = row.srpm.name, sha256_file(row.srpm)
        records.append(
            BuildRecord(
                component=row.component,
                status=row.status.value,
                reason=row.reason,
                # Of a reused build, how long it took when it was made.
                seconds=row.seconds if build is None else build.seconds,
                started=None if row.started is None else round(row.started - first, 3),
                buildroot=compute_buildroot_digest(row.buildroot),
                log=make_log_path(row.component) if row.log else "",
                source=source,
                source_sha256=sha256,
                key=row.key,
                needs=tuple(name for name in needs if name not in order.bootstrap_builds),
                made_with=released[source] if source in released else makings.get(sha256),
            )
        )
    return tuple(records)


def write_logs(directory: Path, build_run: BuildRun, previous: Path | None) -> None:
    """Write the build logs into the release in `directory`, so that they outlive the workspace.

    A log that the release in `previous` has too becomes a hard link to it.
    """
    for row in build_run.rows:
        if row.log and row.status in (ComponentStatus.BUILT, ComponentStatus.REUSED):
            path = make_log_path(row.component)
            released = previous / path if previous is not None else None
            compressed = _compress_log(read_for_keeping(row.log), released)
            link_if_identical_else_write(directory / path, compressed, released)


def _compress_log(log: bytes, released: Path | None) -> bytes:
    """The compressed log: the bytes of `released` where that file holds this very log, else new ones."""
    if released is not None:
        try:
            compressed = read_regular_file(released)
            # Not more of it than can be equal.
            unpacked = zlib.decompressobj(wbits=31)
            if unpacked.decompress(compressed, len(log) + 1) == log and unpacked.eof:
                return compressed
        except (OSError, zlib.error):
            pass  # the previous release has no such log, or a damaged one
    return gzip.compress(log, mtime=0)
