"""Rules on where packages come from: their sources, and what earlier releases gave the same names to."""

from __future__ import annotations

from altai_build.model.release import SpecOrigin
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.repo.repodata import IndexedPackage


def check_source_packages(rule: Rule, view: ReleaseView) -> RuleResult:
    """Every package of a repository that publishes its sources has its source RPM there, and none lies there idle."""
    indexed = {name: found.packages for name, found in view.repodata.items() if not isinstance(found, str)}
    pairs = view.context.source_repositories or _guess_source_repositories(view, indexed)
    faults, examined = [], 0
    for binaries, sources in pairs:
        built = indexed.get(binaries, ())
        held = {package.location: package for package in indexed.get(sources, ())}
        wanted = {package.sourcerpm for package in built}
        examined += len(built) + len(held)
        faults += [
            rule.finding(
                f"{binaries}/{package.location}", f"its source {package.sourcerpm} is not in {sources}"
            )
            for package in built
            if package.sourcerpm not in held
        ]
        faults += [
            rule.finding(f"{sources}/{name}", f"no package of {binaries} was built from it")
            for name in sorted(held.keys() - wanted)
        ]
    for repository in view.repositories:
        packages = indexed.get(repository.name, ())
        faults += [
            rule.finding(f"{repository.name}/{package.location}", _describe_misplaced(repository.source))
            for package in packages
            if package.is_source is not repository.source
        ]
        examined += len(packages)
    return RuleResult(examined, faults)


def _describe_misplaced(sources: bool) -> str:
    return (
        "it is no source RPM, and only those belong there"
        if sources
        else "no client can install a source RPM"
    )


def _guess_source_repositories(
    view: ReleaseView, indexed: dict[str, tuple[IndexedPackage, ...]]
) -> list[tuple[str, str]]:
    """Which repository's sources lie where, for who has no configuration: as packages and manifest tell it."""
    places = {
        package.location: repository.name
        for repository in view.repositories
        if repository.source
        for package in indexed.get(repository.name, ())
    }
    found = {
        (repository.name, places[package.sourcerpm])
        for repository in view.repositories
        if not repository.source
        for package in indexed.get(repository.name, ())
        if package.sourcerpm in places
    }
    known = {binaries for binaries, _ in found} | {one.name for one in view.repositories if one.source}
    nowhere = next((one.name for one in view.repositories if one.source), "this release")
    found |= {
        (package.repository, nowhere)
        for package in (view.manifest.packages if view.manifest else ())
        if isinstance(package.origin, SpecOrigin) and package.repository not in known
    }
    return sorted(found)
