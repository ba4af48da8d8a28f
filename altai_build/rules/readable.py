"""The rule that the clients of the target can read the packages, keys and metadata."""

from __future__ import annotations

from altai_build.model.compat import Compat, get_unreadable_reasons, get_unsupported_key_reason
from altai_build.rules.keys import read_release_keys
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.repo.repomd import REPOMD

_METADATA = ("primary", "filelists", "other", "group")
_EL6_METADATA = (".xml", ".gz", ".bz2", ".xz")  # yum on el6


def check_readable(rule: Rule, view: ReleaseView) -> RuleResult:
    """The target's rpm and yum know the formats of packages, keys and metadata."""
    compat = view.context.compat
    findings = [
        rule.finding(subject, reason)
        for subject, header in view.headers.items()
        for reason in get_unreadable_reasons(compat, header)
    ]
    for name, keys in read_release_keys(view).items():
        findings += [
            rule.finding(name, reason)
            for key in keys
            if (reason := get_unsupported_key_reason(compat, key)) is not None
        ]
    if compat is Compat.EL6:
        read = {f"{name}/{REPOMD}": repodata for name, repodata in view.repodata.items()}
        findings += [
            rule.finding(subject, f"yum of EL6 cannot read the compression of {file.location}")
            for subject, repodata in (*read.items(), (REPOMD, view.index or ""))
            if not isinstance(repodata, str)
            for file in repodata.files
            if file.kind in _METADATA and not file.location.endswith(_EL6_METADATA)
        ]
    return RuleResult(len(view.headers), findings)
