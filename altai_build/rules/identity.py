"""The rule that one NEVRA never names two files, across all releases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.findings import Finding
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.repo.repodata import read_repodata
from altai_build.tools.repo.repomd import REPOMD


def check_unchanged_packages(rule: Rule, view: ReleaseView) -> RuleResult:
    """A NEVRA names the bytes that it named in every earlier release: caches and mirrors rely on it."""
    findings: list[Finding] = []
    known: dict[str, dict[str, str]] = defaultdict(dict)  # NEVRA → SHA-256 → release/repository
    for directory, folder in _list_repositories(view.context.previous_releases):
        try:
            repodata = read_repodata(folder)
        except InputError as error:
            findings.append(rule.finding(directory.name, f"cannot compare with this release: {error.why}"))
            continue
        findings += [
            rule.finding(directory.name, f"cannot compare with this release: {problem}")
            for problem in repodata.problems
        ]
        place = f"{directory.name}/{folder.relative_to(directory).as_posix()}"
        for package in repodata.packages:
            known[str(package.nevra)].setdefault(package.sha256, place)
    examined = 0
    for name, found in view.repodata.items():
        for package in () if isinstance(found, str) else found.packages:
            examined += 1
            previous = known.get(str(package.nevra))
            if previous and package.sha256 not in previous:
                places = ", ".join(sorted(previous.values()))
                findings.append(
                    rule.finding(f"{name}/{package.location}", f"the package has different bytes in {places}")
                )
    return RuleResult(examined, findings)


def _list_repositories(releases: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """(release, folder with metadata), whatever the manifests say; metadata that releases share comes once."""
    seen: set[tuple[int, int]] = set()
    for directory in releases:
        for repomd in sorted(directory.rglob(REPOMD)):
            state = repomd.stat()  # shared metadata is the same inode
            if (state.st_dev, state.st_ino) not in seen:
                seen.add((state.st_dev, state.st_ino))
                yield directory, repomd.parent.parent
