"""Repositories in repos.yaml: variables in their URLs, and streams of modules."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from altai_build.config import load_config
from altai_build.config.repositories import check_url
from altai_build.config.upstreams import list_upstreams
from altai_build.model.connection import ConnectionSettings
from tests.config.test_load import broken, read_errors, write


def test_variables_of_the_architecture_are_replaced_in_urls_of_repositories(tmp_path: Path) -> None:
    tree = broken("repositories|deps/epel|url", "https://example.org/$basearch/${arch}/")
    tree["targets"]["centos6"]["arch"] = "i686"
    tree["targets"]["centos6"]["base"][0]["url"] = "https://example.org/os/$basearch/"
    config = load_config(write(tmp_path, yaml.safe_dump(tree)))
    assert config.repositories["deps/epel"].url == "https://example.org/i386/i686/"
    assert config.targets["centos6"].base[0].url == "https://example.org/os/i386/"


def test_streams_of_modules_are_read(tmp_path: Path) -> None:
    tree = broken("repositories|deps/epel|modules", {"nodejs": 18, "perl": "5.30"})
    config = load_config(write(tmp_path, yaml.safe_dump(tree)))
    assert config.repositories["deps/epel"].modules == (("nodejs", "18"), ("perl", "5.30"))


def test_two_streams_of_a_module_cannot_both_be_chosen(tmp_path: Path) -> None:
    tree = broken("repositories|deps/epel|modules", {"nodejs": 18})
    tree["repositories"]["deps/one"]["modules"] = {"nodejs": "10"}
    assert read_errors(tmp_path, tree) == [
        "repositories.deps/one.modules.nodejs: got '10', and deps/epel chooses '18'; "
        "of a module one stream can be active"
    ]


def test_how_servers_are_reached_is_read(tmp_path: Path) -> None:
    tree = broken("repositories|deps/epel|proxy", "http://proxy.example:3128")
    tree["repositories"]["deps/epel"].update(minrate=0, timeout=5)
    tree["targets"]["centos6"]["base"][0]["proxy"] = "_none_"
    config = load_config(write(tmp_path, yaml.safe_dump(tree)))
    mirror = config.repositories["deps/epel"]
    assert mirror.connection == ConnectionSettings("http://proxy.example:3128", minrate=0, timeout=5)
    connections = {upstream.name: upstream.connection for upstream in list_upstreams(config)}
    assert connections["deps/epel"] == mirror.connection
    assert connections["base/os"] == ConnectionSettings(proxy="_none_")


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        (
            "proxy",
            "socks5://a",
            "got 'socks5://a'; write the URL of a proxy, with http or https, or _none_ for none",
        ),
        ("minrate", -1, "got -1; write a number of bytes a second, as in 1000; 0 for any"),
        ("timeout", 0, "got 0; write a number of seconds, as in 30"),
    ],
)
def test_connections_that_cannot_be_made(tmp_path: Path, key: str, value: object, error: str) -> None:
    lines = read_errors(tmp_path, broken(f"repositories|deps/epel|{key}", value))
    assert lines == [f"repositories.deps/epel.{key}: {error}"]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("password", "repos.yaml is published: keep passwords in ~/.netrc"),
        (
            "sslverify",
            "certificates are always verified; REQUESTS_CA_BUNDLE names a file with those of authorities",
        ),
        ("retries", "each server is tried four times"),
        ("gpgcheck", "signatures are always checked"),
    ],
)
def test_settings_of_dnf_that_are_not_here_have_a_hint(tmp_path: Path, key: str, hint: str) -> None:
    tree = broken(f"repositories|deps/epel|{key}", "1")
    tree["targets"]["centos6"]["base"][0][key] = "1"
    places = ("targets.centos6.base[0]", "repositories.deps/epel")
    assert read_errors(tmp_path, tree) == [f"{place}: unknown key {key!r}; {hint}" for place in places]


@pytest.mark.parametrize("url", ["https://example.org/a", "http://[::1]:8080/", "file:///srv/mirror"])
def test_urls_that_can_be_used(url: str) -> None:
    assert check_url(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http://[",
        "http://a:99999/",
        "http://:80/",
        "ftp://a/",
        "a",
        "https://a:b@c/",
        "http://a:0/",
        "http://a/x#b",
        "file://host/srv",
    ],
)
def test_urls_that_cannot_be_used(url: str) -> None:
    assert check_url(url)
