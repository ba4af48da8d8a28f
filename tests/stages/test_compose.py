"""The tree of a release: exactly the files of the contract, by hard link, and checksums anybody can check."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.manifest import manifest_from_json, manifest_to_json
from altai_build.model.release import MirrorOrigin
from altai_build.stages.compose import Placement, compose, format_repo_file, sign_checksums
from altai_build.tools.files import sha256_file
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.repo.repodata import read_repodata
from tests.kit.findings import messages_by_subject
from tests.kit.keys import signing_key
from tests.kit.releases import (
    Materials,
    make_materials,
    make_release,
    make_release_contents,
    with_repository,
)

REPOSITORIES = {"centos6": "focus", "deps/epel": "erlang", "deps/misc": "bunch", "deps/misc-srpms": "bunch"}


@pytest.fixture(scope="module")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Materials:
    return make_materials(tmp_path_factory.mktemp("materials"))


def tree(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir()}


def test_the_tree_is_that_of_the_contract(materials: Materials, tmp_path: Path) -> None:
    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    metadata = {name for name in tree(release) if "/repodata/" in name or name.startswith("provenance/")}
    assert tree(release) - metadata == {
        "centos6/focus-1.0-3.el6.noarch.rpm",
        "deps/epel/erlang-14-2.el6.noarch.rpm",
        "deps/misc/bunch-1.0.1-1.el6.noarch.rpm",
        "deps/misc-srpms/bunch-1.0.1-1.el6.src.rpm",
        "altai.repo",
        "RPM-GPG-KEY-ours",
        "RPM-GPG-KEY-epel6",
        "release.json",
        "release.json.asc",
        "SHA256SUMS",
        "SHA256SUMS.asc",
    }
    for name in REPOSITORIES:
        kinds = {file.kind for file in read_repodata(release / name).files}
        assert kinds == {"primary", "filelists", "other"}
        assert sum(one.startswith(f"{name}/repodata/") for one in metadata) == 5  # these, repomd.xml and .asc
    assert os.path.samefile(release / "centos6" / materials.own.name, materials.own)


def test_every_signature_is_ours_and_coreutils_agrees_with_the_checksums(
    materials: Materials, tmp_path: Path
) -> None:
    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    signed = ["release.json", "SHA256SUMS", *(f"{name}/repodata/repomd.xml" for name in REPOSITORIES)]
    for name in signed:
        assert verify_detached(release / name, release / f"{name}.asc", [materials.ours.public]).is_good, name
    subprocess.run(
        ["sha256sum", "--strict", "--quiet", "--check", "SHA256SUMS"],
        cwd=release,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    listed = {line.split("  ")[1] for line in (release / "SHA256SUMS").read_text().splitlines()}
    assert listed == tree(release) - {"SHA256SUMS", "SHA256SUMS.asc"}


def test_the_manifest_describes_each_package(materials: Materials, tmp_path: Path) -> None:
    plan = make_release_contents(materials)
    release = make_release(tmp_path / "1.0.2", materials, plan)
    text = (release / "release.json").read_text()
    manifest = manifest_from_json(text)
    assert text == manifest_to_json(manifest)
    assert (manifest.version, manifest.created, manifest.signed_by) == (
        "1.0.2",
        "2013-02-28T12:00:00Z",
        "ours",
    )
    assert {(one.repository, one.name) for one in manifest.packages} == set(REPOSITORIES.items())
    origins = {
        placement.path.name: placement.origin for one in plan.repositories for placement in one.packages
    }
    for package in manifest.packages:
        path = release / package.repository / package.file
        assert (package.sha256, package.size) == (sha256_file(path), path.stat().st_size)
        assert package.nevra.filename == package.file
        signer = materials.theirs if package.repository == "deps/epel" else materials.ours
        assert (package.signer.fingerprint, package.signer.key_id) == (
            signer.fingerprint,
            signer.fingerprint[-16:],
        )
        assert package.origin == origins[package.file]
    bunch = next(one for one in manifest.packages if one.repository == "deps/misc")
    assert (bunch.epoch, bunch.sourcerpm) == (1, "bunch-1.0.1-1.el6.src.rpm")
    assert [(one.name, one.source, one.key, one.fingerprints) for one in manifest.repositories] == [
        ("centos6", False, "ours", (materials.ours.fingerprint,)),
        ("deps/epel", False, "epel6", (materials.theirs.fingerprint,)),
        ("deps/misc", False, "ours", (materials.ours.fingerprint,)),
        ("deps/misc-srpms", True, "ours", (materials.ours.fingerprint,)),
    ]
    assert json.loads(text)["builds"][0]["component"] == "focus"


def test_the_repo_file_offers_binary_repositories_with_both_keys(materials: Materials) -> None:
    text = format_repo_file(make_release_contents(materials))
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    assert parser.sections() == ["altai-centos6", "altai-deps-epel", "altai-deps-misc"]
    assert dict(parser["altai-deps-epel"]) == {
        "name": "altai 1.0.2 deps/epel",
        "baseurl": "https://repo.example.org/altai/1.0.2/deps/epel/",
        "enabled": "1",
        "gpgcheck": "1",
        "repo_gpgcheck": "1",
        "gpgkey": "https://repo.example.org/altai/1.0.2/RPM-GPG-KEY-epel6\n"
        "https://repo.example.org/altai/1.0.2/RPM-GPG-KEY-ours",
    }
    assert parser["altai-centos6"]["gpgkey"] == "https://repo.example.org/altai/1.0.2/RPM-GPG-KEY-ours"


def test_the_same_plan_gives_the_same_bytes_but_for_signatures(materials: Materials, tmp_path: Path) -> None:
    plan = make_release_contents(materials)
    first, second = (make_release(tmp_path / name / "1.0.2", materials, plan) for name in "ab")
    same = {name for name in tree(first) if not name.endswith(".asc") and name != "SHA256SUMS"}
    assert tree(first) == tree(second)
    for name in same:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_an_unchanged_repository_keeps_inodes_of_packages_and_metadata(
    materials: Materials, tmp_path: Path
) -> None:
    first = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    spoilt = first / "deps/epel/repodata/repomd.xml.asc"
    spoilt.write_text(spoilt.read_text().replace("A", "B"))
    plan = replace(make_release_contents(materials, "1.0.3"), epoch=1400000000)
    second = make_release(tmp_path / "1.0.3", materials, plan, previous=first)
    for name in REPOSITORIES:
        assert os.path.samefile(first / name / "repodata/repomd.xml", second / name / "repodata/repomd.xml")
        asc = second / name / "repodata/repomd.xml.asc"
        assert verify_detached(asc.with_suffix(""), asc, [materials.ours.public]).is_good
        assert os.path.samefile(first / name / "repodata/repomd.xml.asc", asc) is (name != "deps/epel")


def test_the_checksums_of_packages_are_those_that_the_manifest_says(
    materials: Materials, tmp_path: Path
) -> None:
    """They are read once, by whoever verifies the release: a package that is not what it says is found there."""
    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    manifest = manifest_from_json((release / "release.json").read_text())
    other = replace(
        manifest,
        packages=tuple(replace(one, sha256="0" * 64) for one in manifest.packages if one.name == "focus"),
    )
    with signing_key(materials.ours) as key:
        sign_checksums(release, key, other)
    focus = "centos6/focus-1.0-3.el6.noarch.rpm"
    assert f"{'0' * 64}  {focus}" in (release / "SHA256SUMS").read_text().splitlines()
    assert messages_by_subject(release, "checksums") == {focus: "its SHA-256 is not the one in SHA256SUMS"}


def test_a_report_put_in_before_sealing_is_checksummed(materials: Materials, tmp_path: Path) -> None:
    release = tmp_path / "1.0.2"
    release.mkdir()
    with signing_key(materials.ours) as key:
        compose(release, make_release_contents(materials), key)
        (release / "report").mkdir()
        (release / "report" / "index.html").write_text("<html>\n")
        sign_checksums(release, key)
        first = (release / "SHA256SUMS").read_text()
        sign_checksums(release, key)
    assert (release / "SHA256SUMS").read_text() == first
    assert f"{sha256_file(release / 'report/index.html')}  report/index.html" in first.splitlines()


def test_two_packages_of_one_name_are_refused(materials: Materials, tmp_path: Path) -> None:
    plan = make_release_contents(materials)
    (placement,) = plan.repositories[0].packages
    with pytest.raises(
        InputError, match=r"two packages have the name centos6/focus-1\.0-3\.el6\.noarch\.rpm"
    ):
        make_release(
            tmp_path / "1.0.2", materials, with_repository(plan, "centos6", packages=(placement, placement))
        )


@pytest.mark.parametrize("name", ["-x.rpm", "a b.rpm", "package.deb", "a..b\n.rpm"])
def test_a_name_that_could_mislead_is_refused(materials: Materials, tmp_path: Path, name: str) -> None:
    odd = tmp_path / name
    os.link(materials.mirrored, odd)
    origin = MirrorOrigin(url="https://example.org/x", sha256="0" * 64, needed_by=())
    plan = with_repository(
        make_release_contents(materials), "deps/epel", packages=(Placement(path=odd, origin=origin),)
    )
    with pytest.raises(InputError, match="is not a safe name for a package file"):
        make_release(tmp_path / "1.0.2", materials, plan)


def test_a_repository_without_packages_is_one(materials: Materials, tmp_path: Path) -> None:
    plan = with_repository(make_release_contents(materials), "deps/epel", packages=())
    release = make_release(tmp_path / "1.0.2", materials, plan)
    assert read_repodata(release / "deps/epel").packages == ()
