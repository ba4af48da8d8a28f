"""Provenance that is missing, unsigned, or about other bytes, commits or builds is a finding."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from altai_build.model.findings import Severity
from altai_build.tools.files import sha256_file
from tests.kit.findings import findings, messages_by_subject
from tests.kit.releases import Materials, sign_again

FOCUS = "provenance/slsa/centos6/focus-1.0-3.el6.noarch.rpm.json"
BUNCH = "provenance/slsa/deps/misc/bunch-1.0.1-1.el6.noarch.rpm.json"


def change(release: Path, materials: Materials, name: str, old: str, new: str) -> None:
    """Change a document and sign it again."""
    text = (release / name).read_text()
    assert old in text
    (release / name).write_text(text.replace(old, new))
    sign_again(release, materials, name)


def test_a_sound_release_has_no_finding(release: Path) -> None:
    assert messages_by_subject(release, "provenance") == {}


def test_a_release_without_provenance_is_a_warning(release: Path, materials: Materials) -> None:
    shutil.rmtree(release / "provenance")
    sign_again(release, materials)
    (finding,) = findings(release, "provenance")
    assert (finding.subject, finding.severity) == ("provenance", Severity.WARNING)
    assert finding.fix == "publish the next release with this version of altai-build"


def test_documents_about_other_bytes_or_commits_are_found(release: Path, materials: Materials) -> None:
    focus = sha256_file(release / "centos6" / "focus-1.0-3.el6.noarch.rpm")
    for name in (FOCUS, "provenance/release.spdx.json", "provenance/release.cdx.json"):
        change(release, materials, name, focus, "0" * 64)
    change(release, materials, BUNCH, "d" * 40, "9" * 40)
    answer = messages_by_subject(release, "provenance")
    assert (
        answer[FOCUS] == "the statement is about other bytes than those of centos6/focus-1.0-3.el6.noarch.rpm"
    )
    assert answer[BUNCH] == f"the statement does not name the manifest's commit of specs/bunch: {'d' * 40}"
    assert answer["provenance/release.cdx.json"].startswith(
        f"the file lists a package with SHA-256 {'0' * 64}"
    )
    assert set(answer) == {FOCUS, BUNCH, "provenance/release.spdx.json", "provenance/release.cdx.json"}


def test_a_statement_of_another_build_of_the_same_bytes_is_found(release: Path, materials: Materials) -> None:
    change(release, materials, FOCUS, "key of focus", "key of another build")
    assert messages_by_subject(release, "provenance") == {
        FOCUS: "the statement is about another build than the manifest"
    }


def test_statements_of_the_first_build_type_are_compared_with_the_superproject_too(
    release: Path, materials: Materials
) -> None:
    document = json.loads((release / FOCUS).read_text())
    definition = document["predicate"]["buildDefinition"]
    definition["buildType"] = "urn:altai-build:rpm:v1"
    for commit, expected in (
        ("a" * 40, {}),
        ("8" * 40, {FOCUS: f"the statement does not name the manifest's commit of superproject: {'a' * 40}"}),
    ):
        pin = {"name": "superproject", "digest": {"gitCommit": commit}}
        definition["resolvedDependencies"] = [pin, *definition["resolvedDependencies"][-4:]]
        (release / FOCUS).write_text(json.dumps(document))
        sign_again(release, materials, FOCUS)
        assert messages_by_subject(release, "provenance") == expected


def test_documents_that_were_changed_lost_or_added_are_found(release: Path, materials: Materials) -> None:
    (release / FOCUS).write_text((release / FOCUS).read_text() + " ")
    (release / BUNCH).unlink()
    (release / "provenance" / "slsa" / "more.json").write_text("{}")
    (listed,) = (release / "provenance" / "buildroots").iterdir()
    listed.write_text("another\n")
    sign_again(release, materials, "provenance/slsa/more.json")
    answer = messages_by_subject(release, "provenance")
    assert answer[FOCUS].startswith("bad signature")
    assert answer[BUNCH] == "the file cannot be read: No such file or directory"
    assert answer["provenance/slsa/more.json"] == "the statement is about no package of the release"
    assert answer[f"provenance/buildroots/{listed.name}"] == "the SHA-256 of the file is not its name"


@pytest.mark.parametrize("text", ["{", '"a text"', "[]", '{"packages": [{"checksums": 1}]}'])
def test_a_bill_of_materials_of_another_form_is_a_finding(
    release: Path, materials: Materials, text: str
) -> None:
    for name in ("provenance/release.spdx.json", "provenance/release.cdx.json"):
        (release / name).write_text(text)
        sign_again(release, materials, name)
    messages = messages_by_subject(release, "provenance")
    assert set(messages) == {"provenance/release.spdx.json", "provenance/release.cdx.json"}
    assert all(
        message.startswith(("the file is not JSON", "the file does not follow"))
        for message in messages.values()
    )


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("subject", 0, "name"), [], "subject[0].name is not a string"),
        (
            ("predicate", "buildDefinition", "resolvedDependencies", 0, "name"),
            {},
            "predicate.buildDefinition.resolvedDependencies[0].name is not a string",
        ),
        (
            ("predicate", "buildDefinition", "resolvedDependencies"),
            None,
            "the statement does not name the manifest's commit of ",
        ),
        (
            ("predicate", "buildDefinition", "internalParameters"),
            None,
            "the statement is about another build than the manifest",
        ),
    ],
)
def test_a_statement_with_other_types_is_a_finding(
    release: Path, keys: tuple[str | int, ...], value: object, message: str
) -> None:
    document = json.loads((release / FOCUS).read_text())
    place = document
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    (release / FOCUS).write_text(json.dumps(document))
    messages = [found.message for found in findings(release, "provenance") if found.subject == FOCUS]
    assert any(text.startswith(message) for text in messages), messages


def test_a_bill_of_materials_with_other_types_is_a_finding(release: Path) -> None:
    path = release / "provenance/release.spdx.json"
    document = json.loads(path.read_text())
    for package, value in zip(document["packages"], (5, "zz")):
        package["checksums"] = [{"algorithm": "SHA256", "checksumValue": value}]
    path.write_text(json.dumps(document))
    messages = [found.message for found in findings(release, "provenance")]
    assert {
        f"the file lists a package with SHA-256 {value}, which the release does not have"
        for value in (5, "zz")
    } <= set(messages)
