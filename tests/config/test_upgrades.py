"""`profiles`, `allow_downgrades` and `replaces` of repos.yaml: every setting and every error with its key path."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config import Config, load_config
from altai_build.errors import InputError
from altai_build.model.upgrade import AllowedDowngrade, Profile

_START = """\
project: altai
targets: {centos6: {mock_config: el6, arch: x86_64}}
keys:
  altai: {file: a, signs: true}
  epel: {file: e}
%s
repositories: {centos6: {source: superproject, target: centos6, key: altai}}
release: {baseurl: "https://repo.example.org"}
%s
"""


def load(folder: Path, *, keys: str = "", more: str = "") -> Config:
    path = folder / "repos.yaml"
    path.write_text(_START % (keys, more))
    return load_config(path)


def read_errors(folder: Path, *, keys: str = "", more: str = "") -> list[str]:
    with pytest.raises(InputError) as caught:
        load(folder, keys=keys, more=more)
    return [line.strip() for line in caught.value.why.splitlines()]


def test_profiles_and_downgrades(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        more="profiles: {master: [openstack-nova-api, mysql-server], node: [openstack-nova-compute]}\n"
        "allow_downgrades: [{package: libvirt, reason: 1.0 loses guests}]\n",
    )
    assert config.profiles == (
        Profile(name="master", packages=("openstack-nova-api", "mysql-server")),
        Profile(name="node", packages=("openstack-nova-compute",)),
    )
    assert config.allow_downgrades == (AllowedDowngrade(package="libvirt", reason="1.0 loses guests"),)


def test_errors_of_profiles_and_downgrades_are_reported_together(tmp_path: Path) -> None:
    errors = read_errors(
        tmp_path,
        more="profiles: {empty: [], none: , text: nova, 'bad name': [a], odd: [--force]}\n"
        "allow_downgrades: [{package: a}, {package: b, reasons: x, reason: y}, {package: b, reason: z}]\n",
    )
    assert errors == [
        "profiles.empty: the list is empty; name the packages, or take the profile out",
        "profiles.none: got nothing; write a list of package names",
        "profiles.text: got 'nova'; write a list",
        "profiles.bad name: write letters, digits and _ . + -",
        "profiles.odd[0]: got '--force'; write letters, digits and _ . + -",
        "allow_downgrades[0]: the key 'reason' is missing",
        "allow_downgrades[1]: unknown key 'reasons'; perhaps you meant 'reason'",
        "allow_downgrades[2].package: 'b' is listed twice",
    ]


def test_the_succession_of_keys(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        keys="  second: {file: b, signs: true, replaces: altai}\n  third: {file: c, signs: true, replaces: second}",
    )
    assert config.get_related_keys("altai") == ("second", "third")
    assert config.get_related_keys("second") == ("altai", "third")
    assert config.get_related_keys("third") == ("second", "altai")
    assert config.get_related_keys("epel") == ()


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            "  b: {file: b, signs: true, replaces: altaj}",
            ["keys.b.replaces: got 'altaj', which is not in keys; perhaps you meant 'altai'"],
        ),
        (
            "  b: {file: b, signs: true, replaces: altai}\n  c: {file: c, signs: true, replaces: altai}",
            ["keys.c.replaces: 'altai' is replaced by 'b' already; a key has one successor"],
        ),
        (
            "  b: {file: b, signs: true, replaces: c}\n  c: {file: c, signs: true, replaces: b}",
            [
                "keys.b.replaces: 'b' would replace itself; name the older key",
                "keys.c.replaces: 'c' would replace itself; name the older key",
            ],
        ),
        (
            "  b: {file: b, replaces: altai}",
            ["keys.b.replaces: either both keys are our own (signs: true), or neither is"],
        ),
    ],
)
def test_a_succession_that_cannot_be(keys: str, expected: list[str], tmp_path: Path) -> None:
    assert read_errors(tmp_path, keys=keys) == expected
