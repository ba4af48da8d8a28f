"""Making released packages again from the manifest's inputs, in a workspace where nothing was ever built."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from altai_build.errors import BuildError, InputError
from altai_build.model.build import ComponentStatus, FailureKind
from altai_build.model.package import LocalRpm
from altai_build.model.release import ComponentOrigin, Manifest, ReleasedPackage, SpecOrigin
from altai_build.model.reproduction import ReproducedPackage, ReproductionReport, Similarity
from altai_build.model.srpm import Srpm
from altai_build.pipeline.build.schedule import MAX_REBUILDS
from altai_build.pipeline.build.srpms import make_discovered_srpms, select_by_name
from altai_build.pipeline.build.toolchains import open_build_environments
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.published.verify import find_release_directory, trusted_keys
from altai_build.pipeline.run import Run
from altai_build.stages.build import BuildJob, BuildResult, build_or_reuse
from altai_build.stages.discover import discover
from altai_build.stages.provenance import buildroot_digest
from altai_build.stages.srpm import SrpmMaker
from altai_build.tools.files import link_or_copy, make_directory, scratch_directory, write_atomically
from altai_build.tools.git.superproject import ComponentSource
from altai_build.tools.rpm.header import compare_packages, read_header
from altai_build.tools.rpm.signatures import verify_signatures
from altai_build.workspace import Workspace

_RELEASE_SUFFIX = re.compile(r"\.(\d+)")


@contextmanager
def clean_workspace(run: Run) -> Iterator[Run]:
    """The run with an empty workspace: mirrors of git, downloads and base roots are shared, each proved before use."""
    run.workspace.prepare()
    with scratch_directory(run.workspace.scratch, "again") as scratch:
        scratch.chmod(0o755)  # builds run as another user
        workspace = Workspace(scratch)
        for shared in ("git", "cache", "roots"):
            os.symlink(make_directory(run.workspace.root / shared), workspace.root / shared)
        workspace.prepare()
        yield replace(run, workspace=workspace)


def reproduce(run: Run, component: str, named: str, *, output: Path | None = None) -> ReproductionReport:
    """Make the packages of a component of a release again, and compare them with the released ones.

    Inputs are the manifest's: superproject commit, target, and the released packages that the component was built
    with. With `output` the new packages are kept there. Raises InputError, or BuildFailed when it cannot be built.
    """
    directory = find_release_directory(run, named)
    manifest = load_manifest(directory)
    with clean_workspace(run) as again:
        whole = discover(again.superproject, again.config, manifest.superproject.commit, jobs=again.jobs)
        srpm_batch = make_discovered_srpms(
            again, select_by_name(whole, [component]), version=manifest.version
        )
        for result in srpm_batch.results:
            if result.srpm is None:
                raise InputError(f"{result.component} has no source package", why=result.reason)
        ((sourced, srpm),) = srpm_batch.srpms
        released = released_packages(manifest, sourced)
        srpm = find_matching_srpm(srpm_batch.maker, sourced, srpm, released)
        built = _build(again, directory, manifest, sourced, srpm)
        if built.status is ComponentStatus.FAILED:
            raise _rebuild_failed(run, manifest, sourced, built)
        if output is not None:
            _copy_packages(built, output)
        return ReproductionReport(
            component=sourced.component.name,
            release=manifest.version,
            commit=sourced.component.commit,
            buildroot=_compare_buildroots(manifest, sourced, built),
            packages=tuple(_compare(directory, built, released)),
        )


def released_packages(manifest: Manifest, sourced: ComponentSource) -> tuple[ReleasedPackage, ...]:
    """The binary packages of a component in a release. Raises InputError when it has none."""
    sources = {one.name for one in manifest.repositories if one.source}
    component = sourced.component
    found = tuple(
        one
        for one in manifest.packages
        if isinstance(one.origin, (ComponentOrigin, SpecOrigin))
        and (one.origin.path, one.origin.commit) == (component.path, component.commit)
        and one.repository not in sources
    )
    if not found:
        raise InputError(
            f"release {manifest.version} has no package of {component.name} at {component.commit}",
            todo=f"`altai-build audit {manifest.version}` shows what it has, and from where",
        )
    return found


def find_matching_srpm(
    maker: SrpmMaker, sourced: ComponentSource, srpm: Srpm, released: Sequence[ReleasedPackage]
) -> Srpm:
    """The source package of the name that the released packages were built from: perhaps the n-th rebuild's."""
    wanted = {one.sourcerpm for one in released} - {srpm.path.name}
    for name in sorted(wanted):
        number = rebuild_number(srpm.path.name, name)
        if number is not None:
            return maker.make_srpm(sourced, rebuild_count=number)
    return srpm


def rebuild_number(first: str, later: str) -> int | None:
    """Which rebuild of `first` a source package is by its name; None when it is none of it."""
    extra = len(later) - len(first)
    for at in range(len(first) + 1):
        suffix = _RELEASE_SUFFIX.fullmatch(later, at, at + extra) if extra > 0 else None
        if suffix and later[:at] == first[:at] and later[at + extra :] == first[at:]:
            number = int(suffix[1])
            return number if 0 < number < MAX_REBUILDS else None
    return None


def _build(
    run: Run, directory: Path, manifest: Manifest, sourced: ComponentSource, srpm: Srpm
) -> BuildResult:
    """Build with the released packages of what it needs; with all of ours where specs do not tell what it needs."""
    (environment,) = open_build_environments(run, [sourced]).values()
    with run.story.run_step(f"base root of {environment.target.name} ({environment.builder.name})"):
        environment.prepare()
    name = sourced.component.name
    record = next((one for one in manifest.builds if one.component == name), None)
    needed = {path for one in (record.needs if record else ()) for path in _paths(manifest, one)}
    built = BuildResult(status=ComponentStatus.FAILED, reason="")
    for paths in (needed, _own_paths(manifest) - {sourced.component.path}):
        job = BuildJob(
            component=name,
            commit=sourced.component.commit,
            srpm=srpm.path,
            srpm_sha256=srpm.sha256,
            header=read_header(srpm.path),
            local=_read_released_rpms(run, directory, manifest, paths),
            cpus=os.cpu_count() or 1,
        )
        with run.story.run_step(f"build of {name}"):
            built = build_or_reuse(job, environment, run.workspace, run.ledger)
        if built.failure is not FailureKind.DEPENDENCIES:
            break
    return built


def _rebuild_failed(run: Run, manifest: Manifest, sourced: ComponentSource, built: BuildResult) -> BuildError:
    """The error for a build that failed; its log is moved out of the workspace that is about to go."""
    why = built.reason
    if built.log is not None:
        folder = run.workspace.failed_build_logs(f"{sourced.component.name} of {manifest.version}")
        place = make_directory(folder) / built.log.name
        write_atomically(place, built.log.read_bytes())
        why = f"{why}\nthe log: {place}"
    return BuildError(
        f"{sourced.component.name} of release {manifest.version} cannot be built any more",
        why=why,
        todo="the target's repositories may have changed since; its log tells what is missing",
    )


def _own_paths(manifest: Manifest) -> set[str]:
    return {
        one.origin.path for one in manifest.packages if isinstance(one.origin, (ComponentOrigin, SpecOrigin))
    }


def _paths(manifest: Manifest, component: str) -> set[str]:
    """The paths that a component's name may mean (unique names are ends of paths)."""
    return {
        path for path in _own_paths(manifest) if path == component or path.rpartition("/")[2] == component
    }


def _read_released_rpms(
    run: Run, directory: Path, manifest: Manifest, paths: set[str]
) -> tuple[LocalRpm, ...]:
    """The released binary packages of some components, their signatures checked before anything reads them."""
    sources = {one.name for one in manifest.repositories if one.source}
    keys = {one.name: one.keys for one in manifest.repositories}
    files = dict(trusted_keys(run.config))
    found = []
    for one in manifest.packages:
        if one.repository in sources or getattr(one.origin, "path", None) not in paths:
            continue
        path = directory / one.path
        (check,) = verify_signatures([path], [files[name] for name in keys[one.repository]])
        if not check.is_good:
            raise InputError(
                f"{one.file} of release {manifest.version} is not to be built with",
                why=f"{check.status.value}: {check.detail}",
                todo=f"`altai-build verify {manifest.version}` tells what else is wrong",
            )
        found.append(LocalRpm(path=path, header=read_header(path), sha256=one.sha256))
    return tuple(found)


def _compare_buildroots(manifest: Manifest, sourced: ComponentSource, built: BuildResult) -> str:
    """Whether it was built with the same packages; packages of ours were not signed yet then, so they are not known."""
    record = next((one for one in manifest.builds if one.component == sourced.component.name), None)
    if record is None or record.needs:
        return "not known"
    same = buildroot_digest(built.buildroot) == record.buildroot
    return "same as then" if same else "another than then"


def _compare(
    directory: Path, built: BuildResult, released: Sequence[ReleasedPackage]
) -> Iterator[ReproducedPackage]:
    made = {str(rpm.header.nevra): rpm.path for rpm in built.rpms}
    then = {str(one.nevra): one.path for one in released}
    for nevra in sorted(made.keys() | then.keys()):
        place = then.get(nevra, "")
        if nevra not in made or not place:
            where = "the release has no such package" if nevra in made else "it was not made this time"
            yield ReproducedPackage(package=nevra, released=place, sameness=Similarity.DIFFERENT, where=where)
            continue
        found = compare_packages(made[nevra], directory / place)
        yield ReproducedPackage(package=nevra, released=place, sameness=found.sameness, where=found.where)


def _copy_packages(built: BuildResult, output: Path) -> None:
    make_directory(output)
    for rpm in built.rpms:
        (output / rpm.path.name).unlink(missing_ok=True)
        link_or_copy(rpm.path, output / rpm.path.name)
