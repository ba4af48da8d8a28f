"""The parts of repos.yaml that speak of checks: how `verify` judges, and which findings are accepted for a time."""

from __future__ import annotations

import re
from datetime import date

from altai_build.config.reader import YamlNode
from altai_build.config.schema import VerifySettings
from altai_build.model.findings import Waiver

_WAIVER = ("rule", "subject", "reason", "expires")
_RULE = re.compile(r"[a-z][a-z-]*")


def read_verify(node: YamlNode) -> VerifySettings:
    """`verify`: what of the rules can be set."""
    if node.value is None:
        return VerifySettings()
    days = node.known(("expiry_horizon_days",)).child("expiry_horizon_days")
    if days.value is None:
        return VerifySettings()
    if not isinstance(days.value, int) or isinstance(days.value, bool) or days.value < 0:
        days.fault(f"got {days.got()}; write a number of days, as in 90")
        return VerifySettings()
    return VerifySettings(expiry_horizon_days=days.value)


def read_waivers(node: YamlNode) -> tuple[Waiver, ...]:
    """`waivers`: each with its rule, its subject, a reason, and the last day on which it holds."""
    return tuple(_waiver(one) for one in node.elements())


def _waiver(node: YamlNode) -> Waiver:
    node = node.known(_WAIVER, needed=_WAIVER)
    return Waiver(
        rule=node.child("rule").text(check=_check_rule_id),
        subject=node.child("subject").text(),
        reason=node.child("reason").text(),
        expires=_read_day(node.child("expires")),
    )


def _check_rule_id(value: str) -> str | None:
    return None if _RULE.fullmatch(value) else "write the rule as `verify` prints it, as in file-conflicts"


def _read_day(node: YamlNode) -> date:
    """YAML reads a bare 2027-03-31 as a day; in quotes it is text that says the same."""
    if type(node.value) is date:  # not a datetime, which is one too
        return node.value
    try:
        return date.fromisoformat(node.value)
    except (TypeError, ValueError):
        if node.value is not None:
            node.fault(f"got {node.got()}; write a day, as in 2027-03-31")
        return date.min
