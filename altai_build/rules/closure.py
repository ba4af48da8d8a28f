"""The rule on dependencies: every package can be installed on the target, as decided by dnf's own solver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from altai_build.errors import DistrustedError, InputError
from altai_build.model.findings import Severity
from altai_build.model.quantity import format_count
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.leftovers import temporary_directory
from altai_build.tools.repo.metadata import RepositoryMetadata, read_local_metadata
from altai_build.tools.solver.dependencies import read_requirement
from altai_build.tools.solver.pool import PackagePool
from altai_build.tools.solver.resolve import Unsatisfiable, find_uninstallable, select_packages
from altai_build.tools.solver.rich import list_demands

# Before the names of the release's repositories: those of the operating system may have the same names.
_RELEASE_PREFIX = "release/"
# How many subjects, requirements or sentences of the solver a message lists.
_MAX_REPORTED = 3
_NO_BASE_REPOSITORIES = (
    "no repositories of the operating system are configured (targets.NAME.base in repos.yaml)"
)


def check_closure(rule: Rule, view: ReleaseView) -> RuleResult:
    """Every package of the release can be installed from the release and the operating system's repositories.

    If these are unknown or unavailable, requirements that the release does not meet are one warning, not many errors.
    Repositories that are there and not trusted are an error.
    """
    released = {repository.name for repository in view.repositories if not repository.source}
    repodata = {
        name: found
        for name, found in view.repodata.items()
        if name in released and not isinstance(found, str) and not found.problems
    }
    try:
        base, unavailable = _get_base_repositories(view)
    except DistrustedError as error:
        message = "; ".join([error.what, *error.why.splitlines()])
        return RuleResult(1, [rule.finding(view.version, message, fix=error.todo)])
    with temporary_directory("solv") as scratch:
        pool = PackagePool(view.context.arch, cache=view.context.cache or scratch)
        for name in repodata:
            pool.add_repository(_read_repository(view, name))
        for metadata in base:
            pool.add_repository(metadata)
        numbers = _list_packages(pool, sorted(repodata))
        unmet = {
            **_find_conditional_gaps(pool, numbers),
            **_find_unlisted_requirements(view, pool),
            **_describe_uninstallable(pool, numbers),
        }
    if unavailable and unmet:
        some = ", ".join(sorted(unmet)[:_MAX_REPORTED])
        count = format_count(len(unmet), "package")
        message = f"{unavailable}; the release alone does not meet the requirements of {count}: {some}"
        return RuleResult(1, [rule.finding(view.version, message, Severity.WARNING)])
    findings = [rule.finding(subject, message) for subject, message in sorted(unmet.items())]
    return RuleResult(sum(len(found.packages) for found in repodata.values()), findings)


def _get_base_repositories(view: ReleaseView) -> tuple[Sequence[RepositoryMetadata], str]:
    """The operating system's repositories, or why they are unavailable. Raises DistrustedError."""
    if view.context.base is None:
        return (), _NO_BASE_REPOSITORIES
    try:
        found = view.context.base()
    except DistrustedError:
        raise
    except InputError as error:
        return (), "; ".join(line for line in (error.what, *error.why.splitlines()) if line)
    return found, "" if found else _NO_BASE_REPOSITORIES


def _read_repository(view: ReleaseView, name: str) -> RepositoryMetadata:
    """The metadata of one repository of the release; modules do not filter it, as its .repo file says."""
    metadata = read_local_metadata(f"{_RELEASE_PREFIX}{name}", view.directory / name)
    return replace(metadata, source=replace(metadata.source, module_hotfixes=True))


def _list_packages(pool: PackagePool, repositories: Sequence[str]) -> dict[str, int]:
    """`repository/file` → number in the pool of each package of the release."""
    return {
        f"{name}/{pool.get_resolved(number).location}": number
        for name in repositories
        for number in pool.find_by_name_pattern(f"{_RELEASE_PREFIX}{name}", ["*"])
    }


def _find_conditional_gaps(pool: PackagePool, numbers: Mapping[str, int]) -> dict[str, str]:
    """`repository/file` → what it lacks on machines where the condition of a rich requirement holds.

    Without `b` on the machine, `(a if b)` is met where there is no `a`; a machine with `b` refuses the package.
    """
    found = {}
    for subject, number in numbers.items():
        for requirement in pool.get_candidate(number).requires:
            node = read_requirement(requirement)
            for demand in map(str, list_demands(node, pool.has_provider)):
                try:
                    select_packages(pool, [(number,)], require=[demand])
                except Unsatisfiable as error:
                    why = "; ".join(error.problems[:_MAX_REPORTED])
                    found[subject] = f"it requires {requirement}, and {demand} cannot be installed: {why}"
    return found


def _describe_uninstallable(pool: PackagePool, numbers: Mapping[str, int]) -> dict[str, str]:
    """`repository/file` → why it cannot be installed."""
    return {
        subject: "it cannot be installed: " + "; ".join(problems[:_MAX_REPORTED])
        for subject, problems in find_uninstallable(pool, numbers).items()
    }


def _find_unlisted_requirements(view: ReleaseView, pool: PackagePool) -> dict[str, str]:
    """The requirements in headers that nothing provides.

    Repodata omits some of them: of libc's symbol versions createrepo keeps only the highest.
    """
    known: dict[str, bool] = {}
    found = {}
    for subject, header in view.binary_headers.items():
        missing = []
        for dependency in header.requires:
            requirement = str(dependency)
            if requirement.startswith(("rpmlib(", "(")):
                continue
            if requirement not in known:
                known[requirement] = pool.has_provider(requirement)
            if not known[requirement]:
                missing.append(requirement)
        if missing:
            found[subject] = f"nothing provides {', '.join(sorted(set(missing))[:_MAX_REPORTED])}"
    return found
