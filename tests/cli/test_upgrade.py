"""`upgrade-check` as a person and a CI job meet it: which releases, the table, the document, the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from altai_build.model.release import ReleasedPackage
from tests.kit.cli import CliResult, altai_build
from tests.kit.keys import ThrowawayKey, make_key
from tests.kit.manifests import MIRRORED, component, manifest, package, write_manifests
from tests.kit.repositories import Package, make_repository

_REPOS = """\
project: altai
targets: {{centos6: {{mock_config: el6, arch: x86_64, base: [{{name: os, url: "{base}", key: os}}]}}}}
keys: {{altai: {{file: key, signs: true}}, os: {{file: "{key}"}}}}
repositories:
  centos6: {{source: superproject, target: centos6, key: altai}}
  deps/epel: {{source: mirror, target: centos6, key: os, url: "{epel}", packages: needed}}
release: {{directory: releases, baseurl: "https://repo.example.org"}}
{more}
"""
P = Package


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    return make_key(tmp_path_factory.mktemp("key"), "os")


class Site:
    """A folder with repos.yaml, a system, an upstream, and releases of tiny packages."""

    def __init__(self, folder: Path, key: ThrowawayKey) -> None:
        self.folder, self.key = folder, key
        self.base = make_repository(folder / "base", [P("sys", "1")], key)
        self.epel = make_repository(folder / "epel", [P("erlang", "9")], key)
        self.configure()

    def configure(self, more: str = "") -> None:
        text = _REPOS.format(base=self.base.as_uri(), epel=self.epel.as_uri(), key=self.key.public, more=more)
        (self.folder / "repos.yaml").write_text(text)

    def release(self, version: str, own: Sequence[Package], mirrored: Sequence[Package] = ()) -> None:
        def released(tiny: Package, repository: str) -> ReleasedPackage:
            origin = component("repos/x", "c" * 40) if repository == "centos6" else MIRRORED
            return package(tiny.nevra, origin, repository=repository)

        rows = [released(tiny, "centos6") for tiny in own] + [
            released(tiny, "deps/epel") for tiny in mirrored
        ]
        write_manifests(self.folder / "releases", manifest(version, rows))
        for repository, packages in (("centos6", own), ("deps/epel", mirrored)):
            if packages:
                make_repository(self.folder / "releases" / version / repository, packages)

    def check(self, *words: str) -> CliResult:
        return altai_build("upgrade-check", *words, cwd=self.folder)

    def document(self, *words: str, code: int = 0) -> Any:
        answer = self.check(*words, "--json")
        assert answer.code == code, answer.err
        return answer.json


@pytest.fixture
def site(tmp_path: Path, key: ThrowawayKey) -> Site:
    return Site(tmp_path, key)


def summarize(document: Any) -> set[tuple[str | None, ...]]:
    return {
        (finding["severity"], finding["rule"], finding["release"], finding["subject"])
        for finding in document["findings"]
    }


def test_every_earlier_release_is_checked_unless_some_are_named(site: Site) -> None:
    for version in ("1.0.9", "1.0.10", "1.1.0"):
        site.release(version, [P("a", version, requires=["sys"])])
    document = site.document("1.1.0")
    assert (document["release"], document["ok"], document["findings"]) == ("1.1.0", True, [])
    assert [(release["release"], release["outcome"]) for release in document["releases"]] == [
        ("1.0.9", "ok"),
        ("1.0.10", "ok"),
    ]
    # These manifests have no signature.
    assert {document["trust"], *(release["trust"] for release in document["releases"])} == {"unverified"}
    assert document["releases"][0]["scenarios"] == [
        {"start": "all", "name": None, "installed": 1, "outcome": "ok"},
        {"start": "alone", "name": "a", "installed": 1, "outcome": "ok"},
    ]
    assert [release["release"] for release in site.document("1.0.10")["releases"]] == ["1.0.9"]
    named = site.document("1.0.9", "1.1.0", code=0)
    assert [release["release"] for release in named["releases"]] == ["1.0.9"]


def test_a_downgrade_fails_with_its_fix_and_may_be_declared_or_waived(site: Site) -> None:
    site.release("1", [P("a", "2"), P("b", "1")])
    site.release("2", [P("a", "1"), P("b", "2")])
    document = site.document("2", code=7)
    assert summarize(document) == {("error", "downgrade", "1", "a")}
    (finding,) = document["findings"]
    assert finding["fix"].startswith("write `Epoch: 1` in the spec of a")
    assert finding["scenarios"] == ["all", "alone a"]
    assert document["releases"][0]["outcome"] == "failed"
    answer = site.check("2")
    assert answer.code == 7
    assert answer.out.splitlines()[0] == "1\t2\tfailed\t1 ok, 1 failed\tfailed"
    assert "upgrades to 2 fail: 1 error\n" in answer.err
    site.configure("allow_downgrades: [{package: a, reason: 2 loses data}]")
    declared = site.document("2")
    assert summarize(declared) == {("note", "downgrade", "1", "a")}
    assert declared["releases"][0]["outcome"] == "distro-sync"
    site.configure('waivers: [{rule: downgrade, subject: "a*", reason: nobody has it, expires: 2099-01-01}]')
    waived = site.document("2")
    assert summarize(waived) == {("note", "downgrade", "1", "a")}
    assert "waived until 2099-01-01: nobody has it" in waived["findings"][0]["message"]


def test_profiles_have_their_column(site: Site) -> None:
    site.release("1", [P("a", "1"), P("b", "1")])
    site.release("2", [P("a", "2"), P("b", "2")])
    site.configure("profiles: {master: [a, sys], node: [b]}")
    assert site.check("2").out.splitlines() == ["1\t2\tok\t2 ok\tok\tok\tok"]
    starts = site.document("2")["releases"][0]["scenarios"]
    assert [
        (scenario["name"], scenario["installed"]) for scenario in starts if scenario["start"] == "profile"
    ] == [
        ("master", 1),
        ("node", 1),
    ]


def test_what_upstream_and_the_system_would_replace(site: Site) -> None:
    site.release("1", [P("a", "1")], [P("erlang", "7")])
    site.release("2", [P("a", "2"), P("sys", "0.5")], [P("erlang", "8")])
    document = site.document("2", code=7)
    assert summarize(document) == {("error", "replaced", None, "sys"), ("note", "replaced", None, "erlang")}


def test_a_system_that_cannot_be_reached_is_taken_as_it_was_seen_last(site: Site) -> None:
    site.release("1", [P("a", "1", requires=["sys"])])
    site.release("2", [P("a", "2", requires=["sys"])])
    gone = [site.base.rename(site.base.with_name("gone")), site.epel.rename(site.epel.with_name("gone too"))]
    never = site.check("2")
    assert never.code == 3
    assert "the repository base/os cannot be used" in never.err
    for place, name in zip(gone, ("base", "epel")):
        place.rename(place.with_name(name))
    assert site.document("2")["findings"] == []
    for name in ("base", "epel"):
        (site.folder / name).rename(site.folder / f"{name} is gone")
    document = site.document("2")
    assert summarize(document) == {
        ("warning", "upstream", None, "base/os"),
        ("warning", "upstream", None, "deps/epel"),
    }
    assert document["releases"][0]["outcome"] == "ok"


def test_releases_of_another_target_are_not_compared(site: Site) -> None:
    site.release("1", [P("a", "1")])
    site.release("2", [P("a", "2")])
    place = site.folder / "releases" / "1" / "release.json"
    place.write_text(place.read_text().replace('"centos6",\n  "tool', '"centos5",\n  "tool'))
    document = site.document("2")
    assert summarize(document) == {("warning", "target", "1", "1")}
    assert document["releases"] == []
    assert "no release is older than 2" in site.check("2").err


def test_a_release_that_is_not_there_and_a_missing_argument(site: Site) -> None:
    site.release("1", [P("a", "1")])
    missing = site.check("2")
    assert missing.code == 3
    assert "there is no release 2" in missing.err
    assert site.check().code == 2
