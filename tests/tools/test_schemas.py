"""The schemas of the package, by name."""

from __future__ import annotations

import json

from altai_build.tools.schemas import MANIFEST_SCHEMA, list_schemas, read_schema


def test_each_is_json_and_says_what_it_is_of() -> None:
    names = list_schemas()
    assert MANIFEST_SCHEMA in names and names == sorted(names)
    assert all(json.loads(read_schema(name))["title"] for name in names)
