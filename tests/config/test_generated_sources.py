"""Generated sources: what a package is told of the release, the channel and the rings."""

from __future__ import annotations

import configparser
from dataclasses import replace
from pathlib import Path

from altai_build.config.generated_sources import generate_sources
from altai_build.model.component import Component, ComponentKind
from altai_build.model.gitlink import CommitId
from tests.config.test_channels import load

_COMPONENT = Component(
    name="altai-release",
    kind=ComponentKind.ROOT,
    path="altai-release",
    commit=CommitId("c" * 40),
    url=None,
    spec="altai-release.spec",
    repository="main",
)


def read_keys(path: Path) -> bytes:
    """Stands for the reader of key files."""
    return f"keys of {path.name}\n".encode()


def generate(folder: Path, release: str, template: str) -> str:
    config = load(folder, release, template)
    return generate_sources(config, _COMPONENT, "1.0.2", read_keys)["altai.repo"].decode()


def test_a_package_can_carry_the_repo_file_of_a_channel(tmp_path: Path) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(generate(tmp_path, "channel: stable", "{channel}"))
    section = parser["altai-stable"]
    assert section["metalink"] == "https://example.org/channels/stable/metalink.xml"
    assert section["gpgkey"] == "https://example.org/channels/stable/RPM-GPG-KEY-k"
    assert (section["skip_if_unavailable"], section["repo_gpgcheck"]) == ("0", "1")


def test_with_rings_the_machine_chooses_the_channel(tmp_path: Path) -> None:
    text = generate(tmp_path, "rings: {early: 10, stable: 100}", "{channel}")
    assert "[altai-ring]\nname=altai $altairing\n" in text
    assert "\nmetalink=https://example.org/channels/$altairing/metalink.xml\n" in text
    script = generate(tmp_path, "rings: {early: 10, stable: 100}", "{ring}")
    assert script.startswith("#!/bin/sh\n") and "etc/dnf/vars" in script


def test_the_text_of_a_channel_does_not_depend_on_the_release(tmp_path: Path) -> None:
    """Otherwise the package would be built again for each release."""
    config = load(tmp_path, "channel: stable", "{channel}")
    assert generate_sources(config, _COMPONENT, "1", read_keys) == generate_sources(
        config, _COMPONENT, "2", read_keys
    )


def test_other_components_get_nothing(tmp_path: Path) -> None:
    config = load(tmp_path, "channel: stable", "{channel}")
    other = replace(_COMPONENT, name="focus", path="repos/focus")
    assert generate_sources(config, other, "1", read_keys) == {}


def test_a_package_with_the_keys_names_them_where_it_installs_them(tmp_path: Path) -> None:
    config = load(tmp_path, "channel: stable", '{channel}", RPM-GPG-KEY-x: "{keys}')
    sources = generate_sources(config, _COMPONENT, "1", read_keys)
    assert sources["RPM-GPG-KEY-x"] == b"keys of k\n"
    text = sources["altai.repo"].decode()
    assert "\ngpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-x\n" in text and "/RPM-GPG-KEY-k" not in text
