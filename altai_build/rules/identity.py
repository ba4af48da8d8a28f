"""The rule that one NEVRA never names two files, across all releases."""

from __future__ import annotations

from collections.abc import Iterator

from altai_build.rules.known_packages import KnownPackages
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView


def check_unchanged_packages(rule: Rule, view: ReleaseView) -> RuleResult:
    """A NEVRA names the bytes that it named in every earlier release: caches and mirrors rely on it."""
    known = KnownPackages(rule)
    known.add_releases(view.context.previous_releases, view.context.known_packages)
    findings = [*known.findings]
    examined = 0
    for subject, nevra, sha256 in _list_packages(view):
        examined += 1
        others = known.find_others(nevra, sha256)
        if others:
            findings.append(rule.finding(subject, f"the package has different bytes in {', '.join(others)}"))
    return RuleResult(examined, findings)


def _list_packages(view: ReleaseView) -> Iterator[tuple[str, str, str]]:
    """(`repository/file`, NEVRA, SHA-256) of every package that the metadata lists."""
    for name, repodata in view.repodata.items():
        for package in () if isinstance(repodata, str) else repodata.packages:
            yield f"{name}/{package.location}", str(package.nevra), package.sha256
