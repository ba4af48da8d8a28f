"""Rules on the packages of a release: all there, all listed, all signed, none twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from altai_build.model.findings import Finding, Severity
from altai_build.model.release import ReleasedPackage
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView, assess_signature
from altai_build.tools.repo.repodata import Repodata, list_package_files


def check_packages_listed(rule: Rule, view: ReleaseView) -> RuleResult:
    """Packages on disk, in the metadata and in the manifest are the same ones, byte for byte."""
    faults, examined = [], 0
    manifest: dict[str, dict[str, ReleasedPackage]] = defaultdict(dict)
    for package in view.manifest.packages if view.manifest else ():
        manifest[package.repository][package.file] = package
    for name, found in view.repodata.items():
        if not isinstance(found, str) and not found.problems:  # those are told by the rule `repodata`
            here = set(list_package_files(view.directory / name))
            examined += max(1, len(here))  # an empty repository is rightly described by empty metadata
            faults += _compare(rule, view.directory / name, name, here, found, manifest[name], view.digests)
    unknown = manifest.keys() - {repository.name for repository in view.repositories}
    faults += [
        rule.finding(name, "the manifest has packages of a repository that it does not declare")
        for name in sorted(unknown)
    ]
    return RuleResult(examined, faults)


def _size(path: Path) -> int:
    return path.stat().st_size


def _compare(
    rule: Rule,
    folder: Path,
    repository: str,
    here: set[str],
    repodata: Repodata,
    manifest: dict[str, ReleasedPackage],
    digests: dict[str, str],
) -> list[Finding]:
    """Where folder, metadata and manifest of one repository disagree."""
    faults = []
    indexed = {package.location: package for package in repodata.packages}
    for file in sorted(here | indexed.keys() | manifest.keys()):
        subject = f"{repository}/{file}"
        places = (("folder", file in here), ("metadata", file in indexed), ("manifest", file in manifest))
        missing = [place for place, there in places if not there]
        if missing:
            faults.append(rule.finding(subject, f"it is not in the {' nor in the '.join(missing)}"))
            continue
        said, listed = manifest[file], indexed[file]
        if not digests.get(subject) == listed.sha256 == said.sha256:
            faults.append(
                rule.finding(subject, "the SHA-256 of file, metadata and manifest are not the same")
            )
        if not _size(folder / file) == listed.size == said.size:
            faults.append(rule.finding(subject, "the size of file, metadata and manifest is not the same"))
        if (said.nevra, said.sourcerpm) != (listed.nevra, listed.sourcerpm):
            faults.append(rule.finding(subject, f"the manifest calls it {said.nevra}, it is {listed.nevra}"))
    return faults


def check_package_signatures(rule: Rule, view: ReleaseView) -> RuleResult:
    """Every package is signed, wholly and rightly, by the key that its repository declares."""
    faults: list[Finding] = []
    examined = 0
    packages = view.manifest.packages if view.manifest else ()
    signers = {(package.repository, package.file): package.signer for package in packages}
    for repository in view.repositories:
        checks = view.signature_checks[repository.name]
        if isinstance(checks, str):
            faults.append(rule.finding(repository.name, checks))
            continue
        examined += len(checks)
        weak: Counter[tuple[str, Severity]] = Counter()
        for check in checks:
            subject = f"{repository.name}/{check.path.name}"
            if not check.is_good:
                faults += [
                    rule.finding(subject, message, severity) for message, severity in assess_signature(check)
                ]
                continue
            weak.update(assess_signature(check))
            signer = signers.get((repository.name, check.path.name))
            if signer and signer.fingerprint != check.fingerprint:
                faults.append(
                    rule.finding(subject, f"the manifest says it is signed by {signer.fingerprint}")
                )
        for (message, severity), count in weak.items():  # the same of each: once for all, or nobody reads it
            faults.append(rule.finding(repository.name, f"{message} ({count} packages)", severity))
    return RuleResult(examined, faults)


def check_duplicates(rule: Rule, view: ReleaseView) -> RuleResult:
    """One NEVRA names one file: a client that is offered two takes either."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, found in view.repodata.items():
        for package in () if isinstance(found, str) else found.packages:
            places[str(package.nevra)].append(f"{name}/{package.location}")
    faults = [
        rule.finding(nevra, f"it is there more than once: {', '.join(sorted(files))}")
        for nevra, files in sorted(places.items())
        if len(files) > 1
    ]
    return RuleResult(sum(len(files) for files in places.values()), faults)
