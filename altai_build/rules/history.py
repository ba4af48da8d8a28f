"""Rules on where packages come from: their sources, and what earlier releases gave the same names to."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.release import SpecOrigin
from altai_build.rules.view import Fault, Outcome, ReleaseView
from altai_build.tools.repodata import REPOMD, IndexedPackage, read_repodata


def check_source_packages(view: ReleaseView) -> Outcome:
    """Every package of a repository that publishes its sources has its source RPM there, and none lies there idle."""
    indexed = {name: found.packages for name, found in view.repodata.items() if not isinstance(found, str)}
    pairs = view.around.source_repositories or _pairs(view, indexed)
    faults, examined = [], 0
    for binaries, sources in pairs:
        built = indexed.get(binaries, ())
        held = {package.location: package for package in indexed.get(sources, ())}
        wanted = {package.sourcerpm for package in built}
        examined += len(built) + len(held)
        faults += [
            Fault(f"{binaries}/{package.location}", f"its source {package.sourcerpm} is not in {sources}")
            for package in built
            if package.sourcerpm not in held
        ]
        faults += [
            Fault(f"{sources}/{name}", f"no package of {binaries} was built from it")
            for name in sorted(held.keys() - wanted)
        ]
    for repository in view.repositories:
        packages = indexed.get(repository.name, ())
        faults += [
            Fault(f"{repository.name}/{package.location}", _misplaced(repository.source))
            for package in packages
            if package.is_source is not repository.source
        ]
        examined += len(packages)
    return Outcome(examined, faults)


def _misplaced(sources: bool) -> str:
    return (
        "it is no source RPM, and only those belong there"
        if sources
        else "no client can install a source RPM"
    )


def _pairs(view: ReleaseView, indexed: dict[str, tuple[IndexedPackage, ...]]) -> list[tuple[str, str]]:
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


def check_same_bytes(view: ReleaseView) -> Outcome:
    """A name that an earlier release gave to some bytes names those bytes for ever: caches and mirrors rely on it."""
    given: dict[str, dict[str, str]] = defaultdict(dict)  # NEVRA → SHA-256 → where
    faults = []
    seen: set[tuple[int, int]] = set()  # metadata that several releases share is the same inode
    for directory in view.around.earlier:
        for folder in _repositories(directory):
            state = (folder / REPOMD).stat()
            if (state.st_dev, state.st_ino) in seen:
                continue
            seen.add((state.st_dev, state.st_ino))
            try:
                found = read_repodata(folder)
            except InputError as error:
                faults.append(Fault(directory.name, f"it cannot be compared: {error.why}"))
                continue
            faults += [Fault(directory.name, f"it cannot be compared: {fault}") for fault in found.faults]
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
                faults.append(Fault(f"{name}/{package.location}", f"it has other bytes in {places}"))
    return Outcome(examined, faults)


def _repositories(directory: Path) -> list[Path]:
    """The folders of a release that are repositories, whatever its manifest says."""
    return sorted(path.parent.parent for path in directory.rglob("repodata/repomd.xml"))
