"""The rule that the sources of what was built are published with it."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence

from altai_build.model.findings import Finding, Severity
from altai_build.model.release import SpecOrigin
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.repo.repodata import IndexedPackage


def check_source_packages(rule: Rule, view: ReleaseView) -> RuleResult:
    """Every package whose repository publishes sources has its source package there, and every source has a package.

    A repository of packages that were built here and whose sources are published nowhere is a warning.
    """
    indexed = {
        name: repodata.packages for name, repodata in view.repodata.items() if not isinstance(repodata, str)
    }
    pairs = view.context.source_repositories or _guess_source_repositories(view, indexed)
    findings: list[Finding] = []
    examined = 0
    for binary_repository, source_repositories in _group(pairs).items():
        packages = indexed.get(binary_repository, ())
        sources = {package.location for name in source_repositories for package in indexed.get(name, ())}
        examined += len(packages) + len(sources)
        findings += [
            rule.finding(
                f"{binary_repository}/{package.location}",
                f"the source package {package.sourcerpm} is not in {' or '.join(source_repositories)}",
            )
            for package in packages
            if package.sourcerpm not in sources
        ]
    for source_repository, binary_repositories in _group((source, name) for name, source in pairs).items():
        used = {package.sourcerpm for name in binary_repositories for package in indexed.get(name, ())}
        sources = {package.location for package in indexed.get(source_repository, ())}
        findings += [
            rule.finding(
                f"{source_repository}/{name}",
                f"no package of {' or '.join(binary_repositories)} was built from this source",
            )
            for name in sorted(sources - used)
        ]
    findings += _find_unpublished_sources(rule, view, indexed, {name for name, _ in pairs})
    for repository in view.repositories:
        packages = indexed.get(repository.name, ())
        examined += len(packages)
        findings += [
            rule.finding(f"{repository.name}/{package.location}", _describe_misplaced(repository.source))
            for package in packages
            if package.is_source is not repository.source
        ]
    return RuleResult(examined, findings)


def _group(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for first, second in pairs:
        groups.setdefault(first, []).append(second)
    return groups


def _find_unpublished_sources(
    rule: Rule, view: ReleaseView, indexed: Mapping[str, Sequence[IndexedPackage]], paired: Container[str]
) -> Iterator[Finding]:
    """A warning for each repository without a repository of sources that has packages of ours without their sources."""
    built = {
        package.path
        for package in (view.manifest.packages if view.manifest else ())
        if package.build_origin is not None
    }
    sources = {
        package.location
        for repository in view.repositories
        if repository.source
        for package in indexed.get(repository.name, ())
    }
    for repository in view.repositories:
        if repository.source or repository.name in paired:
            continue
        ours = [
            package
            for package in indexed.get(repository.name, ())
            if f"{repository.name}/{package.location}" in built and not package.is_source
        ]
        missing = {package.sourcerpm for package in ours} - sources
        if missing:
            yield rule.finding(
                repository.name,
                "the sources of packages that were built here are not published with the release: "
                f"{_summarize(missing)}",
                Severity.WARNING,
                fix=f"set `source_rpms: {repository.name}-srpms` of this repository in repos.yaml, or accept this "
                "with a waiver",
            )


def _summarize(names: Collection[str]) -> str:
    first = min(names)
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more"


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
    unpaired = set(source_names) - {source for _, source in pairs}
    known = {binary_repository for binary_repository, _ in pairs}.union(source_names)
    # Packages built from specs/ whose sources are missing altogether.
    pairs |= {
        (package.repository, min(unpaired))
        for package in (view.manifest.packages if view.manifest else ())
        if unpaired and isinstance(package.origin, SpecOrigin) and package.repository not in known
    }
    return sorted(pairs)
