"""Sign the built packages, and decide which repository each package of a release goes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from altai_build.config import Target
from altai_build.errors import InputError
from altai_build.model.build import BuildResult
from altai_build.model.compat import list_unreadable_packages
from altai_build.model.component import ComponentKind
from altai_build.model.lock import LockedPackage
from altai_build.model.package import LocalRpm
from altai_build.model.release import ComponentOrigin, Origin, SourceFile, SpecOrigin
from altai_build.pipeline.build.run import BuildRun
from altai_build.pipeline.deps import make_mirror_origin
from altai_build.pipeline.published.releases import PublishedReleases
from altai_build.pipeline.release.released_files import find_sound_files
from altai_build.pipeline.run import Run
from altai_build.stages.compose import Placement
from altai_build.stages.sign import sign_packages
from altai_build.tools.files import sha256_file
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.openpgp.signing import SigningKey
from altai_build.tools.rpm.header import read_header
from altai_build.tools.url import without_password


@dataclass(frozen=True)
class _BuiltPackage:
    """A package of this run: where it goes, the name of its signing key, and the released file to use instead."""

    repository: str
    key: str
    path: Path
    origin: Origin
    released: Path | None


def refuse_unreadable(target: Target, built: Sequence[LocalRpm]) -> None:
    """Raise InputError for packages that the target's own rpm cannot read."""
    lines = list_unreadable_packages(target.compat, [rpm.header for rpm in built])
    if lines:
        raise InputError(
            f"rpm on {target.name} cannot read some of the packages",
            why="\n".join(lines),
            todo="set payload and digest algorithms that it can read in the macros of the mock configuration",
        )


def place_packages(
    run: Run,
    build_run: BuildRun,
    mirrored: Mapping[LockedPackage, Path],
    keys: Mapping[str, SigningKey],
    published: PublishedReleases,
    target: Target,
) -> dict[str, list[Placement]]:
    """Repository → its packages: those of this run, signed or taken from an earlier release, and the mirrored ones.

    `keys` maps names in repos.yaml to keys. Raises SigningError, and
    VerificationError where a released package to use again is damaged and nothing here has its bytes.
    """
    placements: dict[str, list[Placement]] = {}
    unsigned: dict[tuple[str, str], list[_BuiltPackage]] = {}
    built = list(_list_built_packages(run, build_run, published))
    reused = {package.released: package.path for package in built if package.released is not None}
    sound = find_sound_files(run, reused, published)
    for package in built:
        if package.released is None:
            unsigned.setdefault((package.repository, package.key), []).append(package)
        else:
            placement = Placement(path=sound[package.released], origin=package.origin)
            placements.setdefault(package.repository, []).append(placement)
    for (repository, key), packages in unsigned.items():
        signed = sign_packages(
            [package.path for package in packages],
            key=keys[key],
            store=run.workspace.signed,
            compat=target.compat,
        )
        placements.setdefault(repository, []).extend(
            Placement(path=copy.path, origin=package.origin, sha256=copy.sha256)
            for copy, package in zip(signed, packages)
        )
    for locked, path in mirrored.items():
        placement = Placement(
            path=path,
            origin=make_mirror_origin(run, locked),
            released=published.files_by_digest.get(locked.sha256),
            sha256=locked.sha256,
        )
        placements.setdefault(locked.repository, []).append(placement)
    return placements


def _list_built_packages(
    run: Run, build_run: BuildRun, published: PublishedReleases
) -> Iterator[_BuiltPackage]:
    """Every package of every component, and its source package where repos.yaml has a repository for those."""
    for sourced, _ in build_run.srpm_batch.srpms:
        result = build_run.results[sourced.component.name]
        repository = run.config.repositories[str(sourced.component.repository)]
        downloads = build_run.srpm_batch.maker.source_cache.get(sourced.component.name, {})
        origin = _make_origin(sourced, result, downloads)
        found = [published.find(rpm.header.nevra) for rpm in result.rpms]
        for rpm, released in zip(result.rpms, found):
            yield _BuiltPackage(repository.name, repository.key, rpm.path, origin, released)
        if repository.source_rpms and result.srpm is not None:
            # When all binary packages come from earlier releases, so must the source package they were built from.
            reuse = None not in found
            released = published.find(read_header(result.srpm).nevra) if reuse else None
            yield _BuiltPackage(repository.source_rpms, repository.key, result.srpm, origin, released)


def _make_origin(sourced: ComponentSource, result: BuildResult, downloads: Mapping[str, Path]) -> Origin:
    component = sourced.component
    if component.kind is ComponentKind.SPEC:
        return SpecOrigin(
            path=component.path,
            commit=component.commit,
            sources=tuple(
                SourceFile(file=file, sha256=sha256_file(path)) for file, path in downloads.items()
            ),
            build_key=result.key,
        )
    return ComponentOrigin(
        path=component.path,
        commit=component.commit,
        url=without_password(component.url or ""),
        build_key=result.key,
    )
