"""Rules on what the clients of the target can read, and on keys that will not serve them for long."""

from __future__ import annotations

from altai_build.model.compat import Compat, get_unreadable_reasons, get_unsupported_key_reason
from altai_build.rules.keys import release_keys
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.repo.repodata import REPOMD

_METADATA = ("primary", "filelists", "other", "group")
_EL6_METADATA = (".xml", ".gz", ".bz2", ".xz")  # yum on el6


def check_readable(rule: Rule, view: ReleaseView) -> RuleResult:
    """Packages, keys and metadata are of kinds that the target's own programs know."""
    compat = view.context.compat
    faults = [
        rule.finding(subject, reason)
        for subject, header in view.headers.items()
        for reason in get_unreadable_reasons(compat, header)
    ]
    for name, keys in release_keys(view).items():
        faults += [
            rule.finding(name, reason)
            for key in keys
            if (reason := get_unsupported_key_reason(compat, key)) is not None
        ]
    if compat is Compat.EL6:
        faults += [
            rule.finding(
                f"{name}/{REPOMD}", f"{file.location} is of a compression that yum of EL6 does not know"
            )
            for name, found in view.repodata.items()
            if not isinstance(found, str)
            for file in found.files
            if file.kind in _METADATA and not file.location.endswith(_EL6_METADATA)
        ]
    return RuleResult(len(view.headers), faults)
