"""All rules of `verify`, each with its reason and its fix.

To add a rule, write one function in altai_build/rules and one entry here.
"""

from __future__ import annotations

from altai_build.model.findings import SHARED_NAMES_RULE
from altai_build.rules import (
    closure,
    file_conflicts,
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
        reason="release.json describes the release and the origin of every package",
        fix="publish the release again as the next version",
        check=metadata.check_manifest,
    ),
    Rule(
        id="keys",
        reason="clients import the keys in the release",
        fix="compare the RPM-GPG-KEY files with `keys` in repos.yaml",
        check=keys.check_keys,
    ),
    Rule(
        id="metadata-signatures",
        reason="clients trust the manifest, the checksums and the metadata because of their signatures",
        fix="restore the file from another copy of the release",
        check=metadata.check_metadata_signatures,
        scope=RuleScope.BOTH,
    ),
    Rule(
        id="checksums",
        reason="SHA256SUMS shows that a copy of the release is complete and unchanged",
        fix="restore the file from another copy of the release",
        check=metadata.check_checksums,
        scope=RuleScope.SIGNATURES,
    ),
    Rule(
        id="plain-files",
        reason="a link could lead a web server or a mirror out of the release",
        fix="publish the release again as the next version",
        check=metadata.check_regular_files,
        scope=RuleScope.BOTH,
    ),
    Rule(
        id="modes",
        reason="a web server serves only what it can read, and only the owner may change a release",
        fix="run `chmod -R u=rwX,go=rX` on the folder of the release",
        check=files.check_modes,
        scope=RuleScope.BOTH,
    ),
    Rule(
        id="repodata",
        reason="yum and dnf see only what the metadata lists",
        fix="restore the repodata folder from another copy of the release",
        check=metadata.check_repodata,
    ),
    Rule(
        id="packages-listed",
        reason="a package that is not listed cannot be installed; a listed package that is missing breaks transactions",
        fix="restore the file from another copy of the release",
        check=packages.check_packages_listed,
    ),
    Rule(
        id="package-signatures",
        reason="clients install only packages that the repository's own key signed",
        fix="sign the package with the declared key, or get a copy that this key signed, and release again",
        check=packages.check_package_signatures,
    ),
    Rule(
        id="duplicates",
        reason="a client that sees two files with one NEVRA takes either",
        fix="remove one of the files and release again",
        check=packages.check_duplicates,
    ),
    Rule(
        id=SHARED_NAMES_RULE,
        reason="of packages of one name, clients take that with the highest version, whichever component it is of",
        fix="give one of the packages another name, or leave one of the components out, and release again",
        check=packages.check_package_names,
    ),
    Rule(
        id="repo-file",
        reason="clients are configured with the .repo file",
        fix="publish the release again as the next version",
        check=metadata.check_repo_file,
    ),
    Rule(
        id="readable",
        reason="the target's rpm and yum must be able to read every package, key and metadata file",
        fix="change the macros in the target's mock configuration, or the type of the key, and release again",
        check=readable.check_readable,
    ),
    Rule(
        id="key-expiry",
        reason="clients refuse what an expired key signs, and need the next key before that day",
        fix="extend the key, or introduce its successor with the next release",
        check=keys.check_key_expiry,
    ),
    Rule(
        id="stray-files",
        reason="a file that is not part of the release may come from an attacker",
        fix="find out where the file comes from; restore the release from another copy",
        check=files.check_stray_files,
        scope=RuleScope.BOTH,
    ),
    Rule(
        id="source-packages",
        reason="the sources of every package built here are published with it",
        fix="publish both packages or neither, and release again",
        check=sources.check_source_packages,
    ),
    Rule(
        id="same-bytes",
        reason="a NEVRA never names other bytes: caches, mirrors and installed machines rely on it",
        fix="use the file of the earlier release, or give the new package another version or release number",
        check=identity.check_unchanged_packages,
    ),
    Rule(
        id="closure",
        reason="a package with unmet dependencies cannot be installed, and blocks the update of others",
        fix="add the missing package (specs/, a mirror, `altai-build deps lock`), or correct the requirement",
        check=closure.check_closure,
    ),
    Rule(
        id="file-conflicts",
        reason="rpm refuses to install two packages with different files at one path",
        fix="move one of the files, or declare Conflicts: or Obsoletes: if the packages exclude each other",
        check=file_conflicts.check_file_conflicts,
    ),
    Rule(
        id="permissions",
        reason="setuid, world-writable and unusually placed files need a review before they are installed",
        fix="review the file; if it is wanted, add a waiver to repos.yaml",
        check=files.check_permissions,
    ),
    Rule(
        id="provenance",
        reason="auditors read in provenance/ what each package was built from",
        fix="restore the provenance folder from another copy of the release",
        check=provenance.check_provenance,
    ),
)
