"""The rule on dependencies: every package can be installed on the target, by the solver that dnf itself uses."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.findings import Severity
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.repo.metadata import RepositoryMetadata, read_local_metadata
from altai_build.tools.solver.pool import PackagePool
from altai_build.tools.solver.resolve import Unsatisfiable, select_packages

_RELEASE = "release/"  # before the names of its repositories: the system's own may have the same
_MAX_REPORTED = 3  # sentences of the solver for one package
_NO_BASE_REPOSITORIES = "no repositories of the system are configured (targets.NAME.base in repos.yaml)"


def check_closure(rule: Rule, view: ReleaseView) -> RuleResult:
    """Every package of the release can be installed from the release and the system's repositories.

    Where these are not known or cannot be had, what the release does not hold itself is one warning, not many errors.
    """
    offered = {repository.name for repository in view.repositories if not repository.source}
    repodata = {
        name: found
        for name, found in view.repodata.items()
        if name in offered and not isinstance(found, str) and not found.problems
    }
    base, excuse = _get_base_repositories(view)
    with tempfile.TemporaryDirectory(prefix="altai-solv.") as scratch:
        pool = PackagePool(view.context.arch, cache=view.context.cache or Path(scratch))
        for name in repodata:
            pool.add_repository(read_local_metadata(f"{_RELEASE}{name}", view.directory / name))
        for metadata in base:
            pool.add_repository(metadata)
        unmet = {**_find_unlisted_requirements(view, pool), **_find_uninstallable(pool, sorted(repodata))}
    if excuse and unmet:
        some = ", ".join(sorted(unmet)[:_MAX_REPORTED])
        message = f"{excuse}, and {len(unmet)} packages need what the release does not hold: {some}"
        return RuleResult(1, [rule.finding(view.version, message, Severity.WARNING)])
    faults = [rule.finding(subject, message) for subject, message in sorted(unmet.items())]
    return RuleResult(sum(len(found.packages) for found in repodata.values()), faults)


def _get_base_repositories(view: ReleaseView) -> tuple[Sequence[RepositoryMetadata], str]:
    """The system's repositories, or why they are not to be had."""
    if view.context.base is None:
        return (), _NO_BASE_REPOSITORIES
    try:
        found = view.context.base()
    except InputError as error:
        return (), "; ".join(line for line in (error.what, *error.why.splitlines()) if line)
    return found, "" if found else _NO_BASE_REPOSITORIES


def _find_uninstallable(pool: PackagePool, repositories: Sequence[str]) -> dict[str, str]:
    """`repository/file` → why it cannot be installed. All at once where that is possible, else one by one."""
    numbers = {
        f"{name}/{pool.get_resolved(one).location}": one
        for name in repositories
        for one in pool.find_by_name_pattern(f"{_RELEASE}{name}", ["*"])
    }
    try:
        select_packages(pool, [(one,) for one in numbers.values()])
        return {}
    except Unsatisfiable:
        pass
    found = {}
    for subject, one in numbers.items():
        try:
            select_packages(pool, [(one,)])
        except Unsatisfiable as error:
            found[subject] = "it cannot be installed: " + "; ".join(error.problems[:_MAX_REPORTED])
    return found


def _find_unlisted_requirements(view: ReleaseView, pool: PackagePool) -> dict[str, str]:
    """What the headers require beyond the repodata (createrepo keeps the highest symbol version of libc only)."""
    known: dict[str, bool] = {}
    found = {}
    for subject, header in view.binary_headers.items():
        missing = []
        for one in header.requires:
            text = str(one)
            if text.startswith(("rpmlib(", "(")):
                continue
            if text not in known:
                known[text] = pool.has_provider(text)
            if not known[text]:
                missing.append(text)
        if missing:
            found[subject] = f"nothing provides {', '.join(sorted(set(missing))[:_MAX_REPORTED])}"
    return found
