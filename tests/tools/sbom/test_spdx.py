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
from altai_build.model.release import Manifest
from altai_build.tools.sbom.spdx import format_spdx

URL = "https://repo.example.org/altai/1.0.2"


@pytest.fixture
def document(released: Manifest, tmp_path: Path) -> Document:
    path = tmp_path / "release.spdx.json"
    path.write_text(format_spdx(released, project="altai", url=URL))
    return parse_from_file(str(path))


def test_the_document_is_valid_and_names_every_package(document: Document, released: Manifest) -> None:
    assert validate_full_spdx_document(document, "SPDX-2.3") == []
    release, *packages = document.packages
    assert (release.name, release.version, release.download_location) == ("altai", "1.0.2", URL)
    listed = {
        package.file_name: (package.version, package.checksums[0].value, package.download_location)
        for package in packages
    }
    assert listed == {
        package.path: (package.nevra.evr, package.sha256, f"{URL}/{package.path}")
        for package in released.packages
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


def test_an_invalid_document_is_refused(released: Manifest) -> None:
    broken = replace(released, packages=(replace(released.packages[0], sha256="no digest"),))
    with pytest.raises(InputError, match=r"cannot be written as SPDX-2\.3"):
        format_spdx(broken, project="altai", url=URL)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/1.0.2", "http://localhost/1.0.2", "https://repo/1.0.2"]
)
def test_a_url_that_nobody_else_can_reach_is_left_out(released: Manifest, url: str) -> None:
    packages = json.loads(format_spdx(released, project="altai", url=url))["packages"]
    assert {package["downloadLocation"] for package in packages} == {"NOASSERTION"}


def test_equal_manifests_give_equal_documents(released: Manifest) -> None:
    texts = {format_spdx(replace(released), project="altai", url=URL) for _ in range(2)}
    assert len(texts) == 1
