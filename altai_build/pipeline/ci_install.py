"""Whether the packages of a change can be installed over a release, as decided by dnf's own solver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.config.lockfile import load_lock
from altai_build.config.upstreams import list_upstreams
from altai_build.errors import InputError
from altai_build.model.ci_result import Installable, InstallCheck
from altai_build.model.lock import LOCK_FILE_NAME
from altai_build.model.task_view import name_some
from altai_build.pipeline.deps import lock_path
from altai_build.pipeline.published.verify import read_base_repositories
from altai_build.stages.upstreams import read_upstreams
from altai_build.tools.repo.metadata import RepositoryMetadata, read_local_metadata
from altai_build.tools.rpm.versions import compare_evr
from altai_build.tools.solver.pool import PackagePool
from altai_build.tools.solver.resolve import Unsatisfiable, find_uninstallable, select_packages

if TYPE_CHECKING:
    from altai_build.pipeline.published.released_builds import ReleasedBuilds
    from altai_build.pipeline.run import Run

# No repository of repos.yaml has such a name.
_TOPIC = "topic/"
_RELEASE_PREFIX = "release/"
# How many sentences of the solver a reason has.
_MOST_PROBLEMS = 3


def check_installable(
    run: Run, repository: Path, names: Sequence[str], released: ReleasedBuilds | None
) -> InstallCheck:
    """What a machine with the release and its operating system can install of the packages `names` in a repository.

    Without the operating system's repositories the answer is unknown, whatever the others have.
    """
    if not names:
        return InstallCheck(Installable.NO, (), reason="there are no packages to install but source packages")
    base, reason = _read_base(run)
    if reason:
        return InstallCheck(Installable.UNKNOWN, tuple(names), reason=reason)
    own = [_read_own(_TOPIC, repository)]
    for name, folder in released.repositories if released is not None else ():
        own.append(_read_own(f"{_RELEASE_PREFIX}{name}", folder))
    known = [*own, *map(_with_priority, base)]
    pool = _make_pool(run, known)
    numbers = _find_packages(pool, names)
    uninstallable = find_uninstallable(pool, numbers)
    refused = {
        **{name: "; ".join(problems[:_MOST_PROBLEMS]) for name, problems in uninstallable.items()},
        **_find_older(pool, numbers),
    }
    rest = {name: number for name, number in numbers.items() if name not in refused}
    waiting = _find_waiting(run, known, pool, list(uninstallable)) if uninstallable else {}
    refused.update(waiting)
    try:
        select_packages(pool, [(number,) for number in rest.values()])
    except Unsatisfiable as error:
        why = f"they exclude each other: {'; '.join(error.problems[:_MOST_PROBLEMS])}"
        return InstallCheck(Installable.NO, (), refused, why)
    if waiting and waiting.keys() == refused.keys():
        why = "; ".join(f"{name} {reason}" for name, reason in waiting.items())
        return InstallCheck(Installable.UNKNOWN, tuple(sorted(rest)), reason=why)
    return InstallCheck(Installable.NO if refused else Installable.YES, tuple(sorted(rest)), refused)


def _make_pool(run: Run, repositories: Sequence[RepositoryMetadata]) -> PackagePool:
    pool = PackagePool(run.config.get_target().arch, cache=run.workspace.cache / "solv")
    for metadata in repositories:
        pool.add_repository(metadata)
    return pool


def _find_waiting(
    run: Run, known: Sequence[RepositoryMetadata], pool: PackagePool, names: Sequence[str]
) -> dict[str, str]:
    """Those of the packages that can be installed with what is locked and in no release yet, and what they wait for.

    A lock or a mirror that cannot be read explains none of them: what they lack is said all the same.
    """
    try:
        locked = _read_unreleased(run, pool)
    except InputError:
        return {}
    if not locked:
        return {}
    more = _make_pool(run, [*known, *locked])
    lacking = find_uninstallable(more, _find_packages(more, names))
    listed = name_some([name for metadata in locked for name in metadata.source.include], most=5)
    reason = f"needs packages that {LOCK_FILE_NAME} locks and no release has yet ({listed})"
    return {name: reason for name in names if name not in lacking}


def _read_unreleased(run: Run, pool: PackagePool) -> list[RepositoryMetadata]:
    """The mirrors, of each only the locked packages that are not in the pool. Raises InputError."""
    path = lock_path(run)
    unreleased: dict[str, set[str]] = {}
    for package in load_lock(path).packages if path.exists() else ():
        if package.nevra not in map(pool.get_nevra, pool.find_by_name(package.nevra.name)):
            unreleased.setdefault(package.repository, set()).add(package.nevra.name)
    upstreams = [upstream for upstream in list_upstreams(run.config) if upstream.name in unreleased]
    if not upstreams:
        return []
    cache = run.workspace.cache / "metadata"
    return [
        replace(metadata, source=replace(metadata.source, include=tuple(sorted(unreleased[upstream.name]))))
        for upstream, metadata in zip(
            upstreams,
            map(
                _with_priority,
                read_upstreams(
                    upstreams, cache=cache, known=run.known_lock, jobs=run.jobs, accept_older=True
                ),
            ),
        )
    ]


def _read_base(run: Run) -> tuple[Sequence[RepositoryMetadata], str]:
    """The repositories of the operating system, or why what they have is not known."""
    if not run.config.get_target().base:
        return (), (
            "no repositories of the operating system are configured "
            f"(targets.{run.config.get_target().name}.base in repos.yaml)"
        )
    try:
        return read_base_repositories(run), ""
    except InputError as error:
        return (), "; ".join(line for line in (error.what, *error.why.splitlines()) if line)


def _read_own(name: str, folder: Path) -> RepositoryMetadata:
    """A repository in a folder; modules do not filter it, as its .repo file says."""
    metadata = _with_priority(read_local_metadata(name, folder))
    return replace(metadata, source=replace(metadata.source, module_hotfixes=True))


def _with_priority(metadata: RepositoryMetadata) -> RepositoryMetadata:
    """As on clients, whose repositories all have the same priority."""
    return replace(metadata, source=replace(metadata.source, priority=99))


def _find_packages(pool: PackagePool, names: Sequence[str]) -> dict[str, int]:
    """Name → number in the pool of these packages of the topic repository, which has source packages too."""
    numbers = pool.find_by_name_pattern(_TOPIC, ["*"])
    found = {pool.get_nevra(number): number for number in numbers}
    return {
        nevra.name: number
        for nevra, number in found.items()
        if nevra.name in names and nevra.arch not in ("src", "nosrc")
    }


def _find_older(pool: PackagePool, numbers: Mapping[str, int]) -> dict[str, str]:
    """Name → the package that dnf installs in its place, because its version is higher."""
    found = {}
    for name, number in numbers.items():
        evr = pool.get_nevra(number).evr
        for other in map(pool.get_candidate, pool.find_by_name(name)):
            if other.is_native and compare_evr(other.nevra.evr, evr) > 0:
                place = other.repository.removeprefix(_RELEASE_PREFIX)
                found[name] = f"dnf takes {other.nevra} of {place} instead, because its version is higher"
    return found
