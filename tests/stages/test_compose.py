"""The files of a release: exactly those of the contract, packages as hard links, checksums that sha256sum accepts."""

from __future__ import annotations

import configparser
import errno
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.armor import dearmor
from altai_build.model.manifest import manifest_from_json, manifest_to_json
from altai_build.model.release import MirrorOrigin
from altai_build.stages.compose import Placement, ReleaseContents, compose, sign_checksums
from altai_build.stages.verify import verify_release
from altai_build.tools.files import sha256_file
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.repo.repodata import read_repodata
from tests.kit.findings import messages_by_subject
from tests.kit.keys import signing_key
from tests.kit.releases import (
    Materials,
    make_release,
    make_release_contents,
    with_repository,
)

REPOSITORIES = {
    "centos6": "focus",
    "centos6-srpms": "focus",
    "deps/epel": "erlang",
    "deps/misc": "bunch",
    "deps/misc-srpms": "bunch",
}


def tree(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir()}


def test_the_tree_is_that_of_the_contract(materials: Materials, tmp_path: Path) -> None:
    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    metadata = {name for name in tree(release) if "repodata/" in name or name.startswith("provenance/")}
    assert tree(release) - metadata == {
        "centos6/focus-1.0-3.el6.noarch.rpm",
        "centos6-srpms/focus-1.0-3.el6.src.rpm",
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
    for name in (*REPOSITORIES, "."):
        kinds = {file.kind for file in read_repodata(release / name).files}
        assert kinds == {"primary", "filelists", "other"}
        # The three files, repomd.xml and its signature.
        folder = (Path(name) / "repodata").as_posix()
        assert sum(path.startswith(f"{folder}/") for path in metadata) == 5
    # The index of the whole release has what clients install.
    index = read_repodata(release)
    assert {Path(package.location).parent.as_posix() for package in index.packages} == {
        *("centos6", "deps/epel", "deps/misc")
    }
    assert os.path.samefile(release / "centos6" / materials.own.name, materials.own)


def test_our_key_signs_everything_and_sha256sum_accepts_the_checksums(
    materials: Materials, tmp_path: Path
) -> None:
    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    indexes = (f"{name}repodata/repomd.xml" for name in ("", *(f"{name}/" for name in REPOSITORIES)))
    signed = ["release.json", "SHA256SUMS", *indexes]
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
    contents = make_release_contents(materials)
    release = make_release(tmp_path / "1.0.2", materials, contents)
    text = (release / "release.json").read_text()
    manifest = manifest_from_json(text)
    assert text == manifest_to_json(manifest)
    assert (manifest.version, manifest.created, manifest.signed_by) == (
        "1.0.2",
        "2013-02-28T12:00:00Z",
        "ours",
    )
    assert {(package.repository, package.name) for package in manifest.packages} == set(REPOSITORIES.items())
    origins = {
        placement.path.name: placement.origin
        for repository in contents.repositories
        for placement in repository.packages
    }
    for package in manifest.packages:
        path = release / package.path
        assert (package.sha256, package.size) == (sha256_file(path), path.stat().st_size)
        assert package.nevra.filename == package.file
        signer = materials.theirs if package.repository == "deps/epel" else materials.ours
        assert (package.signer.fingerprint, package.signer.key_id) == (
            signer.fingerprint,
            signer.fingerprint[-16:],
        )
        assert package.origin == origins[package.file]
    bunch = next(package for package in manifest.packages if package.repository == "deps/misc")
    assert (bunch.epoch, bunch.sourcerpm) == (1, "bunch-1.0.1-1.el6.src.rpm")
    assert [
        (repository.name, repository.source, repository.key, repository.fingerprints)
        for repository in manifest.repositories
    ] == [
        ("centos6", False, "ours", (materials.ours.fingerprint,)),
        ("centos6-srpms", True, "ours", (materials.ours.fingerprint,)),
        ("deps/epel", False, "epel6", (materials.theirs.fingerprint,)),
        ("deps/misc", False, "ours", (materials.ours.fingerprint,)),
        ("deps/misc-srpms", True, "ours", (materials.ours.fingerprint,)),
    ]
    assert json.loads(text)["builds"][0]["component"] == "focus"


def test_the_repo_file_offers_binary_repositories_with_both_keys(
    materials: Materials, tmp_path: Path
) -> None:
    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string((release / "altai.repo").read_text())
    assert parser.sections() == ["altai-centos6", "altai-deps-epel", "altai-deps-misc"]
    assert dict(parser["altai-deps-epel"]) == {
        "name": "altai 1.0.2 deps/epel",
        "baseurl": "https://repo.example.org/altai/1.0.2/deps/epel/",
        "enabled": "1",
        "gpgcheck": "1",
        "repo_gpgcheck": "1",
        "skip_if_unavailable": "0",
        "module_hotfixes": "1",
        "gpgkey": "https://repo.example.org/altai/1.0.2/RPM-GPG-KEY-epel6\n"
        "https://repo.example.org/altai/1.0.2/RPM-GPG-KEY-ours",
    }
    assert parser["altai-centos6"]["pkg_gpgcheck"] == "1"
    assert parser["altai-centos6"]["gpgkey"] == "https://repo.example.org/altai/1.0.2/RPM-GPG-KEY-ours"


def test_a_key_file_of_any_form_is_published_in_the_form_that_rpm_imports(
    materials: Materials, tmp_path: Path
) -> None:
    binary, blanks = tmp_path / "binary", tmp_path / "blanks"
    binary.write_bytes(dearmor(materials.ours.public.read_bytes()))
    blanks.write_bytes(materials.theirs.public.read_bytes().replace(b"\n", b" \n"))
    forms = replace(
        materials,
        ours=replace(materials.ours, public=binary),
        theirs=replace(materials.theirs, public=blanks),
    )
    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(forms))
    assert (release / "RPM-GPG-KEY-ours").read_bytes() == materials.ours.public.read_bytes()
    assert (release / "RPM-GPG-KEY-epel6").read_bytes() == materials.theirs.public.read_bytes()
    assert verify_release(release, trusted_keys=[("ours", binary), ("epel6", blanks)]).findings == ()


def test_equal_contents_give_equal_files_except_signatures(materials: Materials, tmp_path: Path) -> None:
    contents = make_release_contents(materials)
    first, second = (make_release(tmp_path / name / "1.0.2", materials, contents) for name in "ab")
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
    contents = replace(make_release_contents(materials, "1.0.3"), epoch=1400000000)
    second = make_release(tmp_path / "1.0.3", materials, contents, previous=first)
    for name in (*REPOSITORIES, "."):
        assert os.path.samefile(first / name / "repodata/repomd.xml", second / name / "repodata/repomd.xml")
        asc = second / name / "repodata/repomd.xml.asc"
        assert verify_detached(asc.with_suffix(""), asc, [materials.ours.public]).is_good
        assert os.path.samefile(first / name / "repodata/repomd.xml.asc", asc) is (name != "deps/epel")


def test_the_checksums_of_packages_come_from_the_manifest(materials: Materials, tmp_path: Path) -> None:
    """Packages are not hashed twice: the verification compares each with the checksum."""
    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    manifest = manifest_from_json((release / "release.json").read_text())
    other = replace(
        manifest,
        packages=tuple(
            replace(package, sha256="0" * 64)
            for package in manifest.packages
            if package.repository == "centos6"
        ),
    )
    with signing_key(materials.ours) as key:
        sign_checksums(release, key, other)
    focus = "centos6/focus-1.0-3.el6.noarch.rpm"
    assert f"{'0' * 64}  {focus}" in (release / "SHA256SUMS").read_text().splitlines()
    assert messages_by_subject(release, "checksums") == {
        focus: "the SHA-256 differs from the one in SHA256SUMS"
    }


def test_what_a_verification_has_hashed_is_not_hashed_again(materials: Materials, tmp_path: Path) -> None:
    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    with signing_key(materials.ours) as key:
        sign_checksums(release, key, digests={"release.json": "0" * 64})
    assert f"{'0' * 64}  release.json" in (release / "SHA256SUMS").read_text().splitlines()


def test_a_report_written_before_the_checksums_is_in_them(materials: Materials, tmp_path: Path) -> None:
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


def test_two_packages_with_one_name_are_refused(materials: Materials, tmp_path: Path) -> None:
    contents = make_release_contents(materials)
    (placement,) = contents.repositories[0].packages
    with pytest.raises(
        InputError, match=r"two packages have the name centos6/focus-1\.0-3\.el6\.noarch\.rpm"
    ):
        make_release(
            tmp_path / "1.0.2",
            materials,
            with_repository(contents, "centos6", packages=(placement, placement)),
        )


@pytest.mark.parametrize("name", ["-x.rpm", "a b.rpm", "package.deb", "a..b\n.rpm"])
def test_an_unsafe_package_name_is_refused(materials: Materials, tmp_path: Path, name: str) -> None:
    odd = tmp_path / name
    os.link(materials.mirrored, odd)
    origin = MirrorOrigin(url="https://example.org/x", sha256="0" * 64, needed_by=())
    contents = with_repository(
        make_release_contents(materials), "deps/epel", packages=(Placement(path=odd, origin=origin),)
    )
    with pytest.raises(InputError, match="is not a safe name for a package file"):
        make_release(tmp_path / "1.0.2", materials, contents)


def test_a_repository_without_packages_has_metadata(materials: Materials, tmp_path: Path) -> None:
    contents = with_repository(make_release_contents(materials), "deps/epel", packages=())
    release = make_release(tmp_path / "1.0.2", materials, contents)
    assert read_repodata(release / "deps/epel").packages == ()


def mirrored_contents(materials: Materials, version: str, released: Path | None) -> ReleaseContents:
    """The contents of a release whose mirrored package may be linked to the one in an earlier release."""
    contents = make_release_contents(materials, version)
    (placed,) = next(
        repository for repository in contents.repositories if repository.name == "deps/epel"
    ).packages
    placed = replace(placed, released=released, sha256=sha256_file(materials.mirrored))
    return with_repository(contents, "deps/epel", packages=(placed,))


def test_releases_share_mirrored_packages_when_the_workspace_is_on_another_file_system(
    materials: Materials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link

    def link(source: object, destination: object) -> None:
        if not str(source).startswith(str(tmp_path)):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        real(source, destination)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", link)
    name = f"deps/epel/{materials.mirrored.name}"
    first = make_release(tmp_path / "1.0.0", materials, mirrored_contents(materials, "1.0.0", None))
    second = make_release(tmp_path / "1.0.1", materials, mirrored_contents(materials, "1.0.1", first / name))
    assert not os.path.samefile(first / name, materials.mirrored)
    assert os.path.samefile(first / name, second / name)
    (first / name).write_bytes(b"damaged")
    third = make_release(tmp_path / "1.0.2", materials, mirrored_contents(materials, "1.0.2", first / name))
    fourth = make_release(
        tmp_path / "1.0.3", materials, mirrored_contents(materials, "1.0.3", tmp_path / "gone")
    )
    for release in (third, fourth):
        assert sha256_file(release / name) == sha256_file(materials.mirrored)
