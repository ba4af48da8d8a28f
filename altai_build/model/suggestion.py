"""What a mistyped name may mean: the one wording of it."""

from __future__ import annotations

from collections.abc import Iterable

_MOST = 2  # names that are suggested


def find_similar(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> list[str]:
    """The known names that are most similar to one, the best first; `cutoff` as for difflib."""
    # Only a wrong name needs it.
    import difflib

    return difflib.get_close_matches(name, sorted(known), n=_MOST, cutoff=cutoff)


def suggest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """`did you mean NAME?`; "" where no known name is similar."""
    similar = find_similar(name, known, cutoff=cutoff)
    return f"did you mean {' or '.join(similar)}?" if similar else ""


def suggest_each(names: Iterable[str], known: Iterable[str]) -> str:
    """A line with a suggestion for each of some names that has one."""
    table = list(known)
    hints = ((name, suggest(name, table)) for name in names)
    return "\n".join(f"{name}: {hint}" for name, hint in hints if hint)
