"""The JSON Schemas that come with the package."""

from __future__ import annotations

from pathlib import Path

from altai_build.regular_files import read_regular_file

_FOLDER = Path(__file__).resolve().parents[1] / "schemas"
_MAX_SIZE = 1 << 20  # bytes

# The name of the schema of release.json.
MANIFEST_SCHEMA = "manifest"


def list_schemas() -> list[str]:
    """The names of all schemas, sorted."""
    return sorted(file.stem for file in _FOLDER.glob("*.json"))


def read_schema(name: str) -> str:
    """The text of a schema of `list_schemas`."""
    return read_regular_file(_FOLDER / f"{name}.json", limit=_MAX_SIZE).decode()
