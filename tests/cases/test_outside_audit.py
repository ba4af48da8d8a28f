"""An auditor has a folder or a URL, and the key: no repos.yaml, no git repository, no workspace."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.model.release import ComponentOrigin
from tests.kit.cli import CliResult, altai_build
from tests.kit.releases import (
    Materials,
    make_release,
    make_release_contents,
    sign,
    sign_again,
    with_repository,
)
from tests.kit.rpms import build_rpm
from tests.kit.server import serving


@pytest.fixture(scope="module")
def releases(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.0.1 and 1.0.2, which has a later commit of focus."""
    folder = tmp_path_factory.mktemp("releases")
    made = build_rpm(
        folder / "made",
        "focus",
        "1.1",
        "1.el6",
        provides=("python3dist(focus) = 1.1",),
        requires=("bash >= 4", "/bin/sh", "erlang", "(system-thing or another)"),
    )
    sign(materials, made.binary, made.source)
    for version in ("1.0.1", "1.0.2"):
        contents = replace(
            make_release_contents(materials, version), previous=None if version == "1.0.1" else "1.0.1"
        )
        if version == "1.0.2":
            for index, rpm in ((0, made.binary), (4, made.source)):
                name, (placed,) = contents.repositories[index].name, contents.repositories[index].packages
                assert isinstance(placed.origin, ComponentOrigin)
                later = replace(placed, path=rpm, origin=replace(placed.origin, commit="b" * 40))
                contents = with_repository(contents, name, packages=(later,))
        release = make_release(folder / version, materials, contents)
        (release / "report").mkdir()
        (release / "report" / "index.html").write_text("<html>\n")
        sign_again(release, materials)
    shutil.rmtree(folder / "made")
    (folder / "latest").symlink_to("1.0.2")
    return folder


@pytest.fixture(params=["folder", "URL"])
def where(request: pytest.FixtureRequest, releases: Path) -> Iterator[str]:
    if request.param == "folder":
        yield str(releases)
    else:
        with serving(releases) as url:
            yield url


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """An empty folder, where nothing must be left."""
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


def call(desk: Path, *words: str | Path) -> CliResult:
    answer = altai_build(*words, cwd=desk)
    assert sorted(desk.iterdir()) == []
    return answer


def test_the_packages_of_a_release(desk: Path, where: str, materials: Materials) -> None:
    answer = call(desk, "audit", f"{where}/1.0.2", "--key", materials.ours.public, "--json")
    assert (answer.code, answer.err.count("warning")) == (0, 0), answer.err
    rows = {row["nevra"]: row for row in answer.json}
    assert set(rows) == {
        "focus-1.1-1.el6.noarch",
        "focus-1.1-1.el6.src",
        "erlang-14-2.el6.noarch",
        "bunch-1:1.0.1-1.el6.noarch",
        "bunch-1:1.0.1-1.el6.src",
    }
    assert {row["license"] for row in answer.json} == {"MIT"}
    assert {row["trust"] for row in answer.json} == {"pinned"}
    by_version = call(desk, "audit", "1.0.2", "--releases", where)
    assert by_version.code == 0
    assert "warning: release 1.0.2: it agrees only with the keys it brought" in by_version.err


def test_verify_finds_the_releases_in_the_current_folder_as_other_commands_do(
    releases: Path, materials: Materials
) -> None:
    before = sorted(releases.iterdir())
    for version in ("1.0.2", "latest"):
        answer = altai_build("verify", version, "--key", materials.ours.public, cwd=releases)
        assert answer.code == 0, answer.err
        assert "release 1.0.2 passed verification" in answer.err
    assert sorted(releases.iterdir()) == before


@pytest.mark.parametrize(
    "words", [("verify", "./"), ("verify", "."), ("audit", "."), ("diff", "./", "./1.0.2")]
)
def test_a_folder_of_releases_is_no_release(releases: Path, words: tuple[str, ...]) -> None:
    answer = altai_build(*words, "--json", cwd=releases)
    assert (answer.code, answer.json["error"]["code"]) == (3, 3)
    assert answer.json["error"]["what"].endswith(" holds releases and is none itself")
    assert answer.json["error"]["todo"] == "name one: ./1.0.1, ./1.0.2"


def test_what_is_said_of_several_releases_is_one_line(desk: Path, where: str) -> None:
    answer = call(desk, "notes", "1.0.1", "1.0.2", "--releases", where)
    assert answer.err.count("warning: releases 1.0.1, 1.0.2, each: it agrees only with the keys") == 1


def test_a_release_that_cannot_be_read_hides_no_other_and_is_named(
    releases: Path, desk: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(releases, copy, symlinks=True)
    (copy / "1.0.1" / "release.json").write_text("{}")
    listed = call(desk, "releases", copy, "--json")
    assert (listed.code, [row["release"] for row in listed.json]) == (3, ["1.0.2"])
    assert "releases that cannot be read are not listed: 1.0.1" in listed.err
    found = call(desk, "which", "focus", "--releases", copy, "--json")
    assert (found.code, {row["release"] for row in found.json}) == (3, {"1.0.2"})
    # Nobody knows whether 1.0.1 has it.
    unknown = call(desk, "which", "nothing", "--releases", copy)
    assert unknown.code == 3
    assert "releases that cannot be read were not searched: 1.0.1" in unknown.err
    assert "no release has" not in unknown.err
    refused = call(desk, "diff", "1.0.1", "1.0.2", "--releases", copy)
    assert (refused.code, refused.out) == (3, "")
    # The place of a copy, which is gone when it is read, says nothing.
    with serving(copy) as url:
        for words in (
            ("releases", url),
            ("audit", f"{url}/1.0.1"),
            ("audit", "1.0.1", "--releases", f"{url}/1.0.1/"),
        ):
            answer = altai_build(*words, cwd=desk)
            assert answer.code == 3 and f"{url}/1.0.1/release.json" in answer.err, answer.err
            assert "/scratch" not in answer.err and "/tmp" not in answer.err.replace(url, ""), answer.err
    # `latest` is the one that cannot be read.
    shutil.copy(releases / "1.0.1" / "release.json", copy / "1.0.1")
    (copy / "1.0.2" / "release.json").write_text("{}")
    with serving(copy) as url:
        served = call(desk, "releases", url, "--json")
    assert (served.code, [row["release"] for row in served.json]) == (3, ["1.0.1"])
    assert "releases that cannot be read are not listed: 1.0.2" in served.err


@pytest.mark.parametrize("words", [("audit", "ftp://host/1.0"), ("verify", "https:/host/1.0")])
def test_a_wrong_url_is_no_missing_folder(desk: Path, words: tuple[str, ...]) -> None:
    answer = call(desk, *words)
    assert answer.code == 3
    assert f"{words[1]} is no URL of releases" in answer.err


@pytest.mark.parametrize("words", [("releases", "--releases", ""), ("verify", ""), ("which", "")])
def test_an_empty_text_names_nothing(releases: Path, words: tuple[str, ...]) -> None:
    """A variable of a shell that was never set; --releases "" was the current folder."""
    answer = altai_build(*words, cwd=releases)
    assert (answer.code, answer.out) == (2, "")


def test_which_release_has_something(desk: Path, where: str) -> None:
    def which(thing: str) -> list[tuple[str, str, str]]:
        answer = call(desk, "which", thing, "--releases", where, "--json")
        assert answer.code == 0, answer.err
        return [(row["release"], row["matched"], row["nevra"]) for row in answer.json if row["arch"] != "src"]

    old, new = "focus-1.0-3.el6.noarch", "focus-1.1-1.el6.noarch"
    assert which("focus < 1.1") == [("1.0.1", "range", old)]
    assert which("focus-1.1") == [("1.0.2", "nevra", new)]
    assert which("focus-1.0-3.el6.src.rpm") == [("1.0.1", "source", old)]
    assert which("python3dist(focus)") == [("1.0.2", "provides", new)]
    assert which("/usr/share/focus/greeting") == [("1.0.1", "content", old), ("1.0.2", "content", new)]
    assert which("bbbbbb") == [("1.0.2", "commit", new)]
    assert call(desk, "which", "nothing", "--releases", where).code == 3


def test_what_there_is_and_what_changed(desk: Path, where: str) -> None:
    listed = call(desk, "releases", where, "--json").json
    assert [(row["release"], row["latest"]) for row in listed] == [("1.0.1", False), ("1.0.2", True)]
    diff = call(desk, "diff", f"{where}/1.0.1", f"{where}/latest/", "--json").json
    assert (diff["old"], diff["new"], len(diff["upgraded"]), diff["added"]) == ("1.0.1", "1.0.2", 2, [])
    notes = call(desk, "notes", "1.0.1", "1.0.2", "--releases", where)
    assert notes.code == 0
    assert "repos/altai/focus: ccccccc → bbbbbbb; its commits are not available" in notes.out
    assert "warning: the commits between the releases are not listed" in notes.err


def test_whether_machines_can_be_upgraded(desk: Path, where: str) -> None:
    answer = call(desk, "upgrade-check", "1.0.2", "--releases", where, "--json")
    assert answer.code == 0, answer.err
    assert [(row["release"], row["outcome"]) for row in answer.json["releases"]] == [("1.0.1", "ok")]
    (finding,) = answer.json["findings"]
    assert (finding["rule"], finding["severity"]) == ("base", "warning")
    assert finding["message"].endswith("it is assumed to provide all that no release provides")


def test_the_report_and_a_new_one(desk: Path, where: str, tmp_path: Path, materials: Materials) -> None:
    answer = call(desk, "report", f"{where}/1.0.2")
    assert (answer.code, answer.out.strip()) == (0, f"{where}/1.0.2/report/index.html")
    page = tmp_path / "page.html"
    made = call(desk, "report", "1.0.2", "--releases", where, "-o", page, "--key", materials.ours.public)
    assert made.code == 0, made.err
    assert "altai 1.0.2" in page.read_text()


def test_whether_a_release_is_sound(desk: Path, where: str, materials: Materials) -> None:
    key = ("--key", materials.ours.public, "--json")
    for words in (("1.0.2", "--releases", where), (f"{where}/1.0.2",)):
        answer = call(desk, "verify", *words, *key)
        assert (answer.code, answer.json["trust"]) == (0, "pinned"), answer.err
        # The operating system is not known.
        assert [(one["rule"], one["severity"]) for one in answer.json["findings"]] == [("closure", "warning")]


def test_metadata_that_the_checksums_do_not_list_is_unverified(
    desk: Path, releases: Path, tmp_path: Path, materials: Materials
) -> None:
    copy = tmp_path / "1.0.2"
    shutil.copytree(releases / "1.0.2", copy)
    repomd = copy / "centos6" / "repodata" / "repomd.xml"
    repomd.write_text(repomd.read_text() + "\n")
    answer = call(desk, "audit", copy, "--key", materials.ours.public)
    assert (
        "warning: release 1.0.2: centos6/repodata/repomd.xml is unverified; SHA256SUMS lists another"
        in answer.err
    )


def test_a_folder_without_anything_is_told_what_to_name(desk: Path) -> None:
    for words in (["releases"], ["audit", "1.0.2"], ["which", "focus"], ["diff", "1", "2"]):
        answer = altai_build(*words, "--json", cwd=desk)
        assert answer.code == 3
        assert "--releases DIR|URL" in json.loads(answer.out)["error"]["todo"]


def test_releases_in_the_current_folder_need_no_option(releases: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(releases, site / "releases", symlinks=True)
    for folder in (site, site / "releases"):
        assert [row["release"] for row in altai_build("releases", "--json", cwd=folder).json] == [
            "1.0.1",
            "1.0.2",
        ]
        assert altai_build("audit", "latest", cwd=folder).code == 0
