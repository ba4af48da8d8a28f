"""Sign packages, and decide which repository each goes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from altai_build.config import Target
from altai_build.errors import InputError
from altai_build.model.compat import list_unreadable_packages
from altai_build.model.component import ComponentKind
from altai_build.model.package import LocalRpm
from altai_build.model.release import (
    ComponentOrigin,
    Origin,
    SourceFile,
    SpecOrigin,
)
from altai_build.pipeline.build.run import BuildRun
from altai_build.pipeline.published.releases import PublishedReleases
from altai_build.pipeline.release.plan import ReleasePlan
from altai_build.pipeline.run import Run
from altai_build.stages.build import BuildResult
from altai_build.stages.compose import Placement
from altai_build.stages.sign import sign_packages
from altai_build.stages.sources import listed_sources
from altai_build.tools.git.superproject import ComponentSource
from altai_build.tools.git.url import without_password
from altai_build.tools.openpgp.signing import SigningKey
from altai_build.tools.rpm.header import read_header


def refuse_unreadable(target: Target, ours: Sequence[LocalRpm]) -> None:
    """Packages that the target's own rpm could not install are not released for it."""
    lines = list_unreadable_packages(target.compat, [rpm.header for rpm in ours])
    if lines:
        raise InputError(
            f"{len(lines)} packages cannot be read on {target.name}",
            why="\n".join(lines),
            todo="mend the macros of the target's mock configuration (payload and digest algorithms)",
        )


def sign_and_place(
    run: Run,
    release_plan: ReleasePlan,
    build_run: BuildRun,
    keys: Mapping[str, SigningKey],
    published: PublishedReleases,
) -> dict[str, list[Placement]]:
    """repository → its signed packages with their origins; released files of the same content are taken as they are."""
    placed: dict[str, list[Placement]] = {}
    unsigned: dict[tuple[str, str], list[tuple[Path, Origin]]] = {}
    for sourced, _ in build_run.srpm_batch.srpms:
        built = build_run.built[sourced.component.name]
        repository = run.config.repositories[str(sourced.component.repository)]
        origin = _origin(sourced, built)
        wanted = [(repository.name, rpm.path, published.find(rpm.header.nevra)) for rpm in built.rpms]
        if repository.source_rpms and built.srpm is not None:
            # Packages that are kept were built from the source package that was released with them.
            kept = all(released is not None for _, _, released in wanted)
            found = published.find(read_header(built.srpm).nevra) if kept else None
            wanted.append((repository.source_rpms, built.srpm, found))
        for name, path, released in wanted:
            if released is not None:
                placed.setdefault(name, []).append(Placement(path=released, origin=origin))
            else:
                unsigned.setdefault((name, repository.key), []).append((path, origin))
    for (name, key), packages in unsigned.items():
        signed = sign_packages(
            [path for path, _ in packages],
            key=keys[key],
            store=run.workspace.signed,
            compat=release_plan.target.compat,
        )
        for one, (_, origin) in zip(signed, packages):
            placed.setdefault(name, []).append(Placement(path=one.path, origin=origin))
    return placed


def _origin(sourced: ComponentSource, built: BuildResult) -> Origin:
    component = sourced.component
    if component.kind is ComponentKind.SPEC:
        return SpecOrigin(
            path=component.path,
            commit=component.commit,
            sources=tuple(SourceFile(file=one.file, sha256=one.sha256) for one in listed_sources(sourced)),
            build_key=built.key,
        )
    return ComponentOrigin(
        path=component.path,
        commit=component.commit,
        url=without_password(component.url or ""),
        build_key=built.key,
    )
