"""The rule on provenance/: what it says about the packages is signed, complete, and about these very bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from altai_build.model.findings import Severity
from altai_build.model.provenance import RELEASE_BUILD_TYPE, find_statement_errors
from altai_build.model.release import BuildOrigin, Manifest, ReleasedPackage
from altai_build.model.release_files import (
    BUILDROOTS_FOLDER,
    CYCLONEDX_PATH,
    PROVENANCE,
    SPDX_PATH,
    STATEMENTS_FOLDER,
)
from altai_build.model.untrusted_json import parse_json
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView, assess_signature


def check_provenance(rule: Rule, view: ReleaseView) -> RuleResult:
    """Both bills of materials list exactly the packages of the release, and each package built here has a statement.

    They are compared with the manifest; the rule `packages-listed` compares the manifest with the files.
    """
    manifest = view.manifest
    if manifest is None:
        return RuleResult(0, [])
    files = [name for name in view.files if name.startswith(f"{PROVENANCE}/")]
    if not files:
        message = "the release does not say how its packages were built"
        fix = "publish the next release with this version of altai-build"
        return RuleResult(1, [rule.finding(PROVENANCE, message, Severity.WARNING, fix=fix)])
    checks = view.check_detached_signatures([name for name in files if name.endswith(".json")])
    findings = [
        rule.finding(name, message, severity)
        for name, check in checks.items()
        for message, severity in assess_signature(check)
    ]
    findings += [rule.finding(name, text) for name, text in _check_documents(view, manifest, files)]
    return RuleResult(len(files), findings)


def _check_documents(
    view: ReleaseView, manifest: Manifest, files: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """(file, message) of what the documents say wrongly or not at all."""
    yield from _check_bill_of_materials(view, manifest, SPDX_PATH, _read_spdx_digests)
    yield from _check_bill_of_materials(view, manifest, CYCLONEDX_PATH, _read_cyclonedx_digests)
    statements = set()
    for package in manifest.packages:
        if package.build_origin is not None:
            name = f"{STATEMENTS_FOLDER}/{package.path}.json"
            statements.add(name)
            for text in _check_statement(view, manifest, name, package, package.build_origin):
                yield name, text
    for name in files:
        is_statement = name.startswith(f"{STATEMENTS_FOLDER}/")
        if is_statement and name.removesuffix(".asc") not in statements:
            yield name, "the statement is about no package of the release"
        is_buildroot = name.startswith(f"{BUILDROOTS_FOLDER}/")
        if is_buildroot and name != f"{BUILDROOTS_FOLDER}/{view.digests.get(name)}.txt":
            yield name, "the SHA-256 of the file is not its name"


def _check_bill_of_materials(
    view: ReleaseView, manifest: Manifest, name: str, read_digests: Callable[[Any], set[str]]
) -> Iterator[tuple[str, str]]:
    """(file, message) if it leaves out a package, or lists one that the release does not have."""
    try:
        listed = read_digests(_load_document(view, name))
    except (KeyError, TypeError, AttributeError) as error:
        yield name, f"the file does not follow its standard: {error!r}"
        return
    except ValueError as error:
        yield name, str(error)
        return
    released = {package.sha256: package.path for package in manifest.packages}
    for digest in sorted(released.keys() - listed):
        yield name, f"the file does not list {released[digest]}"
    # Whatever a stranger's file has in the place of a checksum.
    for digest in sorted(listed - released.keys(), key=str):
        yield name, f"the file lists a package with SHA-256 {digest}, which the release does not have"


def _read_spdx_digests(document: Any) -> set[str]:
    sums = [check for package in document["packages"] for check in package.get("checksums", [])]
    return {check["checksumValue"] for check in sums if check["algorithm"] == "SHA256"}


def _read_cyclonedx_digests(document: Any) -> set[str]:
    sums = [check for component in document["components"] for check in component.get("hashes", [])]
    return {check["content"] for check in sums if check["alg"] == "SHA-256"}


def _check_statement(
    view: ReleaseView, manifest: Manifest, name: str, package: ReleasedPackage, origin: BuildOrigin
) -> Iterator[str]:
    """Messages if the file is not a statement, or is about other bytes or commits than the release has."""
    try:
        document = _load_document(view, name)
    except ValueError as error:
        yield str(error)
        return
    errors = find_statement_errors(document)
    yield from errors
    if errors:
        return
    digests = {subject.get("name"): subject["digest"].get("sha256") for subject in document["subject"]}
    if digests != {package.path: package.sha256}:
        yield f"the statement is about other bytes than those of {package.path}"
    definition = document["predicate"]["buildDefinition"]
    named = {
        (dependency.get("name"), (dependency.get("digest") or {}).get("gitCommit"))
        for dependency in definition.get("resolvedDependencies") or ()
    }
    pinned = {(origin.path, origin.commit)}
    if definition["buildType"] == RELEASE_BUILD_TYPE:
        pinned.add(("superproject", manifest.superproject.commit))
    for path, commit in sorted(pinned - named):
        yield f"the statement does not name the manifest's commit of {path}: {commit}"
    if (definition.get("internalParameters") or {}).get("buildKey") != origin.build_key:
        yield "the statement is about another build than the manifest"


def _load_document(view: ReleaseView, name: str) -> Any:
    """The parsed document. Raises ValueError with the reason when it cannot be read."""
    try:
        text = view.read_text(name)
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from error
    try:
        return parse_json(text)
    except ValueError as error:
        raise ValueError(f"the file is not JSON: {error}") from error
