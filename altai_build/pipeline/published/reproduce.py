"""Build released packages again from the inputs in the manifest, in a workspace without earlier results."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from altai_build.errors import BuildError, InputError
from altai_build.ledger import Ledger
from altai_build.model.build import BuildResult, FailureKind
from altai_build.model.component_status import ComponentStatus
from altai_build.model.package import LocalRpm
from altai_build.model.release import BuildRecord, Manifest, ReleasedPackage
from altai_build.model.reproduction import ReproducedPackage, ReproductionReport, Similarity
from altai_build.model.srpm import Srpm
from altai_build.model.srpm_making import SrpmMaking, describe_other_making, select_making
from altai_build.pipeline.build.component_names import select_by_name
from altai_build.pipeline.build.schedule import MAX_REBUILDS
from altai_build.pipeline.build.srpms import make_discovered_srpms
from altai_build.pipeline.build.toolchains import list_build_macros, open_build_environments
from altai_build.pipeline.published.manifest_trust import open_reader
from altai_build.pipeline.published.verify import open_release, trusted_keys
from altai_build.pipeline.run import Run
from altai_build.stages.build.cache import BuildCache
from altai_build.stages.build.environment import ComponentBuild
from altai_build.stages.build.jobs import run_job, run_steps
from altai_build.stages.build.run import build_or_reuse
from altai_build.stages.discover.components import discover
from altai_build.stages.provenance import compute_buildroot_digest
from altai_build.stages.srpm import SrpmMaker
from altai_build.tools.buildlog.reading import read_for_keeping
from altai_build.tools.files import make_directory, scratch_directory, write_atomically
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.output_directory import copy_all_into
from altai_build.tools.rpm.header import read_header
from altai_build.tools.rpm.package_comparison import compare_packages
from altai_build.tools.rpm.signatures import verify_signature
from altai_build.tools.url import is_web_url
from altai_build.workspace import Workspace

_REBUILD_SUFFIX = re.compile(r"\.(\d+)")


@contextmanager
def clean_workspace(run: Run) -> Iterator[Run]:
    """The run with an empty workspace. Git mirrors, downloads and base buildroots are shared and checked on use."""
    run.workspace.prepare()
    with scratch_directory(run.workspace.scratch, "again") as scratch:
        scratch.chmod(0o755)  # builds run as another user
        workspace = Workspace(scratch)
        for shared in ("git", "cache", "roots"):
            os.symlink(make_directory(run.workspace.root / shared), workspace.root / shared)
        workspace.prepare()
        yield replace(run, workspace=workspace)


def reproduce(run: Run, component: str, release: str, *, output: Path | None = None) -> ReproductionReport:
    """Build the packages of a component of a release again, and compare them with the released ones.

    The inputs are those of the manifest: superproject commit, target, and the released packages that the component
    was built with. With `output` the new packages are kept in that folder. Raises InputError, and BuildError when the
    build fails.
    """
    with open_release(run, release) as directory, clean_workspace(run) as clean_run:
        url = release if is_web_url(release) else None
        reader = open_reader(run.config, (), run.reporter.warn, lambda directory: url)
        manifest = reader.read(directory).manifest
        source, srpm, released = _make_srpm(clean_run, manifest, component)
        record = _find_record(manifest, source.component.name)
        others = describe_other_making(
            record.made_with if record else None, find_making(clean_run.ledger, srpm)
        )
        result = _build(clean_run, directory, manifest, source, srpm)
        if result.status is ComponentStatus.FAILED:
            raise _make_build_error(run, manifest, source, result)
        if output is not None:
            copy_all_into((rpm.path for rpm in result.rpms), output)
        return ReproductionReport(
            component=source.component.name,
            release=manifest.version,
            commit=source.component.commit,
            buildroot=_compare_buildroots(manifest, source, result),
            source_package=others,
            packages=tuple(_compare_packages(directory, result, released)),
        )


def _make_srpm(
    run: Run, manifest: Manifest, component: str
) -> tuple[ComponentSource, Srpm, tuple[ReleasedPackage, ...]]:
    """The component at its pinned commit, its released packages, and the source package they were built from."""
    discovery = discover(
        run.superproject, run.config, run.workspace, manifest.superproject.commit, jobs=run.jobs
    )
    srpm_batch = make_discovered_srpms(run, select_by_name(discovery, [component]), version=manifest.version)
    for result in srpm_batch.results:
        if result.srpm is None:
            raise InputError(f"{result.component} has no source package", why=result.reason)
    ((source, srpm),) = srpm_batch.srpms
    released = find_released_packages(manifest, source)
    names = sorted({package.sourcerpm for package in released})
    matching = (make_srpm_named(srpm_batch.maker, source, srpm, name) for name in names)
    return source, next((made for made in matching if made is not None), srpm), released


def find_released_packages(manifest: Manifest, source: ComponentSource) -> tuple[ReleasedPackage, ...]:
    """The binary packages of a component in a release. Raises InputError when there are none."""
    component = source.component
    packages = tuple(
        package
        for package in manifest.packages
        if (origin := package.build_origin) is not None
        and (origin.path, origin.commit) == (component.path, component.commit)
        and not package.is_source
    )
    if not packages:
        raise InputError(
            f"release {manifest.version} has no package of {component.name} at {component.commit}",
            todo=f"`altai-build audit {manifest.version}` lists its packages and their origins",
        )
    return packages


def make_srpm_named(maker: SrpmMaker, source: ComponentSource, srpm: Srpm, name: str) -> Srpm | None:
    """The source package with that file name: `srpm` itself, or its N-th rebuild, which is made; None for another."""
    if srpm.path.name == name:
        return srpm
    number = parse_rebuild_number(srpm.path.name, name)
    return maker.make_srpm(source, rebuild_count=number) if number is not None else None


def find_making(ledger: Ledger, srpm: Srpm) -> SrpmMaking:
    """What made a source package of this run, besides its commit."""
    record = ledger.find("srpm", srpm.key)
    assert record is not None, srpm.key
    return select_making(record.inputs)


def parse_rebuild_number(original: str, name: str) -> int | None:
    """The number N of a source package that is the N-th rebuild of `original`, by their file names; else None.

    A rebuild has `.N` inserted into its Release.
    """
    extra = len(name) - len(original)
    for start in range(len(original) + 1):
        end = start + extra
        suffix = _REBUILD_SUFFIX.fullmatch(name, start, end) if extra > 0 else None
        if suffix and name[:start] == original[:start] and name[end:] == original[start:]:
            number = int(suffix[1])
            return number if 0 < number < MAX_REBUILDS else None
    return None


def _build(run: Run, directory: Path, manifest: Manifest, source: ComponentSource, srpm: Srpm) -> BuildResult:
    """Build with the released packages of the components it needed.

    If dependencies are missing (the spec tells them only during the build), build again with all packages of ours.
    """
    (environment,) = open_build_environments(run, [source]).values()
    with run.reporter.run_step(f"base buildroot of {environment.target.name} ({environment.builder.name})"):
        environment.builder.prepare(environment.resolver.base_buildroot)
    name = source.component.name
    record = _find_record(manifest, name)
    needed = {path for needed in (record.needs if record else ()) for path in _find_paths(manifest, needed)}

    def build_with(paths: set[str]) -> BuildResult:
        build = ComponentBuild(
            component=name,
            commit=source.component.commit,
            srpm=srpm.path,
            srpm_sha256=srpm.sha256,
            header=read_header(srpm.path),
            local=_read_released_rpms(run, directory, manifest, paths),
            cpus=run.jobs,
            macros=list_build_macros(run.config, source.component),
        )
        steps = build_or_reuse(build, environment, BuildCache(run.workspace, run.ledger))
        with run.reporter.run_step(f"build of {name}"):
            return run_steps(steps, lambda job: run_job(job, environment.builder))

    result = build_with(needed)
    if result.failure is FailureKind.DEPENDENCIES:
        result = build_with(_list_own_paths(manifest) - {source.component.path})
    return result


def _find_record(manifest: Manifest, component: str) -> BuildRecord | None:
    return next((record for record in manifest.builds if record.component == component), None)


def _make_build_error(
    run: Run, manifest: Manifest, source: ComponentSource, result: BuildResult
) -> BuildError:
    """The error for a failed build. Its log is copied from the workspace that is about to be removed."""
    why = result.describe_failure()
    if result.log is not None:
        folder = run.workspace.failed_build_logs(f"{source.component.name} of {manifest.version}")
        log = make_directory(folder) / result.log.name
        write_atomically(log, read_for_keeping(result.log))
        why = f"{why}\nthe log: {log}"
    return BuildError(
        f"{source.component.name} of release {manifest.version} does not build any more",
        why=why,
        todo="read the log; the target's repositories may have changed since the release",
    )


def _list_own_paths(manifest: Manifest) -> set[str]:
    """The paths of all components that packages of the release were built from."""
    return {package.build_origin.path for package in manifest.packages if package.build_origin is not None}


def _find_paths(manifest: Manifest, component: str) -> set[str]:
    """The paths that a component's name stands for: the whole path, or its last part."""
    return {path for path in _list_own_paths(manifest) if component in (path, path.rpartition("/")[2])}


def _read_released_rpms(
    run: Run, directory: Path, manifest: Manifest, paths: set[str]
) -> tuple[LocalRpm, ...]:
    """The released binary packages of some components; their signatures are verified before anything reads them."""
    key_names = {repository.name: repository.keys for repository in manifest.repositories}
    key_files = dict(trusted_keys(run.config))
    rpms = []
    for package in manifest.packages:
        origin = package.build_origin
        if package.is_source or origin is None or origin.path not in paths:
            continue
        path = directory / package.path
        check = verify_signature(path, [key_files[name] for name in key_names[package.repository]])
        if not check.is_good:
            raise InputError(
                f"cannot build with {package.file} of release {manifest.version}",
                why=check.description,
                todo=f"`altai-build verify {manifest.version}` lists all findings about the release",
            )
        rpms.append(LocalRpm(path=path, header=read_header(path), sha256=package.sha256))
    return tuple(rpms)


def _compare_buildroots(manifest: Manifest, source: ComponentSource, result: BuildResult) -> str:
    """`identical` if both buildroots had the same packages, else `different`; `unknown` if the record cannot tell.

    A component that needs packages of ours was first built with unsigned ones, which the release does not hold.
    """
    record = _find_record(manifest, source.component.name)
    if record is None or record.needs:
        return "unknown"
    digest = compute_buildroot_digest(result.buildroot)
    return "identical" if digest == record.buildroot else "different"


def _compare_packages(
    directory: Path, result: BuildResult, released: Sequence[ReleasedPackage]
) -> Iterator[ReproducedPackage]:
    new_paths = {str(rpm.header.nevra): rpm.path for rpm in result.rpms}
    released_paths = {str(package.nevra): package.path for package in released}
    for nevra in sorted(new_paths.keys() | released_paths.keys()):
        new, old = new_paths.get(nevra), released_paths.get(nevra)
        if new is not None and old is not None:
            comparison = compare_packages(new, directory / old)
            similarity, difference = comparison.similarity, comparison.first_difference
        else:
            similarity = Similarity.DIFFERENT
            difference = "the release has no such package" if old is None else "the rebuild did not make it"
        yield ReproducedPackage(
            nevra=nevra, released=old or "", similarity=similarity, first_difference=difference
        )
