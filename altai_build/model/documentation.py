"""Places in the documentation that messages, findings and schemas name: a page of docs/ with an anchor."""

from __future__ import annotations


def locate_rule(rule: str) -> str:
    """The explanation of a rule of `verify` or `upgrade-check`."""
    return f"docs/rules.md#{rule}"


def locate_error(anchor: str | None) -> str:
    """An error text; without an anchor, how errors are read."""
    return f"docs/troubleshooting.md#{anchor or 'how-to-read-an-error'}"


def locate_check(kind: str) -> str:
    """The explanation of a kind of check of `doctor`."""
    return f"docs/troubleshooting.md#check-{kind}"
