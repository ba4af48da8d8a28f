"""provenance/ of a release: signed documents that describe its very packages; unchanged ones are reused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from altai_build.model.manifest import manifest_from_json
from altai_build.model.provenance import find_statement_errors
from altai_build.model.release import BuildRecord, SuperprojectPin
from altai_build.stages.provenance import (
    compute_buildroot_digest,
    make_bill_of_materials,
    make_statements,
)
from altai_build.stages.verify import verify_release
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.sbom.cyclonedx import format_cyclonedx
from altai_build.tools.sbom.parts import DocumentParts
from altai_build.tools.sbom.spdx import format_spdx
from tests.kit.manifests import component, manifest, package
from tests.kit.releases import (
    BUILDROOT,
    Materials,
    make_release,
    make_release_contents,
    sign,
    with_packages,
)
from tests.kit.rpms import build_rpm

URL = "https://repo.example.org/altai/1.0.2"
SCHEMA = "provenance/release.schema.json"
FOCUS = "provenance/slsa/centos6/focus-1.0-3.el6.noarch.rpm.json"
BUNCH = "provenance/slsa/deps/misc/bunch-1.0.1-1.el6.noarch.rpm.json"
FOCUS_SOURCE = "provenance/slsa/centos6-srpms/focus-1.0-3.el6.src.rpm.json"
BUNCH_SOURCE = "provenance/slsa/deps/misc-srpms/bunch-1.0.1-1.el6.src.rpm.json"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(release: Path, name: str) -> Any:
    return json.loads((release / name).read_text())


def test_each_built_package_has_a_statement(release: Path) -> None:
    statements = {
        path.relative_to(release).as_posix() for path in (release / "provenance" / "slsa").rglob("*.json")
    }
    assert statements == {
        FOCUS,
        FOCUS_SOURCE,
        BUNCH,
        "provenance/slsa/deps/misc-srpms/bunch-1.0.1-1.el6.src.rpm.json",
    }
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


def test_statements_of_unchanged_packages_are_reused_with_their_signatures(
    materials: Materials, tmp_path: Path
) -> None:
    """A statement does not depend on the release. A damaged statement or signature is made again."""
    first = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    (first / f"{FOCUS}.asc").write_text((first / f"{BUNCH}.asc").read_text())
    shutil.copy(first / "release.json", first / BUNCH_SOURCE)
    contents = replace(
        make_release_contents(materials, "1.0.3"),
        superproject=SuperprojectPin(url="https://example.org/altai.git", commit="9" * 40, tag="altai-1.0.3"),
    )
    second = make_release(tmp_path / "1.0.3", materials, contents, previous=first)
    same = {
        path.relative_to(first).as_posix()
        for path in first.rglob("provenance/**/*")
        if path.is_file() and os.path.samefile(path, second / path.relative_to(first))
    }
    (roots,) = (first / "provenance" / "buildroots").iterdir()
    assert same == {
        FOCUS,
        FOCUS_SOURCE,
        f"{FOCUS_SOURCE}.asc",
        BUNCH,
        f"{BUNCH}.asc",
        SCHEMA,
        f"{SCHEMA}.asc",
        roots.relative_to(first).as_posix(),
    }
    assert verify_release(second).findings == ()


def test_signatures_by_another_key_are_not_reused(materials: Materials, tmp_path: Path) -> None:
    theirs = replace(make_release_contents(materials), signing_key="epel6")
    first = make_release(tmp_path / "1.0.2", materials, theirs)
    second = make_release(
        tmp_path / "1.0.3", materials, make_release_contents(materials, "1.0.3"), previous=first
    )
    assert os.path.samefile(first / FOCUS, second / FOCUS)
    for name in (FOCUS, BUNCH, "centos6/repodata/repomd.xml"):
        check = verify_detached(second / name, second / f"{name}.asc", [materials.ours.public])
        assert check.is_good, name


def test_the_list_of_a_buildroot_is_named_by_its_digest(release: Path) -> None:
    (record,) = load(release, "release.json")["builds"]
    path = release / "provenance" / "buildroots" / f"{record['buildroot']}.txt"
    assert path.read_text().splitlines() == list(BUILDROOT)
    assert digest(path) == record["buildroot"]


def test_the_manifest_has_the_form_of_the_schema_that_is_published_with_it(intact: Path) -> None:
    schema = json.loads((intact / SCHEMA).read_text())
    document = json.loads((intact / "release.json").read_text())
    validator = Draft202012Validator(schema)
    assert document["schema_version"] == 1 and list(validator.iter_errors(document)) == []
    assert not validator.is_valid({**document, "schema_version": 2})


def test_everything_is_signed_by_the_key_of_the_release(release: Path, materials: Materials) -> None:
    documents = list((release / "provenance").rglob("*.json"))
    assert len(documents) == 7
    for path in documents:
        check = verify_detached(path, path.with_name(f"{path.name}.asc"), [materials.ours.public])
        assert check.is_good, path


def test_the_bills_of_materials_are_those_of_the_manifest_and_the_metadata(
    release: Path, tmp_path: Path
) -> None:
    released = manifest_from_json((release / "release.json").read_text())
    bill = make_bill_of_materials(
        release, released, project="altai", baseurl=URL.rpartition("/")[0], cache=tmp_path / "cache"
    )
    for write, name in ((format_spdx, "release.spdx.json"), (format_cyclonedx, "release.cdx.json")):
        assert write(bill, DocumentParts(tmp_path / "parts")) == (release / "provenance" / name).read_text()


def test_the_bills_of_materials_have_licenses_suppliers_and_dependencies_of_the_packages(
    materials: Materials, tmp_path: Path
) -> None:
    needy = build_rpm(tmp_path / "needy", "needy", requires=("erlang >= 14", "bash", "needy")).binary
    sign(materials, needy)
    contents = with_packages(make_release_contents(materials), "centos6", needy)
    release = make_release(tmp_path / "1.0.2", materials, contents)
    spdx, cyclonedx = (load(release, f"provenance/release.{kind}.json") for kind in ("spdx", "cdx"))
    packages = {one["packageFileName"]: one for one in spdx["packages"] if "packageFileName" in one}
    assert {one["licenseDeclared"] for one in packages.values()} == {"MIT"}
    assert {one["supplier"] for one in packages.values()} == {"Organization: altai", "Organization: Example"}
    path, erlang = f"centos6/{needy.name}", "deps/epel/erlang-14-2.el6.noarch.rpm"
    needs = [
        (one["relatedSpdxElement"], one.get("comment"))
        for one in spdx["relationships"]
        if one["relationshipType"] == "DEPENDS_ON" and one["spdxElementId"] == packages[path]["SPDXID"]
    ]
    assert needs == [
        (packages[erlang]["SPDXID"], None),
        ("NOASSERTION", "requires of the operating system: bash"),
    ]
    dependencies = {one["ref"]: one.get("dependsOn", []) for one in cyclonedx["dependencies"]}
    assert dependencies[path] == [erlang]
    incomplete = {one["aggregate"]: one["dependencies"] for one in cyclonedx["compositions"]}["incomplete"]
    assert incomplete == [path]


def test_source_packages_have_the_build_record_of_their_binary_packages_only() -> None:
    record = BuildRecord(
        component="focus",
        status="built",
        reason="new",
        seconds=1.0,
        buildroot=compute_buildroot_digest(BUILDROOT),
        log="",
        source="focus-1.0-3.el6.src.rpm",
        source_sha256="5" * 64,
        key="key",
        made_with=(("recipe", "6"),),
    )
    origin = component("repos/focus", "c" * 40)
    packages = [package(f"focus-1.0-3.el6.{arch}", origin) for arch in ("noarch", "src", "nosrc")]
    released = replace(manifest("1.0.2", packages), builds=(record,))
    statements = make_statements(released, Path("no such folder"), [BUILDROOT])
    counts = {path: len(statement.materials) for path, statement in statements.items()}
    assert counts == {
        "provenance/slsa/centos6/focus-1.0-3.el6.noarch.rpm.json": 4,
        "provenance/slsa/centos6/focus-1.0-3.el6.src.rpm.json": 1,
        "provenance/slsa/centos6/focus-1.0-3.el6.nosrc.rpm.json": 1,
    }
    made_with = {
        path: json.loads(statement.to_json())["predicate"]["buildDefinition"]["internalParameters"]
        for path, statement in statements.items()
    }
    assert list(made_with.values()) == [
        {"buildKey": "key"},
        {"buildKey": "key", "sourcePackage": {"recipe": "6"}},
        {"buildKey": "key", "sourcePackage": {"recipe": "6"}},
    ]


def test_the_libraries_can_be_loaded_ahead() -> None:
    program = (
        "import sys; from altai_build.stages.provenance import load_libraries\n"
        "before = {name for name in ('cyclonedx', 'spdx_tools') if name in sys.modules}\n"
        "load_libraries(); print(before, *sorted({'cyclonedx', 'spdx_tools'} & sys.modules.keys()))"
    )
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert made.stdout == "set() cyclonedx spdx_tools\n"
