"""Licenses as packages write them, where they are expressions of the SPDX standard; others are text."""

from __future__ import annotations

import re
from functools import cache

from cyclonedx.spdx import fixup_id, is_expression

_OPERATORS = ("and", "or", "with")


@cache
def find_license_expression(text: str) -> str | None:
    """The license of a package as an SPDX expression; None for other text, such as `GPLv2+ and BSD`.

    Old distributions have license names of their own. Which license of the SPDX list each means is not guessed: the
    standard's libraries would take `GPL` for GPL-1.0-or-later.
    """
    words = [word for word in re.split(r"[\s()]+", text) if word]
    for word in words:
        if word.lower() not in _OPERATORS and fixup_id(word) is None:
            return None
    if not words or not is_expression(text):
        return None
    for word in {*words}:
        known = fixup_id(word) if word.lower() not in _OPERATORS else word.upper()
        text = re.sub(rf"(?<![^\s()]){re.escape(word)}(?![^\s()])", known or word, text)
    return " ".join(text.split())
