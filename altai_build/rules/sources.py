"""The rule that the sources of what was built are published with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from altai_build.model.findings import Finding
from altai_build.model.release import SpecOrigin
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.repo.repodata import IndexedPackage


def check_source_packages(rule: Rule, view: ReleaseView) -> RuleResult:
    """Every package whose repository publishes sources has its source package there, and every source has a package."""
    indexed = {
        name: repodata.packages for name, repodata in view.repodata.items() if not isinstance(repodata, str)
    }
    pairs = view.context.source_repositories or _guess_source_repositories(view, indexed)
    findings: list[Finding] = []
    examined = 0
    for binary_repository, source_repository in pairs:
        packages = indexed.get(binary_repository, ())
        sources = {package.location for package in indexed.get(source_repository, ())}
        examined += len(packages) + len(sources)
        findings += [
            rule.finding(
                f"{binary_repository}/{package.location}",
                f"the source package {package.sourcerpm} is not in {source_repository}",
            )
            for package in packages
            if package.sourcerpm not in sources
        ]
        unused = sources - {package.sourcerpm for package in packages}
        findings += [
            rule.finding(
                f"{source_repository}/{name}", f"no package of {binary_repository} was built from this source"
            )
            for name in sorted(unused)
        ]
    for repository in view.repositories:
        packages = indexed.get(repository.name, ())
        examined += len(packages)
        findings += [
            rule.finding(f"{repository.name}/{package.location}", _describe_misplaced(repository.source))
            for package in packages
            if package.is_source is not repository.source
        ]
    return RuleResult(examined, findings)


def _describe_misplaced(is_source_repository: bool) -> str:
    if is_source_repository:
        return "the repository is for source packages only"
    return "clients cannot install a source package"


def _guess_source_repositories(
    view: ReleaseView, indexed: Mapping[str, Sequence[IndexedPackage]]
) -> list[tuple[str, str]]:
    """(repository, repository of its sources), without a configuration: from the packages and the manifest."""
    source_names = [repository.name for repository in view.repositories if repository.source]
    repository_by_source = {
        package.location: name for name in source_names for package in indexed.get(name, ())
    }
    pairs = {
        (repository.name, repository_by_source[package.sourcerpm])
        for repository in view.repositories
        if not repository.source
        for package in indexed.get(repository.name, ())
        if package.sourcerpm in repository_by_source
    }
    known = {binary_repository for binary_repository, _ in pairs}.union(source_names)
    # Packages built from specs/ whose sources are missing altogether.
    fallback = next(iter(source_names), "this release")
    pairs |= {
        (package.repository, fallback)
        for package in (view.manifest.packages if view.manifest else ())
        if isinstance(package.origin, SpecOrigin) and package.repository not in known
    }
    return sorted(pairs)
