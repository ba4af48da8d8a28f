"""Verify a release from its folder alone, as the clients that will install from it see it.

A rule is a function from the release to what it examined and found. A rule that examined nothing has proved nothing,
and that is a finding too. To add a rule: write the function in altai_build/rules, and name it in RULES with its reason
and its cure.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.audit import Finding, Verification
from altai_build.rules import metadata, packages
from altai_build.rules.view import Fault, ReleaseView, Rule

RULES: tuple[Rule, ...] = (
    Rule(
        id="manifest",
        reason="release.json says what the release is and where each package came from",
        cure="publish the release again under the next version",
        check=metadata.check_manifest,
    ),
    Rule(
        id="keys",
        reason="clients import the keys that the release brings along",
        cure="compare the RPM-GPG-KEY files with those under `keys` in repos.yaml",
        check=metadata.check_keys,
    ),
    Rule(
        id="metadata-signatures",
        reason="the manifest, the checksums and the metadata are only as good as their signatures",
        cure="restore the file from another copy of the release",
        check=metadata.check_metadata_signatures,
    ),
    Rule(
        id="checksums",
        reason="SHA256SUMS lets anyone prove a copy whole",
        cure="restore the named files from another copy of the release",
        check=metadata.check_checksums,
    ),
    Rule(
        id="plain-files",
        reason="a link would lead a web server or a mirror out of the release",
        cure="publish the release again under the next version",
        check=metadata.check_plain_files,
    ),
    Rule(
        id="repodata",
        reason="yum and dnf see what the metadata says and nothing else",
        cure="restore the repodata folder from another copy of the release",
        check=metadata.check_repodata,
    ),
    Rule(
        id="packages-listed",
        reason="a package that is not listed cannot be installed, and one that is not there breaks the transaction",
        cure="restore the named files from another copy of the release",
        check=packages.check_packages_listed,
    ),
    Rule(
        id="package-signatures",
        reason="a client installs only what the repository's own key signed",
        cure="sign the package with the declared key, or take it from where that key signed it, and release again",
        check=packages.check_package_signatures,
    ),
    Rule(
        id="duplicates",
        reason="the same NEVRA must never name two files",
        cure="leave one of them out and release again",
        check=packages.check_duplicates,
    ),
    Rule(
        id="source-packages",
        reason="who gives away binaries of others' software has to give its source, as it was built",
        cure="write source_rpms for the repository of specs in repos.yaml, and release under the next version",
        check=packages.check_source_packages,
    ),
    Rule(
        id="repo-file",
        reason="it is what clients are configured with",
        cure="publish the release again under the next version",
        check=metadata.check_repo_file,
    ),
)


def verify_release(directory: Path, *, trusted: Sequence[tuple[str, Path]] = ()) -> Verification:
    """Every finding about the release in `directory`.

    `trusted` are (name, file) of the keys that the configuration names: without them the release is only shown to
    agree with the keys it brings along. Raises InputError when there is no such folder.
    """
    if not directory.is_dir():
        raise InputError(
            f"there is no release in {directory}",
            why="it is not a folder",
            todo="`altai-build releases` lists what is published",
        )
    view = ReleaseView(directory, trusted)
    findings = [finding for rule in RULES for finding in _apply(rule, view)]
    release = view.manifest.version if view.manifest else directory.name
    return Verification(release=release, findings=tuple(findings))


def _apply(rule: Rule, view: ReleaseView) -> list[Finding]:
    """A rule's findings; an outcome that rests on nothing is one."""
    outcome = rule.check(view)
    faults = list(outcome.faults)
    if not outcome.examined and not faults:
        faults.append(Fault(subject=view.directory.name, message=f"nothing to examine: {rule.reason}"))
    return [
        Finding(rule=rule.id, severity=fault.severity, subject=fault.subject, message=fault.message)
        for fault in faults
    ]
