"""release.json: stable text, read back the same, errors named with their place."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as some

from altai_build.errors import InputError
from altai_build.model.manifest import manifest_from_json, manifest_to_json
from altai_build.model.release import (
    BuildRecord,
    ComponentOrigin,
    FollowedRelease,
    Manifest,
    MirrorOrigin,
    ReleasedPackage,
    ReleasedRepository,
    Signer,
    SkippedComponent,
    SourceFile,
    SpecOrigin,
    SuperprojectPin,
    format_created,
    format_expected_by,
)
from tests.kit.json_forms import list_schema_errors

ORIGINS = (
    ComponentOrigin(
        path="repos/altai/focus", commit="c" * 40, url="https://example.org/focus.git", build_key="k1"
    ),
    SpecOrigin(
        path="specs/bunch",
        commit="d" * 40,
        sources=(SourceFile(file="bunch-1.0.tar.gz", sha256="e" * 64),),
        build_key="k2",
    ),
    MirrorOrigin(url="https://example.org/x.rpm", sha256="f" * 64, needed_by=("focus", "nova")),
)


def package(number: int, repository: str = "centos6") -> ReleasedPackage:
    return ReleasedPackage(
        name=f"package{number}",
        epoch=number,
        version="1.0",
        release="1.el6",
        arch="noarch",
        file=f"package{number}-1.0-1.el6.noarch.rpm",
        repository=repository,
        sha256="a" * 64,
        size=100 + number,
        signer=Signer(key_id="B" * 16, fingerprint="B" * 40),
        sourcerpm=f"package{number}-1.0-1.el6.src.rpm",
        origin=ORIGINS[number % 3],
    )


MANIFEST = Manifest(
    version="1.0.2",
    created=format_created(1362052800),
    superproject=SuperprojectPin(url="https://example.org/altai.git", commit="0" * 40, tag=None),
    previous="1.0.1",
    target="centos6",
    tool_version="0.1",
    signed_by="altai",
    repositories=(
        ReleasedRepository(name="deps/epel", source=False, key="epel6", fingerprints=("E" * 40,)),
        ReleasedRepository(name="centos6", source=False, key="altai", fingerprints=("B" * 40,)),
    ),
    packages=(package(2, "deps/epel"), package(1), package(0)),
    builds=(
        BuildRecord(
            component="focus",
            status="built",
            reason="new",
            seconds=1.5,
            buildroot="x",
            log="l",
            made_with=(("arch", "x86_64"), ("recipe", "6")),
        ),
    ),
    skipped=(SkippedComponent(component="docs", reason="no spec"),),
)


def test_the_text_is_what_the_contract_says() -> None:
    text = manifest_to_json(MANIFEST)
    document = json.loads(text)
    assert text.endswith("}\n") and text == json.dumps(document, indent=2, sort_keys=True) + "\n"
    assert document["created"] == "2013-02-28T12:00:00Z"
    assert document["superproject"] == {
        "commit": "0" * 40,
        "tag": None,
        "url": "https://example.org/altai.git",
    }
    assert [(package["repository"], package["name"]) for package in document["packages"]] == [
        ("centos6", "package0"),
        ("centos6", "package1"),
        ("deps/epel", "package2"),
    ]
    assert document["packages"][1] == {
        "name": "package1",
        "epoch": 1,
        "version": "1.0",
        "release": "1.el6",
        "arch": "noarch",
        "file": "package1-1.0-1.el6.noarch.rpm",
        "repository": "centos6",
        "sha256": "a" * 64,
        "size": 101,
        "signer": {"key_id": "B" * 16, "fingerprint": "B" * 40},
        "sourcerpm": "package1-1.0-1.el6.src.rpm",
        "origin": {
            "kind": "spec",
            "path": "specs/bunch",
            "commit": "d" * 40,
            "sources": [{"file": "bunch-1.0.tar.gz", "sha256": "e" * 64}],
            "build_key": "k2",
        },
    }
    assert document["packages"][2]["origin"] == {
        "kind": "mirror",
        "url": "https://example.org/x.rpm",
        "sha256": "f" * 64,
        "needed_by": ["focus", "nova"],
    }
    assert document["packages"][0]["origin"]["kind"] == "component"
    assert document["builds"][0]["seconds"] == 1.5
    assert document["builds"][0]["made_with"] == {"arch": "x86_64", "recipe": "6"}
    assert document["skipped"] == [{"component": "docs", "reason": "no spec"}]


PREVIOUS = FollowedRelease(version="1.0.1", sha256="1" * 64)
OTHER = FollowedRelease(version="2.0", sha256="2" * 64)


@pytest.mark.parametrize(
    ("previous", "follows", "digest", "others"),
    [
        (None, (), None, []),
        ("1.0.1", (PREVIOUS,), "1" * 64, []),
        ("1.0.1", (PREVIOUS, OTHER), "1" * 64, [{"version": "2.0", "sha256": "2" * 64}]),
        (None, (OTHER,), None, [{"version": "2.0", "sha256": "2" * 64}]),
    ],
)
def test_the_releases_that_it_follows_are_named_by_digest(
    previous: str | None, follows: tuple[FollowedRelease, ...], digest: str | None, others: list[object]
) -> None:
    made = replace(MANIFEST, previous=previous, follows=follows)
    document = json.loads(manifest_to_json(made))
    assert (document["previous_sha256"], document["also_follows"]) == (digest, others)
    assert manifest_from_json(manifest_to_json(made)).follows == follows


def test_a_manifest_of_an_earlier_version_says_nothing_of_what_it_follows() -> None:
    text = manifest_to_json(MANIFEST)
    assert not {"previous_sha256", "also_follows"} & json.loads(text).keys()
    assert manifest_from_json(text).follows is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"previous_sha256": None},
            "previous_sha256: is the digest of `previous`: both are null, or neither is",
        ),
        ({"previous": None}, "previous_sha256: is the digest of `previous`: both are null, or neither is"),
        ({"previous_sha256": "1" * 63}, "previous_sha256: is no SHA-256 of 64 hexadecimal digits"),
        ({"also_follows": [{"version": "../2", "sha256": "2" * 64}]}, "also_follows[0].version: "),
        (
            {"also_follows": [{"version": "1.0.1", "sha256": "2" * 64}]},
            "also_follows: names a release twice, or `previous`",
        ),
        ({"also_follows": [{"version": "2", "sha256": "X"}]}, "also_follows[0].sha256: is no SHA-256"),
    ],
)
def test_a_damaged_chain_is_an_error_with_its_place(changes: dict[str, object], message: str) -> None:
    document = json.loads(manifest_to_json(replace(MANIFEST, follows=(PREVIOUS,))))
    with pytest.raises(InputError) as error:
        manifest_from_json(json.dumps({**document, **changes}))
    assert error.value.why.startswith(message)


def test_when_the_next_release_is_expected_is_a_time_of_the_commit_or_a_day() -> None:
    assert format_expected_by(None, 1362052800) is None
    assert format_expected_by(90 * 86400.0, 1362052800) == "2013-05-29T12:00:00Z"
    assert format_expected_by(date(2027, 3, 31), 1362052800) == "2027-03-31T23:59:59Z"
    text = manifest_to_json(replace(MANIFEST, expected_by="2027-03-31T23:59:59Z"))
    assert manifest_from_json(text).expected_by == "2027-03-31T23:59:59Z"
    assert "expected_by" not in json.loads(manifest_to_json(MANIFEST))
    with pytest.raises(InputError, match="is no time such as"):
        manifest_from_json(text.replace("T23:59:59Z", " some day"))


def test_a_manifest_is_read_back_the_same_and_order_does_not_matter() -> None:
    read = manifest_from_json(manifest_to_json(MANIFEST))
    assert manifest_to_json(read) == manifest_to_json(MANIFEST)
    assert set(read.packages) == set(MANIFEST.packages)
    assert (read.superproject, read.builds, read.skipped) == (
        MANIFEST.superproject,
        MANIFEST.builds,
        MANIFEST.skipped,
    )
    turned = replace(MANIFEST, packages=MANIFEST.packages[::-1], repositories=MANIFEST.repositories[::-1])
    assert manifest_to_json(turned) == manifest_to_json(MANIFEST)


def test_a_manifest_has_the_form_of_its_schema() -> None:
    chained = replace(
        MANIFEST, follows=(FollowedRelease(version="1.0.1", sha256="f" * 64),), previous="1.0.1"
    )
    for made in (MANIFEST, chained, replace(MANIFEST, expected_by="2027-03-31T23:59:59Z")):
        document = json.loads(manifest_to_json(made))
        assert list_schema_errors("manifest", document) == []
        assert list_schema_errors("manifest", {**document, "packages": [{}]})


def test_a_manifest_of_another_form_is_refused_and_one_without_a_version_read() -> None:
    document = json.loads(manifest_to_json(MANIFEST))
    assert document["schema_version"] == 1
    with pytest.raises(InputError, match="schema_version: is not 1"):
        manifest_from_json(json.dumps({**document, "schema_version": 2}))
    del document["schema_version"]
    assert manifest_to_json(manifest_from_json(json.dumps(document))) == manifest_to_json(MANIFEST)


def test_earlier_manifests_do_not_say_what_made_source_packages() -> None:
    document = json.loads(manifest_to_json(MANIFEST))
    del document["builds"][0]["made_with"]
    assert manifest_from_json(json.dumps(document)).builds[0].made_with is None
    unknown = replace(MANIFEST, builds=(replace(MANIFEST.builds[0], made_with=None),))
    assert manifest_from_json(manifest_to_json(unknown)).builds == unknown.builds


@given(some.text(), some.integers(min_value=0, max_value=2**60), some.lists(some.text()))
def test_any_text_survives(text: str, number: int, texts: list[str]) -> None:
    odd = replace(
        package(2),
        name=text,
        epoch=number,
        origin=MirrorOrigin(url=text, sha256=text, needed_by=tuple(texts)),
    )
    assert manifest_from_json(manifest_to_json(replace(MANIFEST, packages=(odd,)))).packages == (odd,)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("version",), 1, "version: expected a string, found a whole number"),
        (("packages",), None, "packages: expected a list, found null"),
        (("packages", 1, "epoch"), True, "packages[1].epoch: expected a whole number, found true or false"),
        (("packages", 1, "signer"), [], "packages[1].signer: expected an object, found a list"),
        (
            ("packages", 0, "origin", "kind"),
            "magic",
            "packages[0].origin.kind: 'magic' is not one of component,",
        ),
        (
            ("packages", 1, "origin", "sources", 0, "sha256"),
            5,
            "packages[1].origin.sources[0].sha256: expected a string",
        ),
        (
            ("packages", 2, "origin", "needed_by"),
            [1],
            "packages[2].origin.needed_by: expected a list of strings",
        ),
        (("superproject", "tag"), 3, "superproject.tag: expected a string"),
        (
            ("builds", 0, "made_with"),
            {"rpm": 4},
            "builds[0].made_with.rpm: expected a string, found a whole number",
        ),
        (("builds", 0, "made_with"), "5", "builds[0].made_with: expected an object, found a string"),
        (("builds", 0, "seconds"), "1", "builds[0].seconds: expected a number, found a string"),
        (
            ("repositories", 0, "source"),
            "no",
            "repositories[0].source: expected true or false, found a string",
        ),
        (("version",), "../1.0.2", "version: '../1.0.2' is not the name of a file in the release"),
        (("signed_by",), "a/../../b", "signed_by: 'a/../../b' is not the name of a file in the release"),
        (("previous",), "a\0b", "previous: 'a\\x00b' is not the name of a file in the release"),
        (("packages", 0, "file"), "x" * 300, "packages[0].file: a name of 300 characters is too long"),
        (("packages", 0, "file"), "é" * 200, "packages[0].file: a name of 200 characters is too long"),
        (("packages", 0, "repository"), "/etc", "packages[0].repository: '/etc' is not the name of a file"),
        (("repositories", 0, "name"), "deps//epel", "repositories[0].name: 'deps//epel' is not the name"),
        (
            ("repositories", 0, "name"),
            "a/" * 11 + "a",
            "repositories[0].name: a name of 23 characters is too",
        ),
        (("repositories", 0, "further_keys"), [".."], "repositories[0].further_keys: '..' is not the name"),
    ],
)
def test_an_error_names_its_place(path: tuple[str | int, ...], value: object, message: str) -> None:
    document = json.loads(manifest_to_json(MANIFEST))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(InputError) as caught:
        manifest_from_json(json.dumps(document))
    assert caught.value.why.startswith(message)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 200_000, "not JSON: lists or objects are nested too deeply"),
        ("", "not JSON"),
        ("[]", "expected an object, found a list"),
        ("{}", "version: is missing"),
    ],
)
def test_other_files_are_refused(text: str, why: str) -> None:
    with pytest.raises(InputError, match="is not a release manifest") as caught:
        manifest_from_json(text)
    assert why in caught.value.why


def test_a_missing_key_is_reported_as_missing() -> None:
    document = json.loads(manifest_to_json(MANIFEST))
    del document["packages"][0]["sha256"]
    with pytest.raises(InputError) as caught:
        manifest_from_json(json.dumps(document))
    assert caught.value.why == "packages[0].sha256: is missing"


def test_a_text_is_read_once_and_errors_name_their_own_file() -> None:
    text = manifest_to_json(MANIFEST)
    assert manifest_from_json(text) is manifest_from_json(text, where="elsewhere")
    for where in ("one", "two"):
        with pytest.raises(InputError, match=f"{where} is not a release manifest"):
            manifest_from_json("{}", where=where)
