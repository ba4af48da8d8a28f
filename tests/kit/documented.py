"""Commands and programs of the documentation, with the names of a test instead of those for readers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.kit.cli import ROOT


def read_block(page: str, language: str, words: str, names: Mapping[str, str]) -> str:
    """The one block of a page in docs/ that has these words; each of `names` is in it, and is replaced.

    Raises ValueError where that is not so.
    """
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    found = [block for block in blocks if words in block]
    if len(found) != 1:
        raise ValueError(f"docs/{page} has {len(found)} blocks in {language} with {words!r}")
    block: str = found[0]
    for name, value in names.items():
        if name not in block:
            raise ValueError(f"docs/{page} does not have {name!r} where it has {words!r}")
        block = block.replace(name, value)
    return block
