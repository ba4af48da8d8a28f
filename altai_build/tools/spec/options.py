"""The options in a spec: popt(3) reads those of a section's or %setup's line, getopt(3) those of a macro's call."""

from __future__ import annotations

import re
import shlex

from altai_build.tools.spec.tags import split_words
from altai_build.tools.spec.undecided import OnlyRpmKnows


def read_line_options(line: str, letters: str) -> tuple[list[tuple[str, str | None]], list[str]]:
    """The options of a line, letter and value, and its other words without the first.

    `letters` as for getopt(3): a colon follows one that has a value. Raises ValueError for an unknown option, a missing
    value, or a quote that is not closed.
    """
    words = shlex.split(line)[1:] if re.search(r"[\\'\"]", line) else split_words(line)[1:]
    if "" in words:
        raise ValueError("an empty word")
    # For popt, the value in `-n=x` is `x`.
    return _read_options(words, letters, assignment="=")


def read_call_options(arguments: list[str], letters: str) -> tuple[list[tuple[str, str | None]], list[str]]:
    """The options among a macro's arguments, and its other arguments. Raises OnlyRpmKnows for a wrong option."""
    if letters == "-":
        return [], arguments
    if letters[:1] in ("+", "-"):
        raise OnlyRpmKnows(f"options of a macro: {letters}")
    try:
        return _read_options(arguments, letters)
    except ValueError as error:
        raise OnlyRpmKnows(f"the call of a macro has {error}") from error


def _read_options(
    words: list[str], letters: str, *, assignment: str = ""
) -> tuple[list[tuple[str, str | None]], list[str]]:
    options: list[tuple[str, str | None]] = []
    others: list[str] = []
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word == "--":
            return options, others + pending
        if len(word) < 2 or word[0] != "-":
            others.append(word)
            continue
        cluster = word[1:]
        while cluster:
            letter, cluster = cluster[0], cluster[1:]
            at = letters.find(letter)
            if at < 0 or letter == ":":
                raise ValueError(f"an unknown option -{letter}")
            if letters[at + 1 : at + 2] != ":":
                options.append((letter, None))
                continue
            is_optional = letters[at + 2 : at + 3] == ":"
            if not cluster and not is_optional:
                if not pending:
                    raise ValueError(f"an option -{letter} without its argument")
                options.append((letter, pending.pop(0)))
            else:
                options.append((letter, cluster.removeprefix(assignment) if cluster else None))
            cluster = ""
    return options, others
