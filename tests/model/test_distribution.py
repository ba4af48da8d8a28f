"""Distributions: what is known of each, and what is not."""

from __future__ import annotations

import re

import pytest

from altai_build.model.distribution import (
    describe_key_source,
    find_distribution,
    find_key_of_file,
    list_distributions,
)

IDS = [*(name for name in list_distributions() if name != "fedora-N"), "fedora-17", "fedora-41", "fedora-44"]


@pytest.mark.parametrize("id", IDS)
def test_every_repository_has_a_key_and_a_web_url(id: str) -> None:
    one = find_distribution(id)
    assert one is not None and one.id == id and one.base and one.setup
    names = {key.name for key in one.keys}
    for source in (*one.base, *one.more):
        assert (
            source.key in names
            and source.url.startswith("https://")
            and source.listing in ("url", "metalink")
        )
    for key in one.keys:
        assert all(re.fullmatch("[0-9A-F]{40}", fingerprint) for fingerprint in key.fingerprints)
        assert key.file in describe_key_source(key) or key.installed_path in describe_key_source(key)
    assert len({source.name for source in (*one.base, *one.more)}) == len(one.base) + len(one.more)


@pytest.mark.parametrize(
    ("id", "urls"),
    [
        (
            "centos6",
            ("https://vault.centos.org/6.10/", "https://archives.fedoraproject.org/pub/archive/epel/6/"),
        ),
        (
            "centos7",
            ("https://vault.centos.org/7.9.2009/", "https://archives.fedoraproject.org/pub/archive/epel/7/"),
        ),
        ("fedora-17", ("https://archives.fedoraproject.org/pub/archive/fedora/linux/",)),
    ],
)
def test_the_repositories_of_what_has_ended_are_archives(id: str, urls: tuple[str, ...]) -> None:
    one = find_distribution(id)
    assert one is not None and "has ended" in one.remark
    assert all(source.url.startswith(urls) for source in (*one.base, *one.more))


def test_el6_is_centos6_and_a_fedora_has_its_number() -> None:
    assert find_distribution("el6") == find_distribution("centos6")
    fedora = find_distribution("fedora-44")
    assert fedora is not None and ("dist", ".fc44") in fedora.macros
    assert find_distribution("fedora44") == fedora


@pytest.mark.parametrize("id", ["", "el5", "fedora-", "fedora-7", "fedora-100", "alt", "../x", "fedora-44\n"])
def test_others_are_unknown(id: str) -> None:
    assert find_distribution(id) is None


def test_every_distribution_that_is_listed_has_fingerprints() -> None:
    found = [find_distribution(id) for id in IDS]
    assert all(one is not None and all(key.fingerprints for key in one.keys) for one in found)


def test_a_key_is_known_by_the_name_of_its_file() -> None:
    key = find_key_of_file("RPM-GPG-KEY-CentOS-6")
    assert key is not None and key.name == "centos6"
    assert "C1DAC52D1664E8A4386DBA430946FCA2C105B9DE" in describe_key_source(key)
    fedora = find_key_of_file("RPM-GPG-KEY-fedora-44-primary")
    assert fedora is not None
    assert "fingerprint 36F612DCF27F7D1A48A835E4DBFCF71C6D9F90A6" in describe_key_source(fedora)
    unknown = find_key_of_file("RPM-GPG-KEY-fedora-99-primary")
    assert unknown is not None and "compare its fingerprint" in describe_key_source(unknown)
    assert find_key_of_file("RPM-GPG-KEY-altai") is None
