"""Verify a release from its folder alone, as the clients that will install from it see it.

A rule is a function from the release to what it examined and found. A rule that examined nothing has proved nothing,
and that is a finding too. To add a rule: write the function in altai_build/rules, and name it in RULES with its reason
and its cure.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.audit import WAIVERS, Finding, Severity, Verification, waive
from altai_build.model.chain import DEEP
from altai_build.rules import clients, closure, files, history, metadata, packages, provenance
from altai_build.rules.view import About, Fault, ReleaseView, Rule, Surroundings

NOTHING_ELSE = Surroundings()  # what somebody knows who has nothing but the release

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
        about=About.BOTH,
    ),
    Rule(
        id="checksums",
        reason="SHA256SUMS lets anyone prove a copy whole",
        cure="restore the named files from another copy of the release",
        check=metadata.check_checksums,
        about=About.SEAL,
    ),
    Rule(
        id="plain-files",
        reason="a link would lead a web server or a mirror out of the release",
        cure="publish the release again under the next version",
        check=metadata.check_plain_files,
        about=About.BOTH,
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
        id="repo-file",
        reason="it is what clients are configured with",
        cure="publish the release again under the next version",
        check=metadata.check_repo_file,
    ),
    Rule(
        id="readable",
        reason="a package, key or index of a newer kind than the target's programs cannot be used there",
        cure="mend the macros of the target's mock configuration, or the kind of the key, and release again",
        check=clients.check_readable,
    ),
    Rule(
        id="key-expiry",
        reason="clients refuse new signatures of an expired key, and a new key has to reach them before that",
        cure="extend the key, or introduce its successor with the next release",
        check=clients.check_key_expiry,
    ),
    Rule(
        id="stray-files",
        reason="what nobody put there on purpose may be what an attacker put there",
        cure="find out where the file comes from; restore the release from another copy",
        check=files.check_stray_files,
        about=About.BOTH,
    ),
    Rule(
        id="source-packages",
        reason="the sources of everything built here are published with it",
        cure="put both into the release, or leave both out, and release again",
        check=history.check_source_packages,
    ),
    Rule(
        id="same-bytes",
        reason="the same NEVRA never names other bytes: caches, mirrors and installed machines rely on it",
        cure="take the file of the earlier release, or give the new one another version or release number",
        check=history.check_same_bytes,
    ),
    Rule(
        id="closure",
        reason="a package whose requirements nobody meets cannot be installed, and stops the update of others",
        cure="add what is missing (specs/, a mirror, `deps lock`), or mend the requirement",
        check=closure.check_closure,
    ),
    Rule(
        id="file-conflicts",
        reason="rpm refuses to install two packages that bring different files of one name",
        cure="move one of the files, or say Conflicts: or Obsoletes: where the packages exclude one another",
        check=files.check_file_conflicts,
    ),
    Rule(
        id="permissions",
        reason="what may become root, or be changed by everybody, is seen by somebody before it is installed",
        cure="look at the named file; a waiver (repos.yaml) says that it is wanted",
        check=files.check_permissions,
    ),
    Rule(
        id="provenance",
        reason="whoever does not trust this tool reads from it what each package was built from",
        cure="restore the provenance folder from another copy of the release",
        check=provenance.check_provenance,
    ),
)


def verify_release(
    directory: Path,
    *,
    trusted: Sequence[tuple[str, Path]] = (),
    around: Surroundings = NOTHING_ELSE,
) -> Verification:
    """Every finding about the release in `directory`.

    `trusted` are (name, file) of the keys that the configuration names: without them the release is only shown to
    agree with the keys it brings along. `around` is what else is known: the system it is for, earlier releases,
    waivers. Raises InputError when there is no such folder.
    """
    if not directory.is_dir():
        raise InputError(
            f"there is no release in {directory}",
            why="it is not a folder",
            todo="`altai-build releases` lists what is published",
        )
    return _answer(ReleaseView(directory, trusted, around), RULES)


@dataclass(frozen=True)
class Unsealed:
    """A release that lacks its page and its seal, and what was found of it."""

    view: ReleaseView
    verification: Verification


def verify_unsealed(
    directory: Path, *, trusted: Sequence[tuple[str, Path]] = (), around: Surroundings = NOTHING_ELSE
) -> Unsealed:
    """`verify_release` of a staged release but for its seal, which is put on last, over a page with the findings."""
    view = ReleaseView(directory, trusted, around, sealed=False)
    rules = [rule for rule in RULES if rule.about is not About.SEAL]
    return Unsealed(view=view, verification=_answer(view, rules))


def verify_sealed(before: Unsealed) -> Verification:
    """What `verify_release` finds of the release that was verified before, now that it has its page and its seal.

    Where no file changed since, what was found of the content holds, and only what came is looked at.
    """
    view = before.view.sealed_now()
    if view is None:
        return verify_release(before.view.directory, trusted=before.view.trusted, around=before.view.around)
    found = _answer(view, [rule for rule in RULES if rule.about is not About.CONTENT])
    findings = dict.fromkeys((*before.verification.findings, *found.findings))
    return Verification(release=found.release, findings=tuple(findings))


def _answer(view: ReleaseView, rules: Sequence[Rule]) -> Verification:
    """The findings of some rules, those waived that a waiver covers."""
    around = view.around
    findings = [finding for rule in rules for finding in _apply(rule, view)]
    findings += _misspelt(around)
    return Verification(release=view.title, findings=waive(findings, around.waivers, around.today))


def _misspelt(around: Surroundings) -> list[Finding]:
    """Waivers that nearly name a rule: they waive nothing, and their writer should know why.

    A name that is like none of these is another check's (upgrade-check has rules of its own).
    """
    known = sorted({rule.id for rule in RULES} | {DEEP})
    found = []
    for one in around.waivers:
        near = difflib.get_close_matches(one.rule, known, n=1, cutoff=0.75)
        if near and one.rule not in known:
            message = f"there is no rule {one.rule!r}; perhaps you meant {near[0]!r}"
            subject = f"{one.rule}: {one.subject}"
            found.append(Finding(rule=WAIVERS, severity=Severity.WARNING, subject=subject, message=message))
    return found


def _apply(rule: Rule, view: ReleaseView) -> list[Finding]:
    """A rule's findings; an outcome that rests on nothing is one."""
    outcome = rule.check(view)
    faults = list(outcome.faults)
    if not outcome.examined and not faults:
        faults.append(Fault(subject=view.title, message=f"nothing to examine: {rule.reason}"))
    return [
        Finding(rule=rule.id, severity=fault.severity, subject=fault.subject, message=fault.message)
        for fault in faults
    ]
