"""`keys`: made once, listed with what every release has of them, and followed by others without a day on which
clients refuse."""

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
from tests.kit.releases import Materials, make_materials, make_release, make_release_contents, with_repository
from tests.kit.rpms import build_rpm


@pytest.fixture(scope="module")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Materials:
    return make_materials(tmp_path_factory.mktemp("materials"))


@pytest.fixture(scope="module")
def successor(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    return make_key(tmp_path_factory.mktemp("successor"), "successor")


def listed(site: Path) -> dict[str, Any]:
    answer = altai_build("keys", "list", "--json", cwd=site)
    assert answer.code == 0, answer.err
    return {row["name"]: row for row in answer.json}


def with_successor(plan: ReleaseContents, key: ThrowawayKey) -> ReleaseContents:
    """The plan with the second key announced wherever ours is used."""
    for one in plan.repositories:
        if one.key == "ours":
            plan = with_repository(plan, one.name, further_keys=("next",))
    return replace(plan, keys=(*plan.keys, KeyFile(name="next", file=key.public)))


def switched(plan: ReleaseContents, materials: Materials, key: ThrowawayKey, folder: Path) -> ReleaseContents:
    """The plan of a release that the second key signs, with old packages and a new one."""
    new = build_rpm(folder, "later").binary
    with signing_key(key) as signer:
        signer.sign_rpms([new], rpmv3=True)
    origin = plan.repositories[0].packages[0].origin
    packages = (
        *plan.repositories[0].packages,
        type(plan.repositories[0].packages[0])(path=new, origin=origin),
    )
    plan = with_repository(with_successor(plan, key), "centos6", packages=packages)
    for one in plan.repositories:
        if one.key == "ours":
            plan = with_repository(plan, one.name, key="next", further_keys=("ours",))
    return replace(plan, signing_key="next")


def gpgkeys(release: Path) -> dict[str, list[str]]:
    """Section → the names of the keys it has clients import."""
    parser = configparser.ConfigParser()
    parser.read(release / "altai.repo")
    return {
        name: [url.rpartition("/")[2] for url in parser[name]["gpgkey"].split()] for name in parser.sections()
    }


def test_a_key_is_announced_then_takes_over(
    materials: Materials, successor: ThrowawayKey, tmp_path: Path
) -> None:
    """At every step clients have the key of all that they are offered, and what the old key signed stays sound."""
    site, releases = tmp_path / "site", tmp_path / "site" / "releases"
    config = write_config(site, materials)
    successor_line = f'  next: {{file: "{successor.public}", signs: true, replaces: ours}}\nrepositories:'
    config.write_text(config.read_text().replace("repositories:", successor_line))
    make_release(releases / "1", materials, make_release_contents(materials, "1"))
    make_release(releases / "2", materials, with_successor(make_release_contents(materials, "2"), successor))
    folder = releases / "3"
    folder.mkdir()
    plan = switched(make_release_contents(materials, "3"), materials, successor, tmp_path / "work")
    with signing_key(successor) as key:
        compose(folder, plan, key)
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
        assert [one for one in found.findings if one.severity is Severity.ERROR] == [], version
    rows = listed(site)
    assert [(one["release"], one["packages"], one["metadata"]) for one in rows["ours"]["releases"]] == [
        ("1", 3, True),
        ("2", 3, True),
        ("3", 3, False),
    ]
    assert [(one["release"], one["packages"], one["metadata"]) for one in rows["next"]["releases"]] == [
        ("2", 0, False),
        ("3", 1, True),
    ]
    assert rows["next"]["replaces"] == "ours"
    assert [one["packages"] for one in rows["epel6"]["releases"]] == [1, 1, 1]


def test_without_the_succession_the_old_keys_packages_are_refused(
    materials: Materials, successor: ThrowawayKey, tmp_path: Path
) -> None:
    plan = switched(make_release_contents(materials, "3"), materials, successor, tmp_path / "work")
    alone = with_repository(plan, "centos6", further_keys=())
    folder = tmp_path / "3"
    folder.mkdir()
    with signing_key(successor) as key:
        compose(folder, alone, key)
        sign_checksums(folder, key)
    errors = {
        (one.rule, one.subject) for one in verify_release(folder).findings if one.severity is Severity.ERROR
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
    row = listed(site)["next"]
    assert (row["file"], row["secret"], row["fingerprint"]) == (None, False, successor.fingerprint)
    text = altai_build("keys", "list", cwd=site).out
    assert f"next\t{successor.fingerprint}" in text
    assert "not in repos.yaml\t1: announced" in text


def test_an_expired_key_is_told_as_such(materials: Materials, tmp_path: Path) -> None:
    expired = make_key(tmp_path, "old", born="20200101", expires="2021-01-01")
    config = write_config(tmp_path / "site", materials)
    config.write_text(config.read_text().replace(str(materials.theirs.public), str(expired.public)))
    row = listed(tmp_path / "site")["epel6"]
    assert (row["expires"], row["expired"], row["releases"]) == ("2021-01-01", True, [])
    assert "2021-01-01 (expired)" in altai_build("keys", "list", cwd=tmp_path / "site").out
