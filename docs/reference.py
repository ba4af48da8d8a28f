"""Writes the parts of the pages that come from code; a test compares them. After a change there run this file.

They stand between two comments in the pages, so that they are read without building the pages, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from altai_build.model.rule_description import RuleDescription
from altai_build.model.upgrade_rules import UPGRADE_RULES
from altai_build.model.verify_rules import OTHER_VERIFY_RULES, RELEASE_RULES

DOCS = Path(__file__).resolve().parent
_PART = re.compile(r"(<!-- from code: (\S+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def list_rules() -> Iterator[str]:
    """The page of rules."""
    for title, rules in (
        ("Rules of `verify` and `release`", RELEASE_RULES),
        ("Rules of options of `verify`, of approvals and waivers", OTHER_VERIFY_RULES),
        ("Rules of `upgrade-check`", UPGRADE_RULES),
    ):
        yield f"## {title}\n"
        for rule in rules:
            yield from _describe_rule(rule)


def _describe_rule(rule: RuleDescription) -> Iterator[str]:
    others = f"; {rule.other_severities}" if rule.other_severities else ""
    yield f"### `{rule.id}`\n"
    yield f"- **Checks:** {rule.checks}."
    yield f"- **Reason:** {rule.reason}."
    yield f"- **Severity:** {rule.severity.value}{others}."
    yield f"- **Fix:** {rule.fix}."
    yield f"- **Source:** {rule.source}."
    commands = ", ".join(f"`{command}`" for command in rule.commands)
    yield f"- **Applied by:** {commands}; subject as in `{rule.subject}`.\n"


# Page → the parts of it that come from code, by name.
PARTS: dict[str, dict[str, Callable[[], Iterator[str]]]] = {"rules.md": {"rules": list_rules}}


def fill_page(name: str) -> str:
    """The text of a page with its parts as the code has them. Raises KeyError for a part that nothing writes."""

    def fill(part: re.Match[str]) -> str:
        return part[1] + "".join(f"{line}\n" for line in PARTS[name][part[2]]()) + part[3]

    text, count = _PART.subn(fill, (DOCS / name).read_text(encoding="utf-8"))
    if count != len(PARTS[name]):
        raise KeyError(f"{name} has {count} parts from code, and not {', '.join(PARTS[name])}")
    return text


if __name__ == "__main__":
    for page in PARTS:
        (DOCS / page).write_text(fill_page(page), encoding="utf-8")
