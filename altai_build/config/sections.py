"""One part of repos.yaml for shell completion: names as they stand there, unchecked, many times quicker than all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from altai_build.config.yaml_reader import load_yaml, parse_yaml, read_limited
from altai_build.errors import InputError


def read_section(path: Path, name: str) -> Mapping[str, Any]:
    """The entries of a mapping at the top of the file, unchecked; none where there is no such mapping.

    Raises InputError for a file that cannot be read or is no YAML.
    """
    text = _cut_out(read_limited(path), name.encode())
    try:
        tree = parse_yaml(text, str(path)) if text is not None else load_yaml(path)
    except InputError:
        # An alias of another part, or a layout that only the whole file shows.
        tree = load_yaml(path)
    section = tree.get(name) if isinstance(tree, dict) else None
    return {str(key): value for key, value in section.items()} if isinstance(section, dict) else {}


def _cut_out(data: bytes, name: bytes) -> bytes | None:
    """The lines of a key at the left margin; None where it is not there exactly once."""
    starts = list(re.finditer(rb"^" + re.escape(name) + rb":", data, re.MULTILINE))
    if len(starts) != 1:
        return None
    # Comments and the items of a list may stand at the margin too.
    end = re.compile(rb"^[^\s#-]", re.MULTILINE).search(data, starts[0].end())
    return data[starts[0].start() : end.start() if end is not None else len(data)]
