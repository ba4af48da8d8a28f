"""The SPDX document of a release, read by the library of the SPDX project."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from spdx_tools.spdx.model.document import Document
from spdx_tools.spdx.model.relationship import RelationshipType
from spdx_tools.spdx.parser.json.json_parser import parse_from_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from altai_build.errors import InputError
from altai_build.model.bill_of_materials import BillOfMaterials
from altai_build.tools.sbom import spdx
from altai_build.tools.sbom.parts import DocumentParts

URL = "https://repo.example.org/altai/1.0.2"


def format_spdx(bill: BillOfMaterials) -> str:
    return spdx.format_spdx(bill, DocumentParts(Path("none")))


@pytest.fixture
def document(bill: BillOfMaterials, tmp_path: Path) -> Document:
    path = tmp_path / "release.spdx.json"
    path.write_text(format_spdx(bill))
    return parse_from_file(str(path))


def test_the_document_is_valid_and_names_every_package(document: Document, bill: BillOfMaterials) -> None:
    assert validate_full_spdx_document(document, "SPDX-2.3") == []
    release, *packages = document.packages
    assert (release.name, release.version, release.download_location) == ("altai", "1.0.2", URL)
    listed = {
        package.file_name: (package.version, package.checksums[0].value, package.download_location)
        for package in packages
    }
    assert listed == {
        package.path: (package.nevra.evr, package.sha256, f"{URL}/{package.path}")
        for package in bill.manifest.packages
    }
    assert listed["deps/misc/bunch-1.0.1-1.el6.noarch.rpm"][0] == "1:1.0.1-1.el6"
    origins = {package.name: package.source_info for package in packages}
    assert origins == {
        "focus": f"built from the component repos/altai/focus at commit {'c' * 40}",
        "bunch": f"built from the spec specs/bunch at commit {'d' * 40}; bunch-1.0.1.tar.gz sha256:{'e' * 64}",
        "erlang": f"taken from https://example.org/epel/erlang.rpm, signed by {'A' * 40}",
    }


def test_the_document_says_which_package_comes_from_which_source_package(document: Document) -> None:
    names = {package.spdx_id: package.file_name for package in document.packages}
    generated = {
        (names[relation.spdx_element_id], names[str(relation.related_spdx_element_id)])
        for relation in document.relationships
        if relation.relationship_type is RelationshipType.GENERATED_FROM
    }
    assert generated == {
        ("deps/misc/bunch-1.0.1-1.el6.noarch.rpm", "deps/misc-srpms/bunch-1.0.1-1.el6.src.rpm")
    }


def test_the_document_says_who_made_it_with_what_and_in_which_phase(document: Document) -> None:
    info = document.creation_info
    assert [actor.to_serialized_string() for actor in info.creators] == [
        "Organization: altai",
        "Tool: altai-build-0.1",
    ]
    assert str(info.creator_comment).startswith("Lifecycle phase: post-build.")
    release = document.packages[0]
    assert [reference.locator for reference in release.external_references] == ["pkg:generic/altai@1.0.2"]


def test_each_package_has_its_license_and_supplier_and_what_is_unknown_is_said(document: Document) -> None:
    packages = {package.file_name: package for package in document.packages[1:]}
    focus, erlang, bunch, source = packages.values()
    (license,) = document.extracted_licensing_info
    assert (license.extracted_text, str(focus.license_declared)) == ("GPLv2+ and BSD", license.license_id)
    assert (focus.summary, focus.homepage) == ("A dashboard", "https://example.org/focus")
    assert str(focus.supplier) == str(bunch.supplier) and "altai" in str(focus.supplier)
    assert (str(bunch.license_declared), bunch.homepage) == ("MIT AND Apache-2.0", None)
    assert str(source.license_declared) == "MIT"
    assert (str(erlang.supplier), str(erlang.license_declared)) == ("NOASSERTION", "NOASSERTION")


def test_the_document_says_which_packages_need_which_and_where_it_does_not_know_all(
    document: Document,
) -> None:
    names = {package.spdx_id: package.name for package in document.packages}
    needs = [
        (
            names[relation.spdx_element_id],
            names.get(str(relation.related_spdx_element_id), str(relation.related_spdx_element_id)),
            relation.comment,
        )
        for relation in document.relationships
        if relation.relationship_type is RelationshipType.DEPENDS_ON
    ]
    assert needs == [
        ("focus", "erlang", None),
        ("focus", "bunch", None),
        ("focus", "NOASSERTION", "requires of the operating system: /bin/sh, python >= 2.6"),
        ("erlang", "NONE", None),
        ("bunch", "NONE", None),
    ]


def test_an_invalid_document_is_refused(bill: BillOfMaterials) -> None:
    packages = bill.manifest.packages
    broken = replace(bill.manifest, packages=(replace(packages[0], sha256="no digest"), *packages[1:]))
    with pytest.raises(InputError, match=r"cannot be written as SPDX-2\.3"):
        format_spdx(replace(bill, manifest=broken))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/1.0.2", "http://localhost/1.0.2", "https://repo/1.0.2"]
)
def test_a_url_that_spdx_tools_reject_is_a_comment(bill: BillOfMaterials, url: str) -> None:
    """A mirrored package is also where it was taken from."""
    packages = json.loads(format_spdx(replace(bill, url=url)))["packages"]
    assert {package["name"]: package["downloadLocation"] for package in packages} == {
        "altai": "NOASSERTION",
        "focus": "NOASSERTION",
        "bunch": "NOASSERTION",
        "erlang": "https://example.org/epel/erlang.rpm",
    }
    assert packages[1]["comment"] == f"published at {url}/centos6/focus-1.0-3.el6.noarch.rpm"


@pytest.mark.parametrize("vendor", ["(none)", "Example (Europe)", "Person (me@example.org)"])
def test_a_vendor_with_parentheses_is_read_again(bill: BillOfMaterials, tmp_path: Path, vendor: str) -> None:
    """Readers take what is in parentheses for an email address, and refuse a name without anything else."""
    erlang = "deps/epel/erlang-14-2.el6.noarch.rpm"
    descriptions = {**bill.descriptions, erlang: replace(bill.descriptions[erlang], vendor=vendor)}
    path = tmp_path / "release.spdx.json"
    path.write_text(format_spdx(replace(bill, descriptions=descriptions)))
    packages = {package.file_name: package for package in parse_from_file(str(path)).packages}
    expected = vendor.replace("(", "[").replace(")", "]")
    assert str(packages[erlang].supplier) == f"Organization: {expected}"


def test_equal_manifests_give_equal_documents(bill: BillOfMaterials) -> None:
    assert format_spdx(bill) == format_spdx(replace(bill))


def test_the_document_is_the_one_that_the_library_writes(bill: BillOfMaterials) -> None:
    whole = spdx._make_document(bill, bill.manifest.packages)
    assert format_spdx(bill) == json.dumps(whole, indent=4) + "\n"
