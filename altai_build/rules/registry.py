"""Every rule of `verify`, with its reason and its fix.

A new rule is one function in altai_build/rules and one entry here.
"""

from __future__ import annotations

from altai_build.rules import (
    closure,
    files,
    identity,
    keys,
    metadata,
    packages,
    provenance,
    readable,
    sources,
)
from altai_build.rules.rule import Rule, RuleScope

RULES: tuple[Rule, ...] = (
    Rule(
        id="manifest",
        reason="release.json says what the release is and where each package came from",
        fix="publish the release again under the next version",
        check=metadata.check_manifest,
    ),
    Rule(
        id="keys",
        reason="clients import the keys that the release brings along",
        fix="compare the RPM-GPG-KEY files with those under `keys` in repos.yaml",
        check=keys.check_keys,
    ),
    Rule(
        id="metadata-signatures",
        reason="the manifest, the checksums and the metadata are only as good as their signatures",
        fix="restore the file from another copy of the release",
        check=metadata.check_metadata_signatures,
        scope=RuleScope.BOTH,
    ),
    Rule(
        id="checksums",
        reason="SHA256SUMS lets anyone prove a copy whole",
        fix="restore the named files from another copy of the release",
        check=metadata.check_checksums,
        scope=RuleScope.SIGNATURES,
    ),
    Rule(
        id="plain-files",
        reason="a link would lead a web server or a mirror out of the release",
        fix="publish the release again under the next version",
        check=metadata.check_regular_files,
        scope=RuleScope.BOTH,
    ),
    Rule(
        id="repodata",
        reason="yum and dnf see what the metadata says and nothing else",
        fix="restore the repodata folder from another copy of the release",
        check=metadata.check_repodata,
    ),
    Rule(
        id="packages-listed",
        reason="a package that is not listed cannot be installed, and one that is not there breaks the transaction",
        fix="restore the named files from another copy of the release",
        check=packages.check_packages_listed,
    ),
    Rule(
        id="package-signatures",
        reason="a client installs only what the repository's own key signed",
        fix="sign the package with the declared key, or take it from where that key signed it, and release again",
        check=packages.check_package_signatures,
    ),
    Rule(
        id="duplicates",
        reason="the same NEVRA must never name two files",
        fix="leave one of them out and release again",
        check=packages.check_duplicates,
    ),
    Rule(
        id="repo-file",
        reason="it is what clients are configured with",
        fix="publish the release again under the next version",
        check=metadata.check_repo_file,
    ),
    Rule(
        id="readable",
        reason="a package, key or index of a newer kind than the target's programs cannot be used there",
        fix="mend the macros of the target's mock configuration, or the kind of the key, and release again",
        check=readable.check_readable,
    ),
    Rule(
        id="key-expiry",
        reason="clients refuse new signatures of an expired key, and a new key has to reach them before that",
        fix="extend the key, or introduce its successor with the next release",
        check=keys.check_key_expiry,
    ),
    Rule(
        id="stray-files",
        reason="what nobody put there on purpose may be what an attacker put there",
        fix="find out where the file comes from; restore the release from another copy",
        check=files.check_stray_files,
        scope=RuleScope.BOTH,
    ),
    Rule(
        id="source-packages",
        reason="the sources of everything built here are published with it",
        fix="put both into the release, or leave both out, and release again",
        check=sources.check_source_packages,
    ),
    Rule(
        id="same-bytes",
        reason="the same NEVRA never names other bytes: caches, mirrors and installed machines rely on it",
        fix="take the file of the earlier release, or give the new one another version or release number",
        check=identity.check_unchanged_packages,
    ),
    Rule(
        id="closure",
        reason="a package whose requirements nobody meets cannot be installed, and stops the update of others",
        fix="add what is missing (specs/, a mirror, `deps lock`), or mend the requirement",
        check=closure.check_closure,
    ),
    Rule(
        id="file-conflicts",
        reason="rpm refuses to install two packages that bring different files of one name",
        fix="move one of the files, or say Conflicts: or Obsoletes: where the packages exclude one another",
        check=files.check_file_conflicts,
    ),
    Rule(
        id="permissions",
        reason="what may become root, or be changed by everybody, is seen by somebody before it is installed",
        fix="look at the named file; a waiver (repos.yaml) says that it is wanted",
        check=files.check_permissions,
    ),
    Rule(
        id="provenance",
        reason="whoever does not trust this tool reads from it what each package was built from",
        fix="restore the provenance folder from another copy of the release",
        check=provenance.check_provenance,
    ),
)
