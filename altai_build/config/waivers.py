"""The `waivers` part of repos.yaml: findings accepted for a time."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from altai_build.config.yaml_reader import YamlNode
    from altai_build.model.findings import Waiver

_RULE = re.compile(r"[a-z][a-z-]*")


def read_waivers(node: YamlNode) -> tuple[Waiver, ...]:
    """Read `waivers`: each has a rule, a subject, a reason, and the last day on which it is valid."""
    return tuple(_read_waiver(entry) for entry in node.read_list())


def _read_waiver(node: YamlNode) -> Waiver:
    # Few definitions have waivers.
    from altai_build.config.release_keys import WAIVER
    from altai_build.model.findings import Waiver

    node = node.check_section(WAIVER)
    return Waiver(
        rule=node.get_child("rule").read_text(check=_check_rule_id),
        subject=node.get_child("subject").read_text(),
        reason=node.get_child("reason").read_text(),
        expires=_read_day(node.get_child("expires")),
    )


def _check_rule_id(value: str) -> str | None:
    return None if _RULE.fullmatch(value) else "write the rule as `verify` prints it, as in file-conflicts"


def _read_day(node: YamlNode) -> date:
    """YAML loads a bare 2027-03-31 as a date; in quotes it is text with the same meaning."""
    # a datetime is an instance of date too, and is refused
    if type(node.value) is date:
        return node.value
    try:
        return date.fromisoformat(node.value)
    except (TypeError, ValueError):
        if node.value is not None:
            node.add_error(f"got {node.describe_value()}; write a day, as in 2027-03-31")
        return date.min
