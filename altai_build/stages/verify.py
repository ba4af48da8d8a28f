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
from altai_build.model.findings import WAIVERS_RULE, Finding, Severity, VerificationReport, Waiver, waive
from altai_build.model.trace import TRACE_RULE
from altai_build.rules.registry import RULES
from altai_build.rules.rule import Rule, RuleScope
from altai_build.rules.view import ReleaseView, VerifyContext

EMPTY_CONTEXT = VerifyContext()  # what somebody knows who has nothing but the release


def verify_release(
    directory: Path,
    *,
    trusted_keys: Sequence[tuple[str, Path]] = (),
    context: VerifyContext = EMPTY_CONTEXT,
) -> VerificationReport:
    """Every finding about the release in `directory`.

    `trusted_keys` are (name, file) of the keys that the configuration names: without them the release is only shown to
    agree with the keys it brings along. `context` is what else is known: the system it is for, earlier releases,
    waivers. Raises InputError when there is no such folder.
    """
    if not directory.is_dir():
        raise InputError(
            f"there is no release in {directory}",
            why="it is not a folder",
            todo="`altai-build releases` lists what is published",
        )
    return _apply_rules(ReleaseView(directory, trusted_keys, context), RULES)


@dataclass(frozen=True)
class StagedVerification:
    """A release that lacks its page and its seal, and what was found of it."""

    view: ReleaseView
    verification: VerificationReport


def verify_before_checksums(
    directory: Path, *, trusted_keys: Sequence[tuple[str, Path]] = (), context: VerifyContext = EMPTY_CONTEXT
) -> StagedVerification:
    """`verify_release` of a staged release but for its seal, which is put on last, over a page with the findings."""
    view = ReleaseView(directory, trusted_keys, context, is_signed=False)
    rules = [rule for rule in RULES if rule.rule_scope is not RuleScope.SIGNATURES]
    return StagedVerification(view=view, verification=_apply_rules(view, rules))


def verify_checksums(before: StagedVerification) -> VerificationReport:
    """What `verify_release` finds of the release that was verified before, now that it has its page and its seal.

    Where no file changed since, what was found of the content holds, and only what came is looked at.
    """
    view = before.view.get_signed_view()
    if view is None:
        return verify_release(
            before.view.directory, trusted_keys=before.view.trusted_keys, context=before.view.context
        )
    found = _apply_rules(view, [rule for rule in RULES if rule.rule_scope is not RuleScope.CONTENT])
    findings = dict.fromkeys((*before.verification.findings, *found.findings))
    return VerificationReport(release=found.release, findings=tuple(findings))


def _apply_rules(view: ReleaseView, rules: Sequence[Rule]) -> VerificationReport:
    """The findings of some rules and those on the waivers, waived where a waiver covers them."""
    context = view.context
    findings = [finding for rule in rules for finding in rule.apply(view)]
    findings += _find_misspelled_waivers(context)
    return VerificationReport(
        release=view.version,
        findings=(*waive(findings, context.waivers, context.today), *_find_expired_waivers(context)),
    )


def _find_misspelled_waivers(context: VerifyContext) -> list[Finding]:
    """Waivers whose rule does not exist but is close to one that does: they waive nothing.

    A name that is close to none may be a rule of another check (upgrade-check has its own).
    """
    known = sorted({rule.id for rule in RULES} | {TRACE_RULE})
    findings = []
    for waiver in context.waivers:
        near = difflib.get_close_matches(waiver.rule, known, n=1, cutoff=0.75)
        if near and waiver.rule not in known:
            message = f"there is no rule {waiver.rule!r}; perhaps you meant {near[0]!r}"
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
