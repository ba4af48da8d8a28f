"""Rules on the packages of a release: all exist, all are listed, all are signed, none exists twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from altai_build.errors import InputError
from altai_build.model.findings import Finding, Severity
from altai_build.model.quantity import format_count
from altai_build.model.release import ReleasedPackage
from altai_build.model.signature import KEY_STATUSES, SignatureCheck
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView, assess_signature
from altai_build.tools.repo.repodata import Repodata, list_package_files
from altai_build.tools.repo.repomd import REPOMD
from altai_build.tools.repo.whole_index import compare_whole_index


def check_packages_listed(rule: Rule, view: ReleaseView) -> RuleResult:
    """Packages on disk, in the metadata and in the manifest are the same, byte for byte."""
    findings: list[Finding] = []
    examined = 0
    manifest: dict[str, dict[str, ReleasedPackage]] = defaultdict(dict)
    for package in view.manifest.packages if view.manifest else ():
        manifest[package.repository][package.file] = package
    for name, repodata in view.repodata.items():
        # The rule `repodata` reports metadata that is wrong.
        if isinstance(repodata, str) or repodata.problems:
            continue
        files = set(list_package_files(view.directory / name))
        # An empty repository with empty metadata is right, too.
        examined += max(1, len(files))
        findings += [
            rule.finding(f"{name}/{file}", message)
            for file, message in _compare_repository(view, name, files, repodata, manifest[name])
        ]
    undeclared = manifest.keys() - {repository.name for repository in view.repositories}
    findings += [
        rule.finding(name, "the manifest has packages of this repository but does not declare it")
        for name in sorted(undeclared)
    ]
    findings += _check_index(rule, view)
    return RuleResult(examined, findings)


def _check_index(rule: Rule, view: ReleaseView) -> Iterator[Finding]:
    """Where the index of the whole release says something else than the repositories of binary packages."""
    repositories = [repository.name for repository in view.repositories if not repository.source]
    read = [view.index, *(view.repodata[name] for name in repositories)]
    # The rule `repodata` reports metadata that is wrong; an earlier altai-build wrote no index.
    if any(repodata is None or isinstance(repodata, str) or repodata.problems for repodata in read):
        return
    try:
        wrong = compare_whole_index(view.directory, repositories)
    except InputError as error:
        yield rule.finding(REPOMD, error.why)
        return
    for path, message in wrong.items():
        yield rule.finding(path, message)


def _compare_repository(
    view: ReleaseView,
    repository: str,
    files: set[str],
    repodata: Repodata,
    manifest: dict[str, ReleasedPackage],
) -> Iterator[tuple[str, str]]:
    """(file, message) where folder, metadata and manifest of one repository disagree."""
    indexed = {package.location: package for package in repodata.packages}
    for file in sorted(files | indexed.keys() | manifest.keys()):
        places = (("folder", file in files), ("metadata", file in indexed), ("manifest", file in manifest))
        missing = [place for place, is_there in places if not is_there]
        if missing:
            yield file, f"the package is missing from the {' and the '.join(missing)}"
            continue
        declared, listed = manifest[file], indexed[file]
        path = f"{repository}/{file}"
        if not view.digests.get(path) == listed.sha256 == declared.sha256:
            yield file, "the SHA-256 differs between file, metadata and manifest"
        if not (view.directory / path).stat().st_size == listed.size == declared.size:
            yield file, "the size differs between file, metadata and manifest"
        if declared.nevra != listed.nevra:
            yield file, f"the manifest calls the package {declared.nevra}, the metadata {listed.nevra}"
        if declared.sourcerpm != listed.sourcerpm:
            yield (
                file,
                f"the manifest names the source package {declared.sourcerpm}, the metadata {listed.sourcerpm}",
            )


def check_package_signatures(rule: Rule, view: ReleaseView) -> RuleResult:
    """The key that the repository declares signed every package, header and payload."""
    findings: list[Finding] = []
    examined = 0
    packages = view.manifest.packages if view.manifest else ()
    signers = {package.path: package.signer for package in packages}
    for repository in view.repositories:
        checks = view.signature_checks[repository.name]
        if isinstance(checks, str):
            findings.append(rule.finding(repository.name, checks))
            continue
        examined += len(checks)
        common: Counter[tuple[str, Severity]] = Counter()
        refused: dict[str, list[SignatureCheck]] = defaultdict(list)
        for check in checks:
            subject = f"{repository.name}/{check.path.name}"
            if check.status in KEY_STATUSES:
                refused[check.summary].append(check)
                continue
            if not check.is_good:
                findings += [
                    rule.finding(subject, message, severity) for message, severity in assess_signature(check)
                ]
                continue
            common.update(assess_signature(check))
            signer = signers.get(subject)
            if signer and signer.fingerprint != check.fingerprint:
                message = f"signed by {check.fingerprint}; the manifest names {signer.fingerprint}"
                findings.append(rule.finding(subject, message))
        findings += [rule.finding(*_fold(repository.name, same)) for same in refused.values()]
        # The same about many packages is one finding.
        for (message, severity), count in common.items():
            findings.append(
                rule.finding(repository.name, f"{message} ({format_count(count, 'package')})", severity)
            )
    return RuleResult(examined, findings)


def _fold(repository: str, checks: Sequence[SignatureCheck]) -> tuple[str, str]:
    """(subject, message) of one finding about packages whose key does not vouch for them."""
    first, *others = checks
    if not others:
        return f"{repository}/{first.path.name}", first.description
    example = f"{first.path.name}: {first.detail}".rstrip(": ")
    return repository, f"{first.summary} ({format_count(len(checks), 'package')}, such as {example})"


def check_package_names(rule: Rule, view: ReleaseView) -> RuleResult:
    """Packages of one name come from one component: of several, a client takes the one with the highest version."""
    packages = view.manifest.packages if view.manifest else ()
    makers: dict[str, dict[str, str]] = defaultdict(dict)
    for package in packages:
        if package.build_origin is not None and not package.is_source:
            # A component has one source package.
            made_by = f"{package.nevra} of {package.build_origin.path}"
            makers[package.nevra.name].setdefault(package.sourcerpm, made_by)
    findings = [
        rule.finding(name, f"several components make it: {', '.join(sorted(made.values()))}")
        for name, made in sorted(makers.items())
        if len(made) > 1
    ]
    return RuleResult(len(packages), findings)


def check_duplicates(rule: Rule, view: ReleaseView) -> RuleResult:
    """One NEVRA names one file: a client that sees two takes either."""
    files: dict[str, list[str]] = defaultdict(list)
    for name, repodata in view.repodata.items():
        for package in () if isinstance(repodata, str) else repodata.packages:
            files[str(package.nevra)].append(f"{name}/{package.location}")
    findings = [
        rule.finding(nevra, f"the package exists more than once: {', '.join(sorted(paths))}")
        for nevra, paths in sorted(files.items())
        if len(paths) > 1
    ]
    return RuleResult(sum(map(len, files.values())), findings)
