"""Which releases use which keys, while one key replaces another without a day on which clients refuse packages."""

from __future__ import annotations

import configparser
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from altai_build.model.findings import Severity
from altai_build.stages.compose import KeyFile, ReleaseContents, compose, sign_checksums
from altai_build.stages.verify import verify_release
from tests.kit.cli import altai_build
from tests.kit.configs import write_config
from tests.kit.keys import ThrowawayKey, make_key, signing_key
from tests.kit.releases import (
    Materials,
    make_release,
    make_release_contents,
    with_packages,
    with_repository,
)
from tests.kit.rpms import build_rpm


@pytest.fixture(scope="module")
def successor(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    return make_key(tmp_path_factory.mktemp("successor"), "successor")


def list_keys(site: Path) -> dict[str, Any]:
    answer = altai_build("keys", "list", "--json", cwd=site)
    assert answer.code == 0, answer.err
    return {key["name"]: key for key in answer.json}


def with_successor(contents: ReleaseContents, key: ThrowawayKey) -> ReleaseContents:
    """The contents with the second key announced wherever ours is used."""
    for repository in contents.repositories:
        if repository.key == "ours":
            contents = with_repository(contents, repository.name, further_keys=("next",))
    return replace(contents, keys=(*contents.keys, KeyFile(name="next", file=key.public)))


def switched(
    contents: ReleaseContents, materials: Materials, key: ThrowawayKey, folder: Path
) -> ReleaseContents:
    """The contents of a release that the second key signs, with the old packages and a new one."""
    new = build_rpm(folder, "later")
    with signing_key(key) as signer:
        signer.sign_rpms([new.binary, new.source], rpmv3=True)
    contents = with_packages(with_successor(contents, key), "centos6", new.binary)
    contents = with_packages(contents, "centos6-srpms", new.source)
    for repository in contents.repositories:
        if repository.key == "ours":
            contents = with_repository(contents, repository.name, key="next", further_keys=("ours",))
    return replace(contents, signing_key="next")


def gpgkeys(release: Path) -> dict[str, list[str]]:
    """Section of the .repo file → the names of the keys that clients import for it."""
    parser = configparser.ConfigParser()
    parser.read(release / "altai.repo")
    return {
        name: [url.rpartition("/")[2] for url in parser[name]["gpgkey"].split()] for name in parser.sections()
    }


def test_a_key_is_announced_then_takes_over(
    materials: Materials, successor: ThrowawayKey, tmp_path: Path
) -> None:
    """At every step clients get the keys of all packages, and packages of the old key stay valid."""
    site, releases = tmp_path / "site", tmp_path / "site" / "releases"
    config = write_config(site, materials)
    successor_line = f'  next: {{file: "{successor.public}", signs: true, replaces: ours}}\nrepositories:'
    config.write_text(config.read_text().replace("repositories:", successor_line))
    make_release(releases / "1", materials, make_release_contents(materials, "1"))
    make_release(releases / "2", materials, with_successor(make_release_contents(materials, "2"), successor))
    folder = releases / "3"
    folder.mkdir()
    contents = switched(make_release_contents(materials, "3"), materials, successor, tmp_path / "work")
    with signing_key(successor) as key:
        compose(folder, contents, key)
        sign_checksums(folder, key)
    ours, both = ["RPM-GPG-KEY-ours"], ["RPM-GPG-KEY-ours", "RPM-GPG-KEY-next"]
    assert gpgkeys(releases / "1")["altai-centos6"] == ours
    assert gpgkeys(releases / "2")["altai-centos6"] == both
    assert gpgkeys(releases / "3")["altai-centos6"] == both[::-1]
    assert gpgkeys(releases / "2")["altai-deps-epel"] == ["RPM-GPG-KEY-epel6", *both]
    trusted = [
        ("ours", materials.ours.public),
        ("epel6", materials.theirs.public),
        ("next", successor.public),
    ]
    for version in "123":
        found = verify_release(releases / version, trusted_keys=trusted)
        assert [finding for finding in found.findings if finding.severity is Severity.ERROR] == [], version
    rows = list_keys(site)
    assert [(use["release"], use["packages"], use["metadata"]) for use in rows["ours"]["releases"]] == [
        ("1", 4, True),
        ("2", 4, True),
        ("3", 4, False),
    ]
    assert [(use["release"], use["packages"], use["metadata"]) for use in rows["next"]["releases"]] == [
        ("2", 0, False),
        ("3", 2, True),
    ]
    assert rows["next"]["replaces"] == "ours"
    assert [use["packages"] for use in rows["epel6"]["releases"]] == [1, 1, 1]


def test_without_the_succession_the_old_keys_packages_are_refused(
    materials: Materials, successor: ThrowawayKey, tmp_path: Path
) -> None:
    contents = switched(make_release_contents(materials, "3"), materials, successor, tmp_path / "work")
    alone = with_repository(contents, "centos6", further_keys=())
    folder = tmp_path / "3"
    folder.mkdir()
    with signing_key(successor) as key:
        compose(folder, alone, key)
        sign_checksums(folder, key)
    errors = {
        (finding.rule, finding.subject)
        for finding in verify_release(folder).findings
        if finding.severity is Severity.ERROR
    }
    assert ("package-signatures", f"centos6/{materials.own.name}") in errors


def test_a_key_that_only_releases_have_is_listed(
    materials: Materials, successor: ThrowawayKey, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    write_config(site, materials)
    make_release(
        site / "releases" / "1", materials, with_successor(make_release_contents(materials, "1"), successor)
    )
    row = list_keys(site)["next"]
    assert (row["file"], row["secret"], row["fingerprint"]) == (None, False, successor.fingerprint)
    text = altai_build("keys", "list", cwd=site).out
    assert f"next\t{successor.fingerprint}" in text
    assert "not in repos.yaml\t1: announced" in text


def test_a_damaged_release_hides_no_other_and_is_named(materials: Materials, tmp_path: Path) -> None:
    site = tmp_path / "site"
    write_config(site, materials)
    for version in ("1", "2", "3"):
        make_release(site / "releases" / version, materials, make_release_contents(materials, version))
    (site / "releases" / "1" / "release.json").write_text("{}")
    (site / "releases" / "3" / "RPM-GPG-KEY-epel6").write_text("damaged")
    answer = altai_build("keys", "list", "--json", cwd=site)
    assert answer.code == 3
    assert {use["release"] for row in answer.json for use in row["releases"]} == {"2"}
    assert "uses of keys in releases that cannot be read are not listed: 1, 3\n" in answer.err
    assert f"{site}/releases/3/RPM-GPG-KEY-epel6" in answer.err


def test_who_may_not_read_the_keyring_is_not_told_that_it_is_empty(
    materials: Materials, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    write_config(site, materials)
    (site / ".altai-build").mkdir()
    (site / ".altai-build" / "gnupg").symlink_to("/proc/self")
    assert {row["secret"] for row in list_keys(site).values()} == {None}
    answer = altai_build("keys", "list", cwd=site)
    assert {line.split("\t")[4] for line in answer.out.splitlines()} == {"unknown"}
    assert f"cannot use the keyring {site}/.altai-build/gnupg: Operation not permitted" in answer.err
