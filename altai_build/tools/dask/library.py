"""Whether Dask's library is installed: only builds on other machines need it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from altai_build.errors import MissingToolError

# What the extra `dask` in setup.cfg brings.
LIBRARIES = ("distributed", "msgspec")


def require_dask() -> Path:
    """The folder with Dask's library and those that it needs. Raises MissingToolError where they are not installed."""
    found = {name: importlib.util.find_spec(name) for name in LIBRARIES}
    missing = [name for name, spec in found.items() if spec is None or spec.origin is None]
    if missing:
        raise MissingToolError(
            f"Python libraries are not installed: {', '.join(missing)}",
            why="--executor dask and `altai-build worker` need them; nothing else does",
            todo="install altai-build from its wheel with the extra `dask` (docs/install.md), or run scripts/setup",
        )
    spec = found["distributed"]
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parents[1]
