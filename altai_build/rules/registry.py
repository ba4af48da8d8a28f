"""The functions of all rules of `verify`; altai_build/model/verify_rules.py has the descriptions.

To add a rule, write one function in altai_build/rules, one description, and one entry here.
"""

from __future__ import annotations

from altai_build.model.findings import SHARED_NAMES_RULE
from altai_build.model.verify_rules import RELEASE_RULES
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
from altai_build.rules.rule import CheckFunction, Rule, RuleScope

_CHECKS: dict[str, tuple[CheckFunction, RuleScope]] = {
    "manifest": (metadata.check_manifest, RuleScope.CONTENT),
    "keys": (keys.check_keys, RuleScope.CONTENT),
    "metadata-signatures": (metadata.check_metadata_signatures, RuleScope.BOTH),
    "checksums": (metadata.check_checksums, RuleScope.SIGNATURES),
    "plain-files": (metadata.check_regular_files, RuleScope.BOTH),
    "modes": (files.check_modes, RuleScope.BOTH),
    "repodata": (metadata.check_repodata, RuleScope.CONTENT),
    "packages-listed": (packages.check_packages_listed, RuleScope.CONTENT),
    "package-signatures": (packages.check_package_signatures, RuleScope.CONTENT),
    "duplicates": (packages.check_duplicates, RuleScope.CONTENT),
    SHARED_NAMES_RULE: (packages.check_package_names, RuleScope.CONTENT),
    "repo-file": (metadata.check_repo_file, RuleScope.CONTENT),
    "readable": (readable.check_readable, RuleScope.CONTENT),
    "key-expiry": (keys.check_key_expiry, RuleScope.CONTENT),
    "stray-files": (files.check_stray_files, RuleScope.BOTH),
    "source-packages": (sources.check_source_packages, RuleScope.CONTENT),
    "same-bytes": (identity.check_unchanged_packages, RuleScope.CONTENT),
    "closure": (closure.check_closure, RuleScope.CONTENT),
    "file-conflicts": (file_conflicts.check_file_conflicts, RuleScope.CONTENT),
    "permissions": (files.check_permissions, RuleScope.CONTENT),
    "provenance": (provenance.check_provenance, RuleScope.CONTENT),
}

RULES: tuple[Rule, ...] = tuple(
    Rule(
        id=description.id,
        reason=description.reason,
        fix=description.fix,
        check=_CHECKS[description.id][0],
        scope=_CHECKS[description.id][1],
    )
    for description in RELEASE_RULES
)
