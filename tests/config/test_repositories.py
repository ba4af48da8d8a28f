"""Repositories in repos.yaml: variables in their URLs, and streams of modules."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from altai_build.config import load_config
from altai_build.config.repositories import check_url
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
    ],
)
def test_urls_that_cannot_be_used(url: str) -> None:
    assert check_url(url)
