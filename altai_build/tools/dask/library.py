"""Whether Dask's library is installed: only builds on other machines need it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from altai_build.errors import InputError, MissingToolError

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


def make_release_error(address: str, theirs: str, ours: str) -> InputError:
    """That a scheduler has a release of Dask which does not understand the one that is installed here."""
    return InputError(
        f"the scheduler {address} runs `distributed` {theirs}, and this machine {ours}",
        why="the two do not understand one another",
        todo="install the same release for the scheduler, the workers and the runs: 2024.8 where Python 3.9 is",
    )
