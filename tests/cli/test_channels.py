"""`channels`: what each channel shows, its history, and channels that nobody should follow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from altai_build.tools.openpgp.signing import SigningKey
from tests.kit.cli import ROOT, altai_build
from tests.kit.keys import signing_key
from tests.kit.manifests import manifest, write_manifests
from tests.kit.releases import Materials
from tests.kit.server import serving
from tests.stages.test_channel import switch

_REPOS = """\
project: altai
targets: {centos6: {mock_config: el6, arch: x86_64}}
keys: {altai: {file: key, signs: true}}
repositories: {centos6: {source: superproject, target: centos6, key: altai}}
release: {directory: releases, baseurl: "https://repo.example.org"}
"""
_SCHEMA = ROOT / "altai_build" / "schemas" / "channels.json"


@pytest.fixture(scope="module")
def key(materials: Materials) -> Iterator[SigningKey]:
    with signing_key(materials.ours) as key:
        yield key


def test_the_list_and_one_history(tmp_path: Path, key: SigningKey) -> None:
    switch(tmp_path, key, 3)
    words = ("--releases", str(tmp_path), "--key", str(key.file))
    listed = altai_build("channels", *words, cwd=tmp_path)
    who = "Ann <ann@example.org>"
    assert listed.out == f"stable\t1.0.0\t2026-11-27T11:00:00Z\t1.0.1\t{who}\tbad\n"
    one = altai_build("channels", "stable", *words, cwd=tmp_path)
    assert [line.split("\t")[1:3] for line in one.out.splitlines()] == [
        ["-", "1.0.0"],
        ["1.0.0", "1.0.1"],
        ["1.0.1", "1.0.0 (back)"],
    ]
    for arguments in ((), ("stable",)):
        document = altai_build("channels", *arguments, *words, "--json", cwd=tmp_path).json
        jsonschema.validate(document, json.loads(_SCHEMA.read_text()))
        assert (document[0]["release"], document[0]["trust"], "promotions" in document[0]) == (
            "1.0.0",
            "pinned",
            bool(arguments),
        )


def test_a_channel_that_somebody_changed_is_an_error(tmp_path: Path, key: SigningKey) -> None:
    switch(tmp_path, key, 1)
    (tmp_path / "channels" / "stable" / "altai-stable.repo").write_text("")
    answer = altai_build("channels", "--releases", tmp_path, "--key", key.file, cwd=tmp_path)
    assert answer.code == 3
    assert answer.out == "stable\tunknown\t-\t-\t-\t-\n"
    assert "altai-stable.repo: it is not the file that the signed history lists" in answer.err


def test_a_mistyped_channel(tmp_path: Path, key: SigningKey) -> None:
    switch(tmp_path, key, 1)
    answer = altai_build("channels", "stabel", "--releases", tmp_path, "--key", key.file, cwd=tmp_path)
    assert (answer.code, "\ndid you mean stable?\n" in answer.err) == (3, True)


def test_without_channels_the_list_is_empty(tmp_path: Path, key: SigningKey) -> None:
    answer = altai_build("channels", "--releases", tmp_path, cwd=tmp_path)
    assert (answer.code, answer.out) == (0, "")
    assert "there are no channels in" in answer.err
    missing = altai_build("channels", "stable", "--releases", tmp_path, cwd=tmp_path)
    assert (missing.code, "there is no channel stable" in missing.err) == (3, True)


def test_releases_says_which_channels_show_a_release(tmp_path: Path, key: SigningKey) -> None:
    write_manifests(tmp_path, manifest("1.0.0", []), manifest("1.0.1", []))
    switch(tmp_path, key, 2)
    words = ("releases", tmp_path, "--key", key.file)
    listed = altai_build(*words, "--json", cwd=tmp_path)
    assert [(row["release"], row["channels"]) for row in listed.json] == [
        ("1.0.0", []),
        ("1.0.1", ["stable"]),
    ]
    assert altai_build(*words, cwd=tmp_path).out.splitlines()[1].endswith("\t\tstable")
    alone = altai_build("releases", tmp_path / "1.0.1", "--json", cwd=tmp_path)
    assert alone.json[0]["channels"] is None
    (tmp_path / "channels" / "stable" / "altai-stable.repo").unlink()
    listed = altai_build(*words, "--json", cwd=tmp_path)
    assert [row["channels"] for row in listed.json] == [[], []]
    assert "the channel stable is not what was promoted" in listed.err


def test_clean_keeps_what_a_channel_shows(tmp_path: Path, key: SigningKey) -> None:
    (tmp_path / "repos.yaml").write_text(_REPOS)
    (tmp_path / ".altai-build").mkdir()
    for count in (1, 2):
        switch(tmp_path / "releases", key, count)
    channels = tmp_path / "releases" / "channels"
    for path in (channels / ".stable.1", channels / ".stable.2"):
        os.utime(path, (1, 1))
    (channels / ".stable.staging-killed").mkdir()
    answer = altai_build("clean", cwd=tmp_path)
    assert (answer.code, answer.out.split("\t")[:2]) == (
        0,
        ["leftover", f"{channels}/.stable.staging-killed"],
    )
    answer = altai_build("clean", "--older-than", "1d", cwd=tmp_path)
    assert (answer.code, answer.out.split("\t")[:2]) == (0, ["folder of a channel", f"{channels}/.stable.1"])
    assert sorted(os.listdir(channels)) == [".stable.2", "stable"]


def test_channels_on_a_server(tmp_path: Path, key: SigningKey) -> None:
    switch(tmp_path / "served", key, 2)
    with serving(tmp_path / "served") as url:
        words = ("--releases", url, "--key", str(key.file))
        listed = altai_build("channels", *words, cwd=tmp_path)
        assert listed.out.startswith("stable\t1.0.1\t"), listed.err
        (tmp_path / "served" / "channels" / "index.html").write_text("<html>")
        unlisted = altai_build("channels", *words, cwd=tmp_path)
        assert (unlisted.code, "name the channel" in unlisted.err) == (3, True)
        (tmp_path / "served" / "1.0.1" / "SHA256SUMS").unlink()
        gone = altai_build("channels", "stable", *words, cwd=tmp_path)
        assert "the channel stable shows 1.0.1, which machines cannot get" in gone.err
