"""The CycloneDX document of a release, checked against the schema of the standard."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from altai_build.errors import InputError
from altai_build.model.bill_of_materials import BillOfMaterials
from altai_build.tools.sbom import cyclonedx
from altai_build.tools.sbom.parts import DocumentParts


def format_cyclonedx(bill: BillOfMaterials) -> str:
    return cyclonedx.format_cyclonedx(bill, DocumentParts(Path("none")))


def make_document(bill: BillOfMaterials) -> Any:
    return json.loads(format_cyclonedx(bill))


def test_the_document_is_valid_and_names_every_package(bill: BillOfMaterials) -> None:
    text = format_cyclonedx(bill)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert document["metadata"]["timestamp"] == "2013-02-28T12:00:00+00:00"
    assert {part["bom-ref"]: part["hashes"][0]["content"] for part in document["components"]} == {
        package.path: package.sha256 for package in bill.manifest.packages
    }
    properties = {
        part["name"]: {entry["name"]: entry["value"] for entry in part["properties"]}
        for part in document["components"]
    }
    assert properties["focus"]["altai-build:commit"] == "c" * 40
    assert properties["erlang"]["altai-build:upstream"] == "https://example.org/epel/erlang.rpm"


def test_the_document_says_who_made_it_when_with_what_and_in_which_phase(bill: BillOfMaterials) -> None:
    metadata = make_document(bill)["metadata"]
    assert metadata["authors"] == [{"name": "altai"}]
    assert metadata["supplier"] == metadata["component"]["supplier"] == {"name": "altai"}
    assert metadata["lifecycles"] == [{"phase": "post-build"}]
    assert [tool["name"] for tool in metadata["tools"]["components"]] == ["altai-build"]


def test_each_package_has_its_license_and_supplier_and_what_is_unknown_is_said(bill: BillOfMaterials) -> None:
    components = {one["bom-ref"]: one for one in make_document(bill)["components"]}
    focus = components["centos6/focus-1.0-3.el6.noarch.rpm"]
    assert focus["licenses"] == [{"license": {"name": "GPLv2+ and BSD"}}]
    assert focus["supplier"] == {"name": "altai"}
    assert focus["description"] == "A dashboard"
    assert {(one["type"], one["url"]) for one in focus["externalReferences"]} == {
        ("distribution", "https://repo.example.org/altai/1.0.2/centos6/focus-1.0-3.el6.noarch.rpm"),
        ("website", "https://example.org/focus"),
        ("vcs", "https://example.org/repos/altai/focus.git"),
    }
    bunch = components["deps/misc/bunch-1.0.1-1.el6.noarch.rpm"]
    assert bunch["licenses"] == [{"expression": "MIT AND Apache-2.0"}]
    source = components["deps/misc-srpms/bunch-1.0.1-1.el6.src.rpm"]
    assert source["licenses"] == [{"license": {"id": "MIT"}}]
    erlang = components["deps/epel/erlang-14-2.el6.noarch.rpm"]
    assert "licenses" not in erlang and "supplier" not in erlang
    unknown = {
        path: [entry["value"] for entry in one["properties"] if entry["name"] == "altai-build:unknown"]
        for path, one in components.items()
    }
    assert {path: values for path, values in unknown.items() if values} == {
        "deps/epel/erlang-14-2.el6.noarch.rpm": ["license, supplier"]
    }


def test_the_document_says_which_packages_need_which_and_where_it_does_not_know_all(
    bill: BillOfMaterials,
) -> None:
    document = make_document(bill)
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
    focus, erlang = "centos6/focus-1.0-3.el6.noarch.rpm", "deps/epel/erlang-14-2.el6.noarch.rpm"
    bunch = "deps/misc/bunch-1.0.1-1.el6.noarch.rpm"
    assert needs[focus] == [erlang, bunch]
    assert (needs[erlang], needs[bunch]) == ([], [])
    assert set(needs["release"]) == {package.path for package in bill.manifest.packages}
    assert document["compositions"] == [
        {"aggregate": "complete", "assemblies": ["release"], "dependencies": ["release"]},
        {"aggregate": "complete", "dependencies": [erlang, bunch]},
        {"aggregate": "incomplete", "dependencies": [focus]},
        {"aggregate": "unknown", "dependencies": ["deps/misc-srpms/bunch-1.0.1-1.el6.src.rpm"]},
    ]


def test_an_invalid_document_is_refused(bill: BillOfMaterials) -> None:
    packages = bill.manifest.packages
    broken = replace(bill.manifest, packages=(replace(packages[0], sha256="no digest"), *packages[1:]))
    with pytest.raises(InputError, match=r"cannot be written as CycloneDX 1\.6"):
        make_document(replace(bill, manifest=broken))


def test_the_validator_rejects_a_wrong_algorithm(bill: BillOfMaterials) -> None:
    """Without this the tests above would pass with a validator that checks nothing."""
    document = make_document(bill)
    document["components"][0]["hashes"][0]["alg"] = "CRC32"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is not None


def test_a_release_on_this_machine_has_a_valid_document(bill: BillOfMaterials) -> None:
    document = make_document(replace(bill, url="http://127.0.0.1:8000/1.0.2"))
    assert "http://127.0.0.1:8000/1.0.2/" in json.dumps(document)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/100%", "https://example.org/100%25"),
        ("https://example.org/%zz", "https://example.org/%25zz"),
        ("https://example.org/#a#b", "https://example.org/%23a%23b"),
        ("HTTP://EXAMPLE.ORG/a b", "HTTP://EXAMPLE.ORG/a%20b"),
        ("https://example.org/%20", "https://example.org/%20"),
    ],
)
def test_a_home_page_that_is_no_valid_url_is_encoded(bill: BillOfMaterials, url: str, expected: str) -> None:
    focus = "centos6/focus-1.0-3.el6.noarch.rpm"
    descriptions = {**bill.descriptions, focus: replace(bill.descriptions[focus], url=url)}
    document = make_document(replace(bill, descriptions=descriptions))
    (component,) = (one for one in document["components"] if one["name"] == "focus")
    references = {one["type"]: one["url"] for one in component["externalReferences"]}
    assert references["website"] == expected


def test_equal_manifests_give_equal_documents(bill: BillOfMaterials) -> None:
    assert make_document(bill) == make_document(replace(bill))


def test_the_document_is_the_one_that_the_library_writes(bill: BillOfMaterials) -> None:
    """But for the order of its components, which is that of the manifest."""
    whole = cyclonedx._make_document(bill, JsonStrictValidator(SchemaVersion.V1_6))
    order = [package.path for package in bill.manifest.packages]
    whole["components"].sort(key=lambda part: order.index(part["bom-ref"]))
    assert format_cyclonedx(bill) == json.dumps(whole, indent=2, sort_keys=True) + "\n"
