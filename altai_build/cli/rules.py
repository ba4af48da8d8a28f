"""`rules`: what `verify` and `upgrade-check` check, and how a finding is waived."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import Any

import click

from altai_build.cli.app import App
from altai_build.cli.options import format_option, json_option
from altai_build.cli.output import print_json, print_table
from altai_build.errors import InputError
from altai_build.model.documentation import locate_rule
from altai_build.model.rule_catalog import RULE_DESCRIPTIONS
from altai_build.model.rule_description import RuleDescription
from altai_build.model.suggestion import suggest

# Of the example of a waiver.
_USUAL_WAIVER = timedelta(days=90)


@click.command()
@click.argument("name", required=False, metavar="[RULE]")
@format_option
@json_option
@click.pass_obj
def rules(app: App, name: str | None, as_json: bool) -> None:
    """List the rules for releases, or explain one.

    The rules are those of verify and upgrade-check. RULE is the name that a finding starts with. Its explanation has
    what must be true and why, the standard or manual that it comes from, how serious its findings are, what to do
    about them, and the waiver that accepts one.

    \b
    Examples:
      altai-build rules
      altai-build rules file-conflicts
    """
    if name is not None and name not in RULE_DESCRIPTIONS:
        raise InputError(
            f"there is no rule {name}",
            why=suggest(name, RULE_DESCRIPTIONS),
            todo="`altai-build rules` lists all",
        )
    chosen = list(RULE_DESCRIPTIONS.values()) if name is None else [RULE_DESCRIPTIONS[name]]
    day = (datetime.now(timezone.utc) + _USUAL_WAIVER).date().isoformat()
    if as_json:
        print_json([_to_json(rule, day) for rule in chosen])
    elif name is None:
        print_table(
            ("rule", "command", "severity", "what it checks", "source"),
            [
                (rule.id, rule.commands[0], "/".join(rule.severities), rule.checks, rule.source)
                for rule in chosen
            ],
        )
        app.info("`altai-build rules RULE` explains one, and how its findings are waived")
    else:
        print(_explain(chosen[0], day), end="")


def _to_json(rule: RuleDescription, day: str) -> dict[str, Any]:
    return {
        **asdict(rule),
        "severities": rule.severities,
        "waiver": rule.format_waiver(day),
        "documentation": locate_rule(rule.id),
    }


def _explain(rule: RuleDescription, day: str) -> str:
    """The paragraphs about one rule."""
    others = f"; {rule.other_severities}" if rule.other_severities else ""
    rows = {
        "checks": rule.checks,
        "reason": rule.reason,
        "source": rule.source,
        "applied by": ", ".join(rule.commands),
        "severity": f"{rule.severity.value}{others}",
        "fix": rule.fix,
        "more": locate_rule(rule.id),
    }
    lines = [rule.id]
    for label, text in rows.items():
        lines += textwrap.wrap(
            text,
            width=100,
            initial_indent=f"  {label:<12}",
            subsequent_indent=" " * 14,
            break_long_words=False,
            break_on_hyphens=False,
        )
    waiver = textwrap.indent(rule.format_waiver(day), "    ")
    return "\n".join(lines) + f"\n\n  To accept such a finding until a day, add to repos.yaml:\n\n{waiver}"
