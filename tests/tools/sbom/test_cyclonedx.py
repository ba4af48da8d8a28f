"""The CycloneDX document of a release, checked against the schema of the standard."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from altai_build.errors import InputError
from altai_build.model.release import Manifest
from altai_build.tools.sbom.cyclonedx import format_cyclonedx

URL = "https://repo.example.org/altai/1.0.2"


def make_document(manifest: Manifest, url: str = URL) -> Any:
    return json.loads(format_cyclonedx(manifest, project="altai", url=url))


def test_the_document_is_valid_and_names_every_package(released: Manifest) -> None:
    text = format_cyclonedx(released, project="altai", url=URL)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert document["metadata"]["timestamp"] == "2013-02-28T12:00:00+00:00"
    assert {part["bom-ref"]: part["hashes"][0]["content"] for part in document["components"]} == {
        package.path: package.sha256 for package in released.packages
    }
    properties = {
        part["name"]: {entry["name"]: entry["value"] for entry in part["properties"]}
        for part in document["components"]
    }
    assert properties["focus"]["altai-build:commit"] == "c" * 40
    assert properties["erlang"]["altai-build:upstream"] == "https://example.org/epel/erlang.rpm"


def test_the_document_says_which_packages_need_mirrored_ones(released: Manifest) -> None:
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in make_document(released)["dependencies"]}
    assert needs["centos6/focus-1.0-3.el6.noarch.rpm"] == ["deps/epel/erlang-14-2.el6.noarch.rpm"]
    assert set(needs["release"]) == {package.path for package in released.packages}


def test_an_invalid_document_is_refused(released: Manifest) -> None:
    broken = replace(released, packages=(replace(released.packages[0], sha256="no digest"),))
    with pytest.raises(InputError, match=r"cannot be written as CycloneDX 1\.6"):
        make_document(broken)


def test_the_validator_rejects_a_wrong_algorithm(released: Manifest) -> None:
    """Without this the tests above would pass with a validator that checks nothing."""
    document = make_document(released)
    document["components"][0]["hashes"][0]["alg"] = "CRC32"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is not None


def test_a_release_on_this_machine_has_a_valid_document(released: Manifest) -> None:
    assert "http://127.0.0.1:8000/1.0.2/" in json.dumps(
        make_document(released, "http://127.0.0.1:8000/1.0.2")
    )


def test_equal_manifests_give_equal_documents(released: Manifest) -> None:
    assert make_document(released) == make_document(replace(released))
