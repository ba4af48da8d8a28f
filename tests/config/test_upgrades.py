"""`profiles` and `allow_downgrades` of repos.yaml: every setting and every error with its key path."""

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
repositories: {centos6: {source: superproject, target: centos6, key: altai}}
release: {baseurl: "https://repo.example.org"}
%s
"""


def load(folder: Path, more: str) -> Config:
    path = folder / "repos.yaml"
    path.write_text(_START % more)
    return load_config(path)


def read_errors(folder: Path, more: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(folder, more)
    return [line.strip() for line in caught.value.why.splitlines()]


def test_profiles_and_downgrades(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "profiles: {master: [openstack-nova-api, mysql-server], node: [openstack-nova-compute]}\n"
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
        "profiles: {empty: [], none: , text: nova, 'bad name': [a], odd: [--force]}\n"
        "allow_downgrades: [{package: a}, {package: b, reasons: x, reason: y}, {package: b, reason: z}]\n",
    )
    assert errors == [
        "profiles.empty: the list is empty; list the packages, or remove the profile",
        "profiles.none: got nothing; write a list of package names",
        "profiles.text: got 'nova'; write a list",
        "profiles.bad name: write letters, digits and _ . + -",
        "profiles.odd[0]: got '--force'; write letters, digits and _ . + -",
        "allow_downgrades[0]: the key 'reason' is missing",
        "allow_downgrades[1]: unknown key 'reasons'; did you mean reason?",
        "allow_downgrades[2].package: 'b' is listed twice",
    ]
