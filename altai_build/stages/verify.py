"""Verify a release from its folder alone, as a client sees it.

The rules are in altai_build/rules; registry.py lists them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.findings import WAIVERS_RULE, Finding, Severity, VerificationReport, Waiver, waive
from altai_build.model.rule_catalog import RULE_DESCRIPTIONS
from altai_build.model.suggestion import suggest
from altai_build.rules.registry import RULES
from altai_build.rules.rule import Rule, RuleScope
from altai_build.rules.view import ReleaseView, VerifyContext

EMPTY_CONTEXT = VerifyContext()  # nothing is known but the release


def verify_release(
    directory: Path,
    *,
    trusted_keys: Sequence[tuple[str, Path]] = (),
    context: VerifyContext = EMPTY_CONTEXT,
) -> VerificationReport:
    """All findings about the release in `directory`.

    `trusted_keys` are (name, file) of the keys in the configuration; without them the release is only checked against
    the keys that it contains. `context` is what else is known: the target, earlier releases, waivers. Raises
    InputError when there is no such folder.
    """
    if not directory.is_dir():
        raise InputError(
            f"there is no release in {directory}",
            why="it is not a folder",
            todo="`altai-build releases` lists the published releases",
        )
    return verify_view(ReleaseView(directory, trusted_keys, context))


def verify_view(view: ReleaseView) -> VerificationReport:
    """All findings about a release."""
    return _apply_rules(view, RULES)


@dataclass(frozen=True)
class StagedVerification:
    """A staged release without report and checksums, and the findings about it."""

    view: ReleaseView
    verification: VerificationReport


def verify_before_checksums(
    directory: Path, *, trusted_keys: Sequence[tuple[str, Path]] = (), context: VerifyContext = EMPTY_CONTEXT
) -> StagedVerification:
    """Verify a staged release that has no checksums yet: they cover the report, which shows these findings."""
    view = ReleaseView(directory, trusted_keys, context, is_signed=False)
    rules = [rule for rule in RULES if rule.scope is not RuleScope.SIGNATURES]
    return StagedVerification(view=view, verification=_apply_rules(view, rules))


def verify_checksums(staged: StagedVerification) -> VerificationReport:
    """All findings about a staged release that now has its report and checksums.

    If the files are the same as before, only the new ones are read; else the whole release is verified again.
    """
    view = staged.view.get_signed_view()
    if view is None:
        before = staged.view
        return verify_release(before.directory, trusted_keys=before.trusted_keys, context=before.context)
    report = _apply_rules(view, [rule for rule in RULES if rule.scope is not RuleScope.CONTENT])
    findings = dict.fromkeys((*staged.verification.findings, *report.findings))
    return replace(report, findings=tuple(findings))


def _apply_rules(view: ReleaseView, rules: Sequence[Rule]) -> VerificationReport:
    """The findings of some rules and those on the waivers, waived where a waiver covers them."""
    context = view.context
    findings = [finding for rule in rules for finding in rule.apply(view)]
    findings += _find_misspelled_waivers(context)
    return VerificationReport(
        release=view.version,
        findings=(*waive(findings, context.waivers, context.today), *_find_expired_waivers(context)),
        trust=view.trust,
    )


def _find_misspelled_waivers(context: VerifyContext) -> list[Finding]:
    """Waivers whose rule does not exist: they waive nothing."""
    findings = []
    for waiver in context.waivers:
        if waiver.rule not in RULE_DESCRIPTIONS:
            hint = suggest(waiver.rule, RULE_DESCRIPTIONS, cutoff=0.75) or "`altai-build rules` lists all"
            message = f"there is no rule {waiver.rule!r}; {hint}"
            findings.append(_make_waiver_finding(waiver, message, "correct the rule's name in repos.yaml"))
    return findings


def _find_expired_waivers(context: VerifyContext) -> list[Finding]:
    return [
        _make_waiver_finding(
            waiver,
            f"the waiver ({waiver.reason}) expired on {waiver.expires}",
            "fix the cause and delete the waiver, or extend it in repos.yaml",
        )
        for waiver in context.waivers
        if waiver.expires < context.today
    ]


def _make_waiver_finding(waiver: Waiver, message: str, fix: str) -> Finding:
    return Finding(
        rule=WAIVERS_RULE,
        severity=Severity.WARNING,
        subject=f"{waiver.rule}: {waiver.subject}",
        message=message,
        fix=fix,
    )
