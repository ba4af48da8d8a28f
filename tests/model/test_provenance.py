"""SLSA statements: written in one form, and read by the rules of in-toto and SLSA."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from altai_build.model.provenance import Provenance, ResourceDescriptor, find_statement_errors

PROVENANCE = Provenance(
    package=ResourceDescriptor(name="centos6/focus-1.0-3.el6.noarch.rpm", digest=(("sha256", "a" * 64),)),
    parameters=(("component", "repos/focus"), ("target", "centos6")),
    key="build key",
    materials=(
        ResourceDescriptor(
            name="repos/focus", uri="git+https://example.org/focus.git@c", digest=(("gitCommit", "c" * 40),)
        ),
        ResourceDescriptor(name="make-3.81-23.el6.x86_64", digest=(("sha256", "b" * 64),)),
    ),
    tool_version="1.0",
    byproducts=(ResourceDescriptor(name="report/logs/focus.log.gz", digest=(("sha256", "e" * 64),)),),
)
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=3),
    lambda inner: some.lists(inner, max_size=2) | some.dictionaries(some.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


def statement() -> Any:
    return json.loads(PROVENANCE.to_json())


def test_a_statement_leaves_out_what_is_unknown_and_breaks_no_rule() -> None:
    document = statement()
    assert find_statement_errors(document) == []
    assert document["subject"] == [
        {"name": "centos6/focus-1.0-3.el6.noarch.rpm", "digest": {"sha256": "a" * 64}}
    ]
    assert document["predicate"]["runDetails"]["builder"]["version"] == {"altai-build": "1.0"}
    assert document["predicate"]["buildDefinition"]["internalParameters"] == {"buildKey": "build key"}


@pytest.mark.parametrize(
    "materials", [(), PROVENANCE.materials, (*PROVENANCE.materials, ResourceDescriptor())]
)
def test_the_text_of_a_statement_is_sorted_and_indented(materials: tuple[ResourceDescriptor, ...]) -> None:
    """Statements that earlier versions signed have this form: another one would be signed again for each package."""
    provenance = replace(PROVENANCE, materials=materials)
    document = json.loads(provenance.to_json())
    listed = document["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert listed == [material.to_json() for material in materials]
    assert provenance.to_json() == json.dumps(document, indent=2, sort_keys=True) + "\n"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "_type is not https://in-toto.io/Statement/v1"),
        ({"predicateType": "x"}, "predicateType is not https://slsa.dev/provenance/v1"),
        ({"subject": "focus"}, "subject is not a list"),
        ({"subject": []}, "subject is empty"),
        ({"subject": [{"name": "x"}]}, "subject[0] has no digest"),
        (
            {"subject": [{"digest": {"sha256": "abc"}}]},
            "subject[0].digest has a wrong value for sha256: 'abc'",
        ),
        ({"subject": [{"digest": {"gitCommit": 7}}]}, "subject[0].digest has a wrong value for gitCommit: 7"),
        ({"predicate": None}, "predicate is not an object"),
        ({"predicate": {}}, "predicate.buildDefinition is not an object"),
        ({"predicate": {}}, "predicate.runDetails is not an object"),
        (
            {"predicate": {"buildDefinition": {"buildType": "rpm"}}},
            "predicate.buildDefinition.buildType is not a URI",
        ),
        (
            {"predicate": {"buildDefinition": {"externalParameters": {}}}},
            "predicate.buildDefinition.externalParameters is empty",
        ),
        (
            {"predicate": {"buildDefinition": {"resolvedDependencies": [{"name": "x"}]}}},
            "predicate.buildDefinition.resolvedDependencies[0] has neither uri nor digest nor content",
        ),
        (
            {"predicate": {"buildDefinition": {"internalParameters": ["key"]}}},
            "predicate.buildDefinition.internalParameters is not an object",
        ),
        ({"predicate": {"runDetails": {}}}, "predicate.runDetails.builder is not an object"),
        ({"predicate": {"runDetails": {"builder": {}}}}, "predicate.runDetails.builder.id is not a URI"),
        (
            {"predicate": {"runDetails": {"metadata": {"startedOn": "now"}}}},
            "predicate.runDetails.metadata.startedOn is not a time in UTC",
        ),
        (
            {"predicate": {"runDetails": {"metadata": 7}}},
            "predicate.runDetails.metadata is not an object",
        ),
        (
            {"predicate": {"runDetails": {"byproducts": 7}}},
            "predicate.runDetails.byproducts is not a list",
        ),
    ],
)
def test_each_rule_that_a_statement_breaks_is_named_with_its_place(
    change: dict[str, Any], error: str
) -> None:
    assert error in find_statement_errors({**statement(), **change})


def _list_places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [place, *(below for key, child in children for below in _list_places(child, (*place, key)))]


@given(some.sampled_from(_list_places(statement())), JSON)
def test_any_value_anywhere_is_checked_without_a_crash(place: tuple[Any, ...], value: Any) -> None:
    document: Any = {"": statement()}
    parent = document
    for key in ("", *place)[:-1]:
        parent = parent[key]
    parent[("", *place)[-1]] = value
    for error in find_statement_errors(document[""]):
        assert error.partition(" ")[0]
