"""upgrade-check: upgrades from earlier releases to a release, with the repositories that clients also have enabled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from types import MappingProxyType

from altai_build.config.upstreams import Upstream, list_upstreams
from altai_build.errors import DistrustedError, InputError
from altai_build.model.compat import Compat
from altai_build.model.findings import Finding, Severity, waive
from altai_build.model.release import Manifest, MirrorOrigin
from altai_build.model.release_files import KEY_FILE_PREFIX
from altai_build.model.upgrade import Side, UpgradeReport
from altai_build.model.variables import find_machine_arch
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.run import Run
from altai_build.regular_files import resolve_links
from altai_build.rules.upgrade import UpgradePolicy
from altai_build.stages.replacements import check_single_release
from altai_build.stages.upgrade import RightMachines, check_upgrade, make_upgrade_report
from altai_build.stages.upstreams import read_upstreams
from altai_build.tools.files import make_directory, scratch_directory
from altai_build.tools.repo.metadata import (
    RepositoryMetadata,
    RepositorySource,
    read_cached_metadata,
    read_local_metadata,
)
from altai_build.tools.repo.repodata import find_damaged_metadata, write_repodata
from altai_build.tools.solver.upgrades import UpdateResults, UpgradeSolver
from altai_build.tools.url import join_url


@dataclass(frozen=True)
class ExternalRepositories:
    """The repositories that clients have enabled besides the release's, and what is wrong with them."""

    base: tuple[RepositoryMetadata, ...]
    # The repositories that the release mirrors packages from.
    upstream: tuple[RepositoryMetadata, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _PublishedRelease:
    """The manifest of a release, and its directory."""

    manifest: Manifest
    directory: Path
    # Where its packages are, if the directory has only a part of a release on a server.
    url: str | None

    @property
    def repositories(self) -> Iterator[tuple[str, Path]]:
        """(name, directory) of each repository that the release has for clients."""
        for repository in self.manifest.repositories:
            if not repository.source:
                yield repository.name, self.directory / repository.name

    def read_metadata(self, name: str, directory: Path) -> RepositoryMetadata:
        """The metadata of a repository in `directory`, whose packages are signed by the keys in the release."""
        (repository,) = (repository for repository in self.manifest.repositories if repository.name == name)
        keys = tuple(self.directory / f"{KEY_FILE_PREFIX}{key}" for key in repository.keys)
        metadata = read_local_metadata(name, directory)
        if self.url is not None:
            metadata = replace(metadata, url=join_url(self.url, name))
        return replace(metadata, source=replace(metadata.source, check_packages=True, keys=keys))


def _open_release(
    directory: Path, urls: Mapping[Path, str], manifests: Mapping[Path, Manifest]
) -> _PublishedRelease:
    """The release in a folder. Raises InputError when its manifest cannot be read."""
    url = urls.get(directory)
    return _PublishedRelease(manifests.get(directory) or load_manifest(directory, url), directory, url)


def check_upgrades(
    run: Run,
    old: Sequence[Path],
    new: Path,
    external: ExternalRepositories,
    *,
    urls: Mapping[Path, str] = MappingProxyType({}),
    manifests: Mapping[Path, Manifest] = MappingProxyType({}),
    reason_to_go_back: str | None = None,
) -> UpgradeReport:
    """Check the upgrades from each of the releases `old` to the release `new`, all given by their directories.

    `urls` are those of releases of which the directory has the metadata only, `manifests` those that were read before.
    With `reason_to_go_back` the release `new` is the earlier one, and distro-sync must get there. A release of `old`
    that cannot be read is a finding.
    Raises InputError when the new one cannot be read.
    """
    release = _open_release(new, urls, manifests)
    manifest = release.manifest
    arch = _find_arch(run, manifest)
    findings = list(external.findings)
    earlier = []
    for directory in old:
        try:
            other = _open_release(directory, urls, manifests)
        except InputError as error:
            findings.append(
                _make_unreadable_finding(directory, urls.get(directory), f"{error.what}: {error.why}")
            )
            continue
        if other.manifest.target == manifest.target:
            earlier.append(other)
        else:
            findings.append(_make_target_finding(other.manifest, manifest))
    policy = UpgradePolicy(
        profiles=run.config.profiles,
        # On the way back they would be reported as not needed.
        allowed=run.config.allow_downgrades if reason_to_go_back is None else (),
        reason_to_go_back=reason_to_go_back,
    )
    own_names = frozenset(
        package.name for package in manifest.packages if not isinstance(package.origin, MirrorOrigin)
    )
    checks = []
    known: RightMachines = set()
    with scratch_directory(run.workspace.scratch, "upgrades") as scratch:
        reader = _EarlierReleaseReader(scratch, findings)
        readable = {
            other.manifest.version: repositories
            for other in earlier
            if (repositories := reader.read(other)) is not None
        }
        if not run.config.repositories:
            external = replace(external, base=(_assume_base(run, readable, release, scratch),))
        for number, (solver, versions) in enumerate(_make_solvers(run, arch, readable, release, external)):
            if number == 0:
                findings += check_single_release(
                    manifest.version, solver, own_names=own_names, with_upstreams=bool(external.upstream)
                )
            for version in versions:
                with run.reporter.run_step(f"upgrades from {version}"):
                    solver.select_previous_release(version)
                    checks.append(
                        check_upgrade(
                            version, manifest.version, solver, policy, own_names=own_names, known=known
                        )
                    )
    report = make_upgrade_report(manifest.version, checks, findings, policy)
    today = datetime.now(timezone.utc).date()
    return replace(report, findings=waive(report.findings, run.config.waivers, today))


def _find_arch(run: Run, manifest: Manifest) -> str:
    """The architecture of a release's machines: that in repos.yaml, else the one that its packages are for."""
    target = run.config.targets.get(manifest.target)
    if target is not None:
        return target.arch
    if run.config.file is not None:
        raise InputError(
            f"release {manifest.version} is for target {manifest.target!r}, which is not in repos.yaml",
            todo="add the target, or use the repos.yaml of that release",
        )
    arches = {package.arch for package in manifest.packages if not package.is_source}
    arch = find_machine_arch(arches)
    if arch is None:
        raise InputError(
            f"it is not known which machines release {manifest.version} is for",
            why=f"its packages are for {', '.join(sorted(arches)) or 'none'}",
            todo="use the repos.yaml of that release",
        )
    return arch


def read_external_repositories(run: Run) -> ExternalRepositories:
    """The current metadata; the cached metadata of a repository that is unreachable.

    Raises InputError when there is no metadata of a repository of the operating system, and DistrustedError when it is
    not signed by the repository's key.
    """
    base: list[RepositoryMetadata] = []
    mirrored: list[RepositoryMetadata] = []
    findings: list[Finding] = []
    run.workspace.prepare()
    cache = run.workspace.cache / "metadata"
    for upstream in list_upstreams(run.config) if run.config.repositories else ():
        metadata: RepositoryMetadata | None
        try:
            (metadata,) = read_upstreams(
                [upstream], cache=cache, known=run.known_lock, jobs=1, accept_older=True
            )
        except DistrustedError as error:
            if upstream.is_base:
                raise
            metadata = None
            findings.append(_make_distrust_finding(upstream, error))
        except InputError as error:
            metadata = _read_cached(upstream, cache)
            if metadata is None and upstream.is_base:
                raise
            findings.append(_make_unreachable_finding(upstream, error, is_cached=metadata is not None))
        if metadata is not None:
            (base if upstream.is_base else mirrored).append(metadata)
    if not base:
        findings.append(
            Finding(
                rule="base",
                severity=Severity.WARNING,
                subject="base",
                message="no repository of the operating system is known: "
                + (
                    "packages that require it cannot be installed, and their upgrades are not checked"
                    if run.config.repositories
                    else "it is assumed to provide all that no release provides"
                ),
                fix="list the repositories of the operating system under `base` of the target in repos.yaml",
            )
        )
    return ExternalRepositories(base=tuple(base), upstream=tuple(mirrored), findings=tuple(findings))


def _assume_base(
    run: Run,
    earlier: Mapping[str, Sequence[RepositoryMetadata]],
    release: _PublishedRelease,
    scratch: Path,
) -> RepositoryMetadata:
    """What an unknown operating system has to provide: all that releases require and none of them provides."""
    # With a configuration there is none.
    from altai_build.tools.repo.assumed import ASSUMED_PACKAGE, write_assumed_repository
    from altai_build.tools.solver.describe import find_outside_requirements

    versions = {
        **earlier,
        release.manifest.version: [release.read_metadata(*repository) for repository in release.repositories],
    }
    # Repositories of several releases have the same names.
    repositories = [
        replace(metadata, source=replace(metadata.source, name=f"{version}/{metadata.source.name}"))
        for version, listed in versions.items()
        for metadata in listed
    ]
    outside = find_outside_requirements(repositories, cache=run.workspace.cache / "solv")
    return write_assumed_repository(make_directory(scratch / ASSUMED_PACKAGE), outside)


def _make_solvers(
    run: Run,
    arch: str,
    earlier: Mapping[str, Sequence[RepositoryMetadata]],
    release: _PublishedRelease,
    external: ExternalRepositories,
) -> Iterator[tuple[UpgradeSolver, Sequence[str]]]:
    """Solvers with some of the earlier releases each, and the versions of these; one at least.

    What a question costs grows with all that a solver has loaded, and each solver loads the operating system again: so
    a solver has about as much of earlier releases as of the rest.
    """
    sides = {
        Side.NEW: [release.read_metadata(*repository) for repository in release.repositories],
        Side.BASE: external.base,
        Side.UPSTREAM: external.upstream,
    }
    most = sum(map(_measure, sides.values()))
    results = UpdateResults()
    waiting = list(earlier)
    while True:
        loaded: list[str] = []
        size = 0
        solver = UpgradeSolver(
            arch,
            cache=run.workspace.cache / "solv",
            packages=run.workspace.cache / "packages",
            results=results,
        )
        while waiting and (not loaded or size + _measure(earlier[waiting[0]]) <= most):
            version = waiting.pop(0)
            loaded.append(version)
            size += _measure(earlier[version])
            for metadata in earlier[version]:
                solver.add_previous_release(metadata, version)
        for side, repositories in sides.items():
            for metadata in repositories:
                solver.add(metadata, side)
        yield solver, loaded
        if not waiting:
            return


def _measure(repositories: Iterable[RepositoryMetadata]) -> int:
    """About how much there is to load: the bytes of the primary metadata."""
    return sum(metadata.primary.entry.size or 0 for metadata in repositories)


@dataclass(frozen=True)
class _EarlierReleaseReader:
    """Reads the metadata of earlier releases; what of it is damaged is made again from the packages."""

    scratch: Path
    findings: list[Finding]

    def read(self, release: _PublishedRelease) -> tuple[RepositoryMetadata, ...] | None:
        """The repositories for clients; None, and a finding, when they are unknown."""
        try:
            return tuple(
                release.read_metadata(name, self._find_metadata(release, name, directory))
                for name, directory in release.repositories
            )
        except (InputError, OSError) as error:
            why = error.why if isinstance(error, InputError) else str(error)
            self.findings.append(_make_unreadable_finding(release.directory, release.url, why))
            return None

    def _find_metadata(self, release: _PublishedRelease, name: str, directory: Path) -> Path:
        """The directory with the metadata of a repository. Raises InputError when it cannot be made again."""
        problems = find_damaged_metadata(directory)
        if not problems:
            return directory
        files = [package.file for package in release.manifest.packages if package.repository == name]
        missing = [file for file in files if not (directory / file).is_file()]
        if missing:
            why = f"{problems[0]}; the packages are not complete either, {missing[0]} is missing"
            raise InputError(f"{directory} is damaged", why=why)
        copy = make_directory(self.scratch / release.manifest.version / name)
        for file in files:
            (copy / file).symlink_to(resolve_links(directory) / file)
        write_repodata(copy, epoch=0, compat=Compat.MODERN)
        self.findings.append(
            Finding(
                rule="metadata",
                severity=Severity.WARNING,
                upgrade_from=release.manifest.version,
                subject=f"{release.directory.name}/{name}",
                message=f"its metadata cannot be used ({problems[0]}): it was made again from the packages",
                fix="restore the repodata folder from another copy of the release",
            )
        )
        return copy


def _make_unreadable_finding(directory: Path, url: str | None, why: str) -> Finding:
    return Finding(
        rule="unreadable",
        severity=Severity.ERROR,
        upgrade_from=directory.name,
        subject=directory.name,
        message=f"upgrades from it were not checked, because it cannot be read: {why}",
        fix=f"restore {url or directory} from another copy, or accept this with a waiver (rule unreadable, subject "
        f"{directory.name})",
    )


def _read_cached(upstream: Upstream, cache: Path) -> RepositoryMetadata | None:
    """The metadata that was fetched last; None when there is none."""
    source = RepositorySource(
        name=upstream.name,
        origin=upstream.url,
        urls=() if upstream.listing is not None else (upstream.url,),
        check_packages=True,
        check_metadata=False,
        keys=(upstream.key.file,),
        exclude=upstream.exclude,
    )
    return read_cached_metadata(source, cache)


def _make_unreachable_finding(upstream: Upstream, error: InputError, *, is_cached: bool) -> Finding:
    effect = "its cached metadata was used" if is_cached else "which packages it replaces is unknown"
    return Finding(
        rule="upstream",
        severity=Severity.WARNING,
        subject=upstream.name,
        message=f"{error.what}; {effect}",
        fix="check again when it is reachable",
    )


def _make_distrust_finding(upstream: Upstream, error: DistrustedError) -> Finding:
    return Finding(
        rule="upstream",
        severity=Severity.ERROR,
        subject=upstream.name,
        message="; ".join([error.what, *error.why.splitlines()]),
        fix=error.todo,
    )


def _make_target_finding(earlier: Manifest, manifest: Manifest) -> Finding:
    return Finding(
        rule="target",
        severity=Severity.WARNING,
        upgrade_from=earlier.version,
        subject=earlier.version,
        message=f"it is for target {earlier.target}, {manifest.version} for target {manifest.target}: not compared",
        fix="reinstall the machines to change their target",
    )
