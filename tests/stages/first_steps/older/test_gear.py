"""GEAR's rules, directive by directive."""

from __future__ import annotations

import pytest

from altai_build.stages.first_steps.older.gear import read_gear
from tests.kit.written_files import older_files


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("spec: a.spec", "found"),
        ("spec: .gear/a.spec", "components.a.specs"),
        ("spec: ../a.spec", ""),
        ("spec: missing.spec", ""),
        ("tar: .", "Source0"),
        ("tar.bz2: . name=x", "Source0"),
        ("tar: v@version@:.", ""),
        ("tar: src", ""),
        ("diff: v@version@:. .", ""),
        ("copy?: *.patch", "found"),
        ("gzip: a.c", ""),
        ("tags: x", ""),
        ("what ever", ""),
    ],
)
def test_a_directive_of_a_component(line: str, target: str) -> None:
    files = {".gear/rules": f"# x\n\n{line}\n", "a.spec": "", ".gear/a.spec": ""}
    found = read_gear(older_files({}, components={"repos/a": files}))
    assert [row.target for row in found.rows] == [target] and found.files == ("repos/a/.gear/rules",)
    assert all(row.target or row.note for row in found.rows)
    assert found.components == (
        {"a": {"specs": '[".gear/a.spec"]'}} if target.startswith("components") else {}
    )


def test_the_superprojects_own_rules_and_components_that_are_not_cloned() -> None:
    root = {".gear-rules": "spec: .gear/p.spec\n", ".gear/p.spec": ""}
    found = read_gear(older_files(root, components={"repos/b": None}))
    assert [(row.setting, row.target) for row in found.rows] == [
        (".gear-rules: spec", ""),
        ("repos/b/.gear/rules", ""),
    ]
    assert "root" in found.rows[0].note and "not cloned" in found.rows[1].note


def test_endless_rules_are_cut() -> None:
    found = read_gear(older_files({".gear/rules": "tar: .\n" * 10_000}))
    assert len(found.rows) == 400
