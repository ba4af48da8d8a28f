"""`releases`: a row for each published release, lowest first; the one that `latest` links to is marked."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.pipeline.published.releases import open_releases
from tests.kit.cli import altai_build
from tests.kit.manifests import manifest, package, write_manifests

_REPOS = """\
project: altai
targets: {centos6: {mock_config: el6, arch: x86_64}}
keys: {altai: {file: key, signs: true}}
repositories: {centos6: {source: superproject, target: centos6, key: altai}}
release: {directory: releases, baseurl: "https://repo.example.org"}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "repos.yaml").write_text(_REPOS)
    return tmp_path


def test_releases_are_listed_in_the_order_of_rpm(site: Path) -> None:
    small, large = package("a-1-1.noarch", size=500), package("b-1-1.noarch", size=2_500_000)
    write_manifests(
        site / "releases",
        manifest("1.0.10", [small, large], previous="1.0.9"),
        manifest("1.0.9", [small], commit="b" * 40),
    )
    (site / "releases" / "latest").symlink_to("1.0.10")
    assert altai_build("releases", cwd=site).out.splitlines() == [
        "1.0.9\t2013-02-28\tbbbbbbbbbbbb\t-\t1\t500 B\t\t",
        "1.0.10\t2013-02-28\taaaaaaaaaaaa\t1.0.9\t2\t2.5 MB\tlatest\t",
    ]
    assert altai_build("releases", "--json", cwd=site).json[1] == {
        "schema_version": 1,
        "release": "1.0.10",
        "created": "2013-02-28T12:00:00Z",
        "commit": "a" * 40,
        "previous": "1.0.9",
        "target": "centos6",
        "packages": 2,
        "size": 2_500_500,
        "trust": "unverified",
        "latest": True,
        "channels": [],
    }


def test_without_releases_the_list_is_empty(site: Path) -> None:
    answer = altai_build("releases", "--json", cwd=site)
    assert (answer.code, answer.json) == (0, [])
    answer = altai_build("releases", cwd=site)
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == f"altai-build: there are no releases in {site}/releases\n"
    assert "publish one with `altai-build release VERSION`" in altai_build("audit", "1", cwd=site).err


def test_a_damaged_manifest_is_an_error_with_its_place(site: Path) -> None:
    write_manifests(site / "releases", manifest("1.0.0", []))
    path = site / "releases" / "1.0.0" / "release.json"
    path.write_text("{}")
    answer = altai_build("releases", cwd=site)
    assert answer.code == 3
    assert f"{path} is not a release manifest\nversion: is missing" in answer.err


def test_an_interrupted_publication_is_finished_before_the_releases_are_read(site: Path) -> None:
    releases = site / "releases"
    write_manifests(releases, manifest("1.0.9", []), manifest("1.0.10", []))
    for words in (
        ("releases",),
        ("diff", "1.0.9", "latest"),
        ("audit", "latest"),
        ("which", "a"),
        ("verify", "latest"),
    ):
        (releases / "latest").unlink(missing_ok=True)
        (releases / "latest").symlink_to("1.0.9")
        (releases / ".latest.1.0.10.next").symlink_to("1.0.10")
        answer = altai_build(*words, cwd=site)
        assert "finished the interrupted publication of release 1.0.10" in answer.err, words
        assert (releases / "latest").readlink().name == "1.0.10"


def test_a_publication_that_cannot_be_finished_is_reported(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifests(site / "releases", manifest("1.0.9", []), manifest("1.0.10", []))
    (site / "releases" / "latest").symlink_to("1.0.9")
    (site / "releases" / ".latest.1.0.10.next").symlink_to("1.0.10")

    def refuse(*_arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    messages: list[str] = []
    releases = open_releases(load_config(site / "repos.yaml"), messages.append)
    assert (releases / "latest").readlink().name == "1.0.9"
    (message,) = messages
    assert "was interrupted and cannot be finished" in message and "(Permission denied)" in message


def test_a_release_that_was_removed_by_hand_is_still_on_the_page(site: Path) -> None:
    write_manifests(site / "releases", manifest("1.0.1", []), manifest("1.0.2", []))
    assert altai_build("report", "--index", cwd=site).code == 0
    assert "index.html" not in altai_build("releases", cwd=site).err
    shutil.rmtree(site / "releases" / "1.0.1")
    said = "index.html shows 1.0.1, which is gone: write it again with `altai-build report --index`"
    assert said in altai_build("releases", cwd=site).err
