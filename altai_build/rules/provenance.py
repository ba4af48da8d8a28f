"""Rules on provenance/: what it says of the packages is signed, whole, and about these very bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from altai_build.model.findings import Finding, Severity
from altai_build.model.provenance import RELEASE_BUILD_TYPE, find_statement_errors
from altai_build.model.release import (
    BUILDROOTS_FOLDER,
    CYCLONEDX_PATH,
    PROVENANCE,
    SPDX_PATH,
    STATEMENTS_FOLDER,
    ComponentOrigin,
    Manifest,
    MirrorOrigin,
    ReleasedPackage,
    SpecOrigin,
)
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView, assess_signature


def check_provenance(rule: Rule, view: ReleaseView) -> RuleResult:
    """Both bills of materials name the packages of the release and no others, and each built one has its statement.

    They are held against the manifest; that it fits the files is for the rule `packages-listed`.
    """
    manifest = view.manifest
    if manifest is None:
        return RuleResult(0, [])
    here = [name for name in view.files if name.startswith(f"{PROVENANCE}/")]
    if not here:
        message = "nothing says how its packages were built; releases of this version of the tool have it"
        return RuleResult(1, [rule.finding(PROVENANCE, message, Severity.WARNING)])
    signed = view.check_detached_signatures([name for name in here if name.endswith(".json")])
    faults = [
        rule.finding(name, message, severity)
        for name, check in signed.items()
        for message, severity in assess_signature(check)
    ]
    for name, read in ((SPDX_PATH, _spdx_digests), (CYCLONEDX_PATH, _cyclonedx_digests)):
        faults += _check_bill_of_materials(rule, view, manifest, name, read)
    known = set()
    for package in manifest.packages:
        if not isinstance(package.origin, MirrorOrigin):
            faults += _check_statement(rule, view, manifest, package, package.origin)
            known.add(_statement_name(package))
    faults += [
        rule.finding(name, "it speaks of no package of the release")
        for name in here
        if name.startswith(f"{STATEMENTS_FOLDER}/") and name.removesuffix(".asc") not in known
    ]
    faults += [
        rule.finding(name, "its SHA-256 is not its name")
        for name in here
        if name.startswith(f"{BUILDROOTS_FOLDER}/")
        and view.digests.get(name) != name[len(BUILDROOTS_FOLDER) + 1 : -len(".txt")]
    ]
    return RuleResult(len(here), faults)


def _check_bill_of_materials(
    rule: Rule, view: ReleaseView, manifest: Manifest, name: str, read: Callable[[Any], set[str]]
) -> Iterator[Finding]:
    """A bill of materials that leaves out a package, or has one that is not there."""
    document = _load_document(view, name)
    if isinstance(document, str):
        yield rule.finding(name, document)
        return
    try:
        listed = read(document)
    except (KeyError, TypeError, AttributeError) as error:
        yield rule.finding(name, f"it has not the form of its standard: {error}")
        return
    shipped = {one.sha256: one.path for one in manifest.packages}
    for digest in sorted(shipped.keys() - listed):
        yield rule.finding(name, f"it leaves out {shipped[digest]}")
    for digest in sorted(listed - shipped.keys()):
        yield rule.finding(name, f"it lists a package of SHA-256 {digest}, which is not in the release")


def _spdx_digests(document: Any) -> set[str]:
    sums = [check for package in document["packages"] for check in package.get("checksums", [])]
    return {check["checksumValue"] for check in sums if check["algorithm"] == "SHA256"}


def _cyclonedx_digests(document: Any) -> set[str]:
    sums = [check for component in document["components"] for check in component.get("hashes", [])]
    return {check["content"] for check in sums if check["alg"] == "SHA-256"}


def _check_statement(
    rule: Rule,
    view: ReleaseView,
    manifest: Manifest,
    package: ReleasedPackage,
    origin: ComponentOrigin | SpecOrigin,
) -> Iterator[Finding]:
    """A statement that is not one, or speaks of other bytes or commits than the release has."""
    name = _statement_name(package)
    document = _load_document(view, name)
    faults = [document] if isinstance(document, str) else find_statement_errors(document)
    for fault in faults:
        yield rule.finding(name, fault)
    if faults:
        return
    subject = package.path
    named = {one.get("name"): one["digest"].get("sha256") for one in document["subject"]}
    if named != {subject: package.sha256}:
        yield rule.finding(name, f"it speaks of other bytes than those of {subject}")
    definition = document["predicate"]["buildDefinition"]
    commits = {
        (one.get("name"), one.get("digest", {}).get("gitCommit"))
        for one in definition.get("resolvedDependencies", ())
    }
    wanted = {(origin.path, origin.commit)}
    if definition["buildType"] == RELEASE_BUILD_TYPE:
        wanted.add(("superproject", manifest.superproject.commit))
    for place, commit in sorted(wanted - commits):
        yield rule.finding(name, f"it does not name the commit of the manifest for {place}: {commit}")
    if definition.get("internalParameters", {}).get("buildKey") != origin.build_key:
        yield rule.finding(name, "it tells of another build than the manifest")


def _statement_name(package: ReleasedPackage) -> str:
    return f"{STATEMENTS_FOLDER}/{package.path}.json"


def _load_document(view: ReleaseView, name: str) -> Any:
    """The parsed document, or why it cannot be read as text."""
    try:
        return json.loads((view.directory / name).read_text(encoding="utf-8"))
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    except ValueError as error:
        return f"it is not JSON: {error}"
