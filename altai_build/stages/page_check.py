"""Whether the page of all releases shows the releases that there are: one may have been removed, or added, by hand."""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from pathlib import Path

from altai_build.model.release_files import RELEASES_PAGE
from altai_build.model.task_view import name_some
from altai_build.regular_files import read_regular_file

_LIMIT = 64 << 20  # bytes
_MOST = 5  # names that are said
# releases.html writes it; no folder's name has a slash.
_NAMES = re.compile(r'<meta name="releases" content="([^"]*)">')


def describe_outdated_page(releases: Path, names: Collection[str]) -> str:
    """What is wrong with the page in the folder of these releases; "" where it is right.

    Also where there is no page, or one of an earlier altai-build or of another program, which does not say what it has.
    """
    try:
        text = read_regular_file(releases / RELEASES_PAGE, limit=_LIMIT).decode("utf-8", "replace")
    except OSError:
        return ""
    found = _NAMES.search(text)
    if found is None:
        return ""
    shown = {name for name in html.unescape(found[1]).split("/") if name}
    gone, missing = sorted(shown - set(names)), sorted(set(names) - shown)
    parts = [f"shows {name_some(gone, most=_MOST)}, which are gone" if len(gone) > 1 else ""]
    parts += [f"shows {gone[0]}, which is gone" if len(gone) == 1 else ""]
    parts += [f"lacks {name_some(missing, most=_MOST)}" if missing else ""]
    text = " and ".join(filter(None, parts))
    return f"{RELEASES_PAGE} {text}" if text else ""
