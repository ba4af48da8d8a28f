"""The rule that one NEVRA never names two files, across all releases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from altai_build.errors import InputError, describe_cause
from altai_build.model.findings import Finding, Severity
from altai_build.model.manifest import MAX_MANIFEST_SIZE, manifest_from_json
from altai_build.model.release import Manifest
from altai_build.model.release_files import MANIFEST_NAME
from altai_build.regular_files import read_regular_file
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.repo.repodata import read_repodata
from altai_build.tools.repo.repomd import REPOMD
from altai_build.tools.tree import walk_tree


class _KnownPackages:
    """What the earlier releases call by each NEVRA, and what of them could not be read."""

    def __init__(self, rule: Rule) -> None:
        self.findings: list[Finding] = []
        self.digests: dict[str, dict[str, str]] = defaultdict(dict)  # NEVRA → SHA-256 → release/repository
        self._rule = rule
        self._seen: set[tuple[int, int]] = set()

    def add_release(self, directory: Path) -> None:
        """Add the packages that the metadata of a release lists, whatever its manifest says, and those of the manifest.

        Metadata that cannot be read is a warning where the manifest tells the packages, else an error.
        """
        manifest = self._read_manifest(directory)
        entries = (entry.path for entry in walk_tree(directory) if entry.path.endswith(f"/{REPOMD}"))
        names = {path.removesuffix(f"/{REPOMD}") for path in entries}
        declared = {repository.name for repository in manifest.repositories} if manifest else set()
        for name in sorted(names | declared):
            for problem in self._add_metadata(directory, name):
                severity = Severity.WARNING if name in declared else Severity.ERROR
                how = f"compared with {MANIFEST_NAME} only" if name in declared else "not compared"
                self._report(directory, f"{how}: the metadata of {name} cannot be used: {problem}", severity)
        for package in manifest.packages if manifest else ():
            self._add(str(package.nevra), package.sha256, f"{directory.name}/{package.repository}")

    def _read_manifest(self, directory: Path) -> Manifest | None:
        try:
            return manifest_from_json(
                read_regular_file(directory / MANIFEST_NAME, limit=MAX_MANIFEST_SIZE).decode("utf-8")
            )
        except InputError as error:
            why = error.why
        except (OSError, UnicodeDecodeError) as error:
            why = describe_cause(error)
        self._report(
            directory,
            f"compared with its metadata only: {MANIFEST_NAME} cannot be read: {why}",
            Severity.ERROR,
        )
        return None

    def _add_metadata(self, directory: Path, name: str) -> tuple[str, ...]:
        """Add the packages of one repository; returns what is wrong with its metadata."""
        try:
            # Metadata that releases share is the same inode, and is read once.
            status = (directory / name / REPOMD).stat()
            if (status.st_dev, status.st_ino) in self._seen:
                return ()
            self._seen.add((status.st_dev, status.st_ino))
            repodata = read_repodata(directory / name)
        except InputError as error:
            return (error.why,)
        except OSError as error:
            return (f"{REPOMD} cannot be read: {error.strerror}",)
        for package in repodata.packages:
            self._add(str(package.nevra), package.sha256, f"{directory.name}/{name}")
        return repodata.problems

    def _add(self, nevra: str, sha256: str, place: str) -> None:
        self.digests[nevra].setdefault(sha256, place)

    def _report(self, directory: Path, message: str, severity: Severity) -> None:
        fix = (
            f"restore {directory} from another copy, or accept the finding with a waiver "
            f"(rule {self._rule.id}, subject {directory.name})"
        )
        self.findings.append(self._rule.finding(directory.name, message, severity, fix=fix))


def check_unchanged_packages(rule: Rule, view: ReleaseView) -> RuleResult:
    """A NEVRA names the bytes that it named in every earlier release: caches and mirrors rely on it."""
    known = _KnownPackages(rule)
    for directory in view.context.previous_releases:
        known.add_release(directory)
    examined = 0
    for subject, nevra, sha256 in _list_packages(view):
        examined += 1
        places = known.digests.get(nevra)
        if places and sha256 not in places:
            names = ", ".join(sorted(places.values()))
            known.findings.append(rule.finding(subject, f"the package has different bytes in {names}"))
    return RuleResult(examined, known.findings)


def _list_packages(view: ReleaseView) -> Iterator[tuple[str, str, str]]:
    """(`repository/file`, NEVRA, SHA-256) of every package that the metadata lists."""
    for name, repodata in view.repodata.items():
        for package in () if isinstance(repodata, str) else repodata.packages:
            yield f"{name}/{package.location}", str(package.nevra), package.sha256
