"""The rule that one NEVRA never names two files, across all releases."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from altai_build.errors import InputError
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.repo.repodata import REPOMD, read_repodata


def check_unchanged_packages(rule: Rule, view: ReleaseView) -> RuleResult:
    """A name that an earlier release gave to some bytes names those bytes for ever: caches and mirrors rely on it."""
    given: dict[str, dict[str, str]] = defaultdict(dict)  # NEVRA → SHA-256 → where
    faults = []
    seen: set[tuple[int, int]] = set()  # metadata that several releases share is the same inode
    for directory in view.context.previous_releases:
        for folder in _repositories(directory):
            state = (folder / REPOMD).stat()
            if (state.st_dev, state.st_ino) in seen:
                continue
            seen.add((state.st_dev, state.st_ino))
            try:
                found = read_repodata(folder)
            except InputError as error:
                faults.append(rule.finding(directory.name, f"it cannot be compared: {error.why}"))
                continue
            faults += [
                rule.finding(directory.name, f"it cannot be compared: {fault}") for fault in found.problems
            ]
            for package in found.packages:
                where = f"{directory.name}/{folder.relative_to(directory).as_posix()}"
                given[str(package.nevra)].setdefault(package.sha256, where)
    examined = 0
    for name, here in view.repodata.items():
        for package in () if isinstance(here, str) else here.packages:
            examined += 1
            before = given.get(str(package.nevra))
            if before and package.sha256 not in before:
                places = ", ".join(sorted(before.values()))
                faults.append(rule.finding(f"{name}/{package.location}", f"it has other bytes in {places}"))
    return RuleResult(examined, faults)


def _repositories(directory: Path) -> list[Path]:
    """The folders of a release that are repositories, whatever its manifest says."""
    return sorted(path.parent.parent for path in directory.rglob("repodata/repomd.xml"))
