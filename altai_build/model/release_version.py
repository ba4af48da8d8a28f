"""Versions of releases, as a person means them and as rpm orders them.

rpm takes `2.0-rc1` for newer than `2.0`, because it has one part more, and `2.0` for older than `2.0.0-rc1`. A person
means a candidate for 2.0, and one version by 2.0 and 2.0.0. `to_rpm_version` writes what is meant with rpm's own marks:
a part after `~` makes the version older, a part after `^` makes it newer (rpm-version(7)).
"""

from __future__ import annotations

import re

MAX_VERSION_LENGTH = 100
# Tags are often written with a `v`. After it: a number first, then parts with one separator before each. There is one
# way only to match a text: with several, a long text that is no version takes for ever.
_VERSION = re.compile(r"[vV]?([0-9][0-9A-Za-z]*(?:[-._~+^][0-9A-Za-z]+)*)")
_PART = re.compile(r"([-._~+^]?)([0-9]+|[A-Za-z]+)")
_TRAILING_ZEROS = re.compile(r"(?:\.0+)+(?![.0-9])")
# A state of development is older than every numbered candidate: `~~` sorts before `~`.
_BEFORE = {
    **dict.fromkeys(("dev", "devel", "snapshot", "nightly"), "~~dev"),
    **dict.fromkeys(("alpha", "a"), "~alpha"),
    **dict.fromkeys(("beta", "b"), "~beta"),
    **dict.fromkeys(("milestone", "m"), "~milestone"),
    **dict.fromkeys(("pre", "preview"), "~pre"),
    **dict.fromkeys(("rc", "cr", "candidate"), "~rc"),
}
_AFTER = dict.fromkeys(("post", "patch", "p", "sp", "hotfix", "fix", "update", "u", "rev", "r"), "^post")
_FINAL = ("final", "ga")


class UnorderedVersion(ValueError):
    """A version of which nobody can say whether it is older or newer than others; the message says why."""


def is_version(text: str) -> bool:
    """True for a text that may be the version of a release."""
    try:
        return bool(to_rpm_version(text))
    except UnorderedVersion:
        return False


def to_rpm_version(version: str) -> str:
    """The version in the form that rpm orders as a person means it: `v2.0-RC1` is `2~rc1`, and `2.0.0` is `2`.

    Raises UnorderedVersion.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise UnorderedVersion(
            "a version begins with a digit and has letters, digits and single . - _ ~ + in it"
        )
    if len(version) > MAX_VERSION_LENGTH:
        raise UnorderedVersion(f"the version has more than {MAX_VERSION_LENGTH} characters")
    parts = list(_PART.finditer(match[1]))
    written, mark = "", ""
    for number, part in enumerate(parts):
        separator, text = part.groups()
        mark = separator if separator in ("~", "+", "^") else mark
        if text.isdigit():
            written += _write_number(
                separator, text, follows_word=number > 0 and parts[number - 1][2].isalpha()
            )
        elif mark in ("+", "^"):
            written += f"^{text.lower()}" if separator == mark else f".{text.lower()}"
        else:
            written += _write_word(part, is_last=number == len(parts) - 1, is_marked=mark == "~")
    return _TRAILING_ZEROS.sub("", written, count=1)


def _write_number(separator: str, digits: str, *, follows_word: bool) -> str:
    if separator == "~":
        return f"~{digits}"
    # 2.0-1 is the next build of 2.0, as rpm's own release number is; rc-1 and rc.1 are rc1.
    if separator in ("+", "^") or (separator == "-" and not follows_word):
        return f"^{digits}"
    return digits if follows_word or not separator else f".{digits}"


def _write_word(part: re.Match[str], *, is_last: bool, is_marked: bool) -> str:
    """The mark and word for a part of letters that no `+` or `^` precedes; `is_marked`: a `~` does."""
    separator, word = part.groups()
    lowered = word.lower()
    # The a of 1.0.1a may be an alpha or the first fix, that of 1.0.1a1 is an alpha.
    is_clear = len(word) > 1 or part.string[part.end() : part.end() + 1].isdigit()
    if is_clear and lowered in _BEFORE:
        return _BEFORE[lowered]
    if is_marked:
        return f"~{lowered}" if separator == "~" else f".{lowered}"
    if is_clear and lowered in _AFTER:
        return _AFTER[lowered]
    if is_last and lowered in _FINAL:
        return ""
    before, after = part.string[: part.start()], part.string[part.start(2) :]
    raise UnorderedVersion(
        f"it is not clear whether {word!r} means older or newer: write {before}~{after} for a version before {before}, "
        f"{before}+{after} for one after it"
    )
