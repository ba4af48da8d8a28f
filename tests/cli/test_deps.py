"""`deps` as a user meets it: the testbed's repositories over HTTP, real builds, a lock that is committed and kept."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from tests.kit.builds import link_roots
from tests.kit.cli import CliResult, altai_build
from tests.kit.keys import make_key
from tests.kit.repositories import (
    REVISION,
    Package,
    ServerFaults,
    faulty_server,
    index_repository,
    make_repository,
)
from tests.kit.superprojects import World, make_spec

REPOS = """\
project: altai
superproject: {{path: .}}
targets:
  testbed:
    mock_config: testbed-x86_64
    arch: x86_64
    macros: {{dist: .{dist}}}
    base: [{{name: base, url: "{url}/base", key: testbed-base}}]
keys:
  altai: {{file: keys/RPM-GPG-KEY-altai, signs: true}}
  testbed-base: {{file: keys/RPM-GPG-KEY-testbed-base}}
  testbed-updates: {{file: keys/RPM-GPG-KEY-testbed-updates}}
  testbed-epel: {{file: keys/RPM-GPG-KEY-testbed-epel}}
repositories:
  centos6: {{source: superproject, target: testbed, key: altai}}
  deps/misc: {{source: specs, path: specs, target: testbed, key: altai, source_rpms: deps/misc-srpms}}
  deps/updates: {{source: mirror, target: testbed, url: "{url}/updates", key: testbed-updates, packages: needed}}
  deps/epel: {{source: mirror, target: testbed, url: "{url}/epel", key: testbed-epel, packages: needed}}
release: {{baseurl: "{url}/releases"}}
"""
CLIENT = "Requires: python3-requests\nRequires: python3-six\nRequires: misc-thing"


@dataclass(frozen=True)
class Site:
    """A superproject whose release needs the testbed's packages, and a mirror of these with faults."""

    altai: Path
    world: World
    testbed: Path
    url: str
    faults: ServerFaults

    def call(self, *words: str) -> CliResult:
        return altai_build("--builder", "chroot", "-q", *words, cwd=self.altai)

    def answer(self, *words: str) -> Any:
        answer = self.call(*words, "--json")
        assert answer.code == 0, answer.err
        return answer.json

    def refusal(self, *words: str) -> str:
        answer = self.call(*words)
        assert answer.code == 3, (answer.code, answer.out, answer.err)
        return answer.err

    @property
    def lock(self) -> Any:
        return yaml.safe_load((self.altai / "deps.lock.yaml").read_text())

    def locked(self) -> dict[str, set[str]]:
        """Repository → names of its locked packages."""
        found: dict[str, set[str]] = {}
        for package in self.lock["packages"]:
            found.setdefault(package["repository"], set()).add(package["nevra"].rsplit("-", 2)[0])
        return found

    def component(self, requires: str) -> None:
        """Commit the one component with these requirements, and pin it."""
        files = {"client.spec": make_spec("client", tags=f"BuildArch: noarch\n{requires}"), "README": "x\n"}
        self.world.component("repos/client", files)
        self.commit()

    def commit(self, *gone: str) -> None:
        """Commit the superproject's own files, without those that are `gone`, and let the index know."""
        self.world.pin({**self.own_files(), **dict.fromkeys(gone)})
        self.world.super.git("read-tree", "HEAD")

    def own_files(self) -> dict[str, Any]:
        """The superproject's own files as they are in its work tree."""
        kept = [path for path in self.altai.rglob("*") if path.is_file() and not self._ignored(path)]
        return {path.relative_to(self.altai).as_posix(): path.read_bytes() for path in kept}

    def _ignored(self, path: Path) -> bool:
        parts = path.relative_to(self.altai).parts
        return parts[0] in (".git", ".altai-build", "repos", "releases", ".gitmodules")


@pytest.fixture
def site(testbed: Path, tmp_path: Path) -> Iterator[Site]:
    faults = ServerFaults()
    with faulty_server(testbed, faults) as url:
        world = World(tmp_path / "world")
        altai = world.super.path
        for name in ("base", "updates", "epel"):
            key = f"RPM-GPG-KEY-testbed-{name}"
            (altai / "keys").mkdir(exist_ok=True)
            shutil.copy(testbed / "keys" / key, altai / "keys" / key)
        shutil.copytree(testbed / "mock-configs", altai / "mock-configs")
        config = (testbed / "mock-configs" / "testbed-x86_64.cfg").read_text()
        dist = re.search(r"config_opts\['dist'\] = '(\w+)'", config)
        assert dist
        (altai / "repos.yaml").write_text(REPOS.format(url=url, dist=dist[1]))
        thing = altai / "specs" / "misc-thing"
        thing.mkdir(parents=True)
        thing.joinpath("misc-thing.spec").write_text(
            make_spec(
                "misc-thing",
                source=None,
                tags="BuildArch: noarch\nRequires: python3-decorator",
                prep="",
                install="mkdir -p %{buildroot}/usr/share/misc-thing",
                files="/usr/share/misc-thing",
            )
        )
        site = Site(altai=altai, world=world, testbed=testbed, url=url, faults=faults)
        link_roots(altai / ".altai-build")
        site.component(CLIENT)
        yield site


def test_a_lock_from_first_to_last_step(site: Site) -> None:
    """One site, for it takes builds: made, listed, explained, fetched, gone upstream, changed, refused."""
    made = site.answer("deps", "lock")
    assert made["rewritten"] and made["packages"] == len(site.lock["packages"])
    assert site.locked()["deps/updates"] == {"python3-decorator"}
    epel = site.locked()["deps/epel"]
    assert {"python3-requests", "python3-urllib3", "python3-idna"} <= epel
    assert "python3-six" not in epel and "python3-six" in site.lock["from_base"]
    text = (site.altai / "deps.lock.yaml").read_bytes()
    assert not site.answer("deps", "lock")["rewritten"]
    assert (site.altai / "deps.lock.yaml").read_bytes() == text

    rows = {row["name"]: row for row in site.answer("deps", "list")}
    assert rows["python3-decorator"]["needed_by"] == [
        {"package": "misc-thing", "requires": "python3-decorator", "weak": False}
    ]
    assert all(row["license"] and row["size"] and row["revision"] for row in rows.values())
    why = site.answer("deps", "why", "python3-idna")
    assert [[link["package"] for link in chain] for chain in why["chains"]] == [
        ["client", "python3-requests"]
    ]
    assert why["choice"] == {"rule": "only provider", "over": []}
    lines = site.call("deps", "why", "python3-idna").out.splitlines()
    assert lines[0].startswith("client requires python3-requests")
    assert lines[1].startswith("  python3-requests requires python3-idna")
    assert "python3-idn is not locked" in site.refusal("deps", "why", "python3-idn")
    assert site.answer("deps", "outdated") == []

    shutil.rmtree(site.altai / ".altai-build" / "cache")
    site.faults.missing.add(".rpm")
    kept = site.answer("deps", "fetch")
    assert {Path(row["path"]).name for row in kept} == {row["location"] for row in rows.values()}
    shutil.rmtree(site.altai / ".altai-build" / "packages")
    told_all = site.refusal("deps", "fetch")
    assert f"{len(rows)} third-party packages cannot be used" in told_all
    assert all(row["location"] in told_all for row in rows.values())
    site.faults.missing.clear()
    assert len(site.answer("deps", "fetch")) == len(rows)

    release_needs_the_lock(site)
    unmet_requirements_are_chains(site)


def release_needs_the_lock(site: Site) -> None:
    assert site.call("keys", "init", "altai", "--no-passphrase").code == 0
    site.commit()
    site.component(f"{CLIENT}\nRequires: python3-simplejson")
    error = site.refusal("release", "1.0")
    assert "deps.lock.yaml is out of date: 1 difference" in error
    assert "client requires python3-simplejson, and no locked package provides it" in error
    assert "`altai-build deps lock`" in error
    lock = site.altai / "deps.lock.yaml"
    kept = lock.read_bytes()
    lock.unlink()
    site.commit("deps.lock.yaml")
    assert "there is no deps.lock.yaml" in site.refusal("release", "1.0")
    lock.write_bytes(kept)
    (change,) = site.answer("deps", "lock")["changes"]
    assert (change["kind"], change["name"]) == ("added", "python3-simplejson")
    assert "not committed" in site.refusal("release", "1.0")
    site.commit()
    site.answer("release", "1.0")
    released = site.altai / "releases" / "1.0"
    manifest = json.loads((released / "release.json").read_text())
    mirrored = {
        package["file"]: package for package in manifest["packages"] if package["origin"]["kind"] == "mirror"
    }
    assert set(mirrored) == {package["location"] for package in site.lock["packages"]}
    requests = mirrored[next(name for name in mirrored if name.startswith("python3-requests"))]
    assert requests["origin"]["needed_by"] == ["client"]
    assert requests["origin"]["url"] == f"{site.url}/epel/{quote(requests['file'])}"
    shutil.rmtree(site.altai / ".altai-build" / "packages")
    shutil.rmtree(site.altai / ".altai-build" / "cache" / "packages")
    site.faults.missing.add(".rpm")  # an earlier release has what upstream lost
    for row in site.answer("deps", "fetch"):
        assert Path(row["path"]).samefile(released / row["repository"] / row["location"])
    site.faults.missing.clear()


def unmet_requirements_are_chains(site: Site) -> None:
    site.component("Requires: python3-requests >= 99\nRequires: nobody-has-this")
    error = site.refusal("deps", "lock")
    assert "2 requirements of the release cannot be met" in error
    assert "requires nobody-has-this\n    no repository provides it" in error
    assert "requires python3-requests >= 99\n    only python3-requests-" in error


def test_newer_packages_come_only_when_asked_for(site: Site, tmp_path: Path) -> None:
    key = make_key(tmp_path, "extra")
    mirror = tmp_path / "extra"
    old, new = (Package("extra-lib", version, requires=["extra-part"]) for version in ("1.0", "1.1"))
    make_repository(mirror, [old, Package("extra-part", "1.0")], key)
    shutil.copy(key.public, site.altai / "keys" / "RPM-GPG-KEY-extra")
    config = site.altai / "repos.yaml"
    text = config.read_text().replace(
        "repositories:\n", "  extra: {file: keys/RPM-GPG-KEY-extra}\nrepositories:\n"
    )
    settings = f'source: mirror, target: testbed, url: "{mirror.as_uri()}", key: extra, packages: needed'
    extra = f"  deps/extra: {{{settings}}}\n"
    config.write_text(text.replace("release: {", f"{extra}release: {{"))
    site.component(f"{CLIENT}\nRequires: extra-lib")

    def versions() -> list[str]:
        return [
            package["nevra"] for package in site.lock["packages"] if package["repository"] == "deps/extra"
        ]

    site.answer("deps", "lock")
    assert versions() == ["extra-lib-1.0-1.noarch", "extra-part-1.0-1.noarch"]
    make_repository(
        mirror, [new, Package("extra-part", "2.0")], key, revision=REVISION + 9
    )  # the old ones stay
    (lib, part) = site.answer("deps", "outdated")
    assert (lib["kind"], lib["old"], lib["new"]) == (
        "upgraded",
        "extra-lib-1.0-1.noarch",
        "extra-lib-1.1-1.noarch",
    )
    assert (part["kind"], part["new"]) == ("upgraded", "extra-part-2.0-1.noarch")
    assert site.answer("deps", "lock")["changes"] == []
    assert versions() == ["extra-lib-1.0-1.noarch", "extra-part-1.0-1.noarch"]
    kept = {package["nevra"]: package["choice"] for package in site.lock["packages"]}
    assert kept["extra-lib-1.0-1.noarch"] == {"rule": "kept", "over": ["extra-lib-1.1-1.noarch (deps/extra)"]}
    refused = site.refusal("deps", "lock", "--update", "extra-lob")
    assert "not locked: extra-lob\nextra-lob: did you mean extra-lib or extra-part?\n" in refused
    site.answer("deps", "lock", "--update", "extra-lib")
    assert versions() == ["extra-lib-1.1-1.noarch", "extra-part-1.0-1.noarch"]
    site.answer("deps", "lock", "--update")
    assert versions() == ["extra-lib-1.1-1.noarch", "extra-part-2.0-1.noarch"]
    index_repository(mirror, key, revision=REVISION + 3)
    assert f"its revision is {REVISION + 3}, and {REVISION + 9} was used before" in site.refusal(
        "deps", "lock"
    )
    assert site.answer("deps", "lock", "--accept-older")["rewritten"]


def test_names_without_update_are_a_usage_error(tmp_path: Path) -> None:
    refused = altai_build("deps", "lock", "python3-six", cwd=tmp_path)
    assert refused.code == 2
    assert "add --update" in refused.err


@pytest.mark.parametrize("words", [("lock",), ("list",), ("why", "x"), ("outdated",)])
def test_where_nothing_is_mirrored_there_is_nothing_to_lock(tmp_path: Path, words: tuple[str, ...]) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "repos.yaml").write_text(
        "project: p\ntargets: {t: {mock_config: m, arch: x86_64}}\nkeys: {k: {file: k, signs: true}}\n"
        "repositories: {r: {source: superproject, target: t, key: k}}\nrelease: {baseurl: 'https://example.org'}\n"
    )
    refused = altai_build("deps", *words, cwd=tmp_path)
    assert refused.code == 3
    assert refused.err == (
        f"altai-build: there are no third-party packages to lock: no repository in {tmp_path}/repos.yaml has "
        "source: mirror\na release without them needs no lock\nWhat to do: to release third-party packages, add a "
        "repository with source: mirror, its url, the key that signs its packages, and packages: needed\n"
    )


def test_a_lock_with_errors_is_reported_by_every_verb(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "repos.yaml").write_text(REPOS.format(url="http://127.0.0.1:9", dist="x"))
    (tmp_path / "deps.lock.yaml").write_text("format: 1\npackages: nothing\n")
    for words in (["list"], ["why", "x"], ["fetch"], ["outdated"], ["lock"]):
        refused = altai_build("deps", *words, cwd=tmp_path)
        assert refused.code == 3, words
        assert "packages: got 'nothing'; write a list" in refused.err
        assert "the key 'target' is missing" in refused.err
