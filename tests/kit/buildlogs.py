"""One message in a log: which rule finds it, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence

from altai_build.tools.buildlog.causes import RULES
from altai_build.tools.buildlog.rule import Rank, Rule, find_rules


def check_message(tool: str | None, rank: Rank, text: str, *, rules: Sequence[Rule] = RULES) -> None:
    """The first line of a text is a message of this tool and rank, and nothing around it is in the way."""
    lines = ["make[1]: Entering directory '/x'", *text.split("\n"), "done"]
    found = find_rules(lines, rules)
    assert 1 in found, f"no rule finds {lines[1]!r}"
    assert (found[1].tool if tool else None, found[1].rank) == (tool, rank), found[1]
