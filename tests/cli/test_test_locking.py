"""`test --lock`: requirements from a package index become exact files, and tests use them without it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

import altai_build
from tests.kit.builders import HostSite
from tests.kit.python_index import serve_index
from tests.kit.repositories import Package
from tests.kit.unit_tests import make_tested

SCHEMA = Path(altai_build.__file__).parent / "schemas" / "test-lock.json"
SETTINGS = "components:\n  good:\n    test: {pypi: [helper<2]}\n"
USES = """\
    def test_helper(self):
        import helper, base
        self.assertEqual((helper.NAME, base.NAME), ("h1", "b1"))
"""


def test_what_is_locked_is_used_without_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = HostSite.create(tmp_path / "site", monkeypatch, base=[Package("python3", "3.6.8")])
    definition = site.world.super.path / "repos.yaml"
    definition.write_text(definition.read_text() + SETTINGS)
    site.world.component("repos/good", make_tested("good", USES))
    site.world.pin()

    with serve_index(tmp_path / "index", monkeypatch) as index:
        helper = index.add_wheel(
            "helper",
            "1.0",
            "base; python_version < '3.7'",
            "no; python_version > '3.6'",
            module="NAME = 'h1'",
        )
        index.add_wheel("helper", "2.0")
        base = index.add_wheel("base", "1.0", module="NAME = 'b1'")
        index.add_wheel("base", "2.0", tags="py2-none-any")
        answer = site.call("test", "--lock")
        assert (answer.code, answer.out) == (0, "good\tbase\t-\t1.0\ngood\thelper\t-\t1.0\n"), answer.err
        assert "test.lock.yaml: 2 files for 1 component, written; review and commit it" in answer.err
        index.add_wheel("helper", "1.1")
        result = site.call("test", "--lock", "--json").json
        jsonschema.validate(result, json.loads(SCHEMA.read_text()))
        assert (result["rewritten"], result["files"], result["changes"]) == (False, 2, [])
    lock = definition.with_name("test.lock.yaml").read_text()
    assert helper in lock and base in lock and "127.0.0.1" not in lock and "http" not in lock
    answer = site.call("test")
    assert (answer.code, answer.out.split("\t")[:3]) == (0, ["good", "passed", "1"]), answer.err
