"""What a release tells those who have other tools: valid documents, about its very bytes, signed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.model.relationship import RelationshipType
from spdx_tools.spdx.parser.json.json_parser import parse_from_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from altai_build.errors import InputError
from altai_build.model.manifest import manifest_from_json
from altai_build.model.provenance import find_statement_errors
from altai_build.model.release import MirrorOrigin, SuperprojectPin
from altai_build.stages.verify import verify_release
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.sbom.cyclonedx import format_cyclonedx
from altai_build.tools.sbom.spdx import format_spdx
from tests.kit.releases import (
    BUILDROOT,
    Materials,
    make_materials,
    make_release,
    make_release_contents,
)

URL = "https://repo.example.org/altai/1.0.2"
FOCUS = "provenance/slsa/centos6/focus-1.0-3.el6.noarch.rpm.json"
BUNCH = "provenance/slsa/deps/misc/bunch-1.0.1-1.el6.noarch.rpm.json"
BUNCH_SOURCE = "provenance/slsa/deps/misc-srpms/bunch-1.0.1-1.el6.src.rpm.json"


@pytest.fixture(scope="module")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Materials:
    return make_materials(tmp_path_factory.mktemp("materials"))


@pytest.fixture
def release(materials: Materials, tmp_path: Path) -> Path:
    return make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(release: Path, name: str) -> Any:
    return json.loads((release / name).read_text())


def test_the_spdx_document_is_valid_and_names_every_package(release: Path) -> None:
    document = parse_from_file(str(release / "provenance" / "release.spdx.json"))
    assert validate_full_spdx_document(document, "SPDX-2.3") == []
    whole, *packages = document.packages
    assert (whole.name, whole.version, whole.download_location) == ("altai", "1.0.2", URL)
    told = {one.file_name: (one.version, one.checksums[0].value, one.download_location) for one in packages}
    assert told == {
        path.relative_to(release).as_posix(): (
            {"focus": "1.0-3.el6", "erlang": "14-2.el6", "bunch": "1:1.0.1-1.el6"}[path.name.split("-")[0]],
            digest(path),
            f"{URL}/{path.relative_to(release).as_posix()}",
        )
        for path in release.rglob("*.rpm")
    }
    sources = {one.file_name: one.source_info for one in packages}
    assert sources["centos6/focus-1.0-3.el6.noarch.rpm"] == (
        f"built from the component repos/altai/focus at commit {'c' * 40}"
    )
    third_party = sources["deps/misc/bunch-1.0.1-1.el6.noarch.rpm"]
    assert third_party is not None and third_party.endswith(f"bunch-1.0.1.tar.gz sha256:{'e' * 64}")
    (purl,) = (one.external_references[0].locator for one in packages if one.name == "focus")
    assert purl == "pkg:rpm/altai/focus@1.0-3.el6?arch=noarch"


def test_the_spdx_document_says_what_comes_from_which_source(release: Path) -> None:
    document = parse_from_file(str(release / "provenance" / "release.spdx.json"))
    names = {one.spdx_id: one.file_name for one in document.packages}
    generated = {
        (names[one.spdx_element_id], names[str(one.related_spdx_element_id)])
        for one in document.relationships
        if one.relationship_type is RelationshipType.GENERATED_FROM
    }
    assert generated == {
        ("deps/misc/bunch-1.0.1-1.el6.noarch.rpm", "deps/misc-srpms/bunch-1.0.1-1.el6.src.rpm")
    }


def test_the_cyclonedx_document_is_valid_and_names_every_package(release: Path) -> None:
    text = (release / "provenance" / "release.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert document["metadata"]["timestamp"] == "2013-02-28T12:00:00+00:00"
    assert {one["bom-ref"]: one["hashes"][0]["content"] for one in document["components"]} == {
        path.relative_to(release).as_posix(): digest(path) for path in release.rglob("*.rpm")
    }
    needs = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    assert needs["centos6/focus-1.0-3.el6.noarch.rpm"] == ["deps/epel/erlang-14-2.el6.noarch.rpm"]
    assert len(needs["release"]) == 4


def test_the_validators_see_what_is_wrong(release: Path) -> None:
    """Without this the tests above would pass with validators that look at nothing."""
    document = load(release, "provenance/release.cdx.json")
    document["components"][0]["hashes"][0]["alg"] = "CRC32"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is not None
    manifest = manifest_from_json((release / "release.json").read_text())
    (wrong,) = (one for one in manifest.packages if isinstance(one.origin, MirrorOrigin))
    broken = replace(manifest, packages=(replace(wrong, sha256="no digest"),))
    with pytest.raises(InputError, match=r"cannot be written as SPDX-2\.3"):
        format_spdx(broken, project="altai", url=URL)
    with pytest.raises(InputError, match=r"cannot be written as CycloneDX 1\.6"):
        format_cyclonedx(broken, project="altai", url=URL)


def test_each_built_package_has_a_statement(release: Path) -> None:
    statements = {
        path.relative_to(release).as_posix() for path in (release / "provenance" / "slsa").rglob("*.json")
    }
    assert statements == {FOCUS, BUNCH, "provenance/slsa/deps/misc-srpms/bunch-1.0.1-1.el6.src.rpm.json"}
    document = load(release, FOCUS)
    assert find_statement_errors(document) == []
    focus = release / "centos6" / "focus-1.0-3.el6.noarch.rpm"
    assert document["subject"] == [
        {"name": "centos6/focus-1.0-3.el6.noarch.rpm", "digest": {"sha256": digest(focus)}}
    ]
    definition = document["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {
        "superproject": "https://example.org/altai.git",
        "component": "repos/altai/focus",
        "target": "centos6",
    }
    assert definition["internalParameters"] == {"buildKey": "key of focus"}
    assert definition["resolvedDependencies"] == [
        {
            "name": "repos/altai/focus",
            "uri": f"git+https://example.org/focus.git@{'c' * 40}",
            "digest": {"gitCommit": "c" * 40},
        },
        {"name": "focus-1.0-3.el6.src.rpm", "digest": {"sha256": "5" * 64}},
        {"name": "bash-4.1.2-48.el6.x86_64", "digest": {"sha256": "b" * 64}},
        {"name": "make-3.81-23.el6.x86_64", "digest": {"sha256": "c" * 64}},
    ]
    sources = load(release, BUNCH)["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert sources == [
        {
            "name": "specs/bunch",
            "uri": f"git+https://example.org/altai.git@{'d' * 40}",
            "digest": {"gitCommit": "d" * 40},
        },
        {"name": "bunch-1.0.1.tar.gz", "digest": {"sha256": "e" * 64}},
    ]


def test_the_statement_of_a_package_that_is_taken_over_is_too(materials: Materials, tmp_path: Path) -> None:
    """Signed once: nothing in it is the release's. What is damaged, or another's, is made anew."""
    first = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    (first / f"{FOCUS}.asc").write_text((first / f"{BUNCH}.asc").read_text())
    shutil.copy(first / "release.json", first / BUNCH_SOURCE)
    plan = replace(
        make_release_contents(materials, "1.0.3"),
        superproject=SuperprojectPin(url="https://example.org/altai.git", commit="9" * 40, tag="altai-1.0.3"),
    )
    second = make_release(tmp_path / "1.0.3", materials, plan, previous=first)
    same = {
        path.relative_to(first).as_posix()
        for path in first.rglob("provenance/**/*")
        if path.is_file() and os.path.samefile(path, second / path.relative_to(first))
    }
    (roots,) = (first / "provenance" / "buildroots").iterdir()
    assert same == {FOCUS, BUNCH, f"{BUNCH}.asc", roots.relative_to(first).as_posix()}
    assert verify_release(second).findings == ()


def test_the_signatures_of_a_key_that_was_replaced_are_not_taken_over(
    materials: Materials, tmp_path: Path
) -> None:
    theirs = replace(make_release_contents(materials), signing_key="epel6")
    first = make_release(tmp_path / "1.0.2", materials, theirs)
    second = make_release(
        tmp_path / "1.0.3", materials, make_release_contents(materials, "1.0.3"), previous=first
    )
    assert os.path.samefile(first / FOCUS, second / FOCUS)
    for name in (FOCUS, BUNCH, "centos6/repodata/repomd.xml"):
        path = second / name
        assert verify_detached(path, path.with_name(f"{path.name}.asc"), [materials.ours.public]).is_good, (
            name
        )


def test_the_list_of_a_buildroot_is_what_the_manifest_says(release: Path) -> None:
    (record,) = load(release, "release.json")["builds"]
    path = release / "provenance" / "buildroots" / f"{record['buildroot']}.txt"
    assert path.read_text().splitlines() == list(BUILDROOT)
    assert digest(path) == record["buildroot"]


def test_everything_is_signed_by_the_key_of_the_release(release: Path, materials: Materials) -> None:
    documents = list((release / "provenance").rglob("*.json"))
    assert len(documents) == 5
    for path in documents:
        check = verify_detached(path, path.with_name(f"{path.name}.asc"), [materials.ours.public])
        assert check.is_good, path


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000/1.0.2", "http://localhost/1.0.2", "https://repo/1.0.2"],
)
def test_a_release_that_is_published_nowhere_yet_has_valid_documents(release: Path, url: str) -> None:
    manifest = manifest_from_json((release / "release.json").read_text())
    documents = json.loads(format_spdx(manifest, project="altai", url=url))["packages"]
    assert {one["downloadLocation"] for one in documents} == {"NOASSERTION"}
    assert url in format_cyclonedx(manifest, project="altai", url=url)


def test_equal_manifests_give_equal_documents(release: Path) -> None:
    manifest = manifest_from_json((release / "release.json").read_text())
    for write, name in ((format_spdx, "release.spdx.json"), (format_cyclonedx, "release.cdx.json")):
        assert write(manifest, project="altai", url=URL) == (release / "provenance" / name).read_text()
