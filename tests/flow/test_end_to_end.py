"""From nothing to machines that install and upgrade: two releases, real dnf over HTTP, attacks, kills.

Module-wide fixtures are the chapters of the story, each leaning on the one before: superproject → 1.0.0 → kills → 1.0.1
→ a client of 1.0.0. Tests ask what must hold after a chapter; those that change the client's root stand last.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from altai_build.model.release import Compat
from altai_build.tools.repodata import write_repodata
from altai_build.tools.signer import open_home
from tests.kit.cli import ROOT, Answer, altai_build
from tests.kit.client import Client
from tests.kit.keys import ThrowawayKey, make_key
from tests.kit.rpms import flip_last_byte
from tests.kit.server import serving

# Component → its package and, for both releases, VERSION-RELEASE up to the commit's id; None: not in that release.
PACKAGES: dict[str, tuple[str, str | None, str | None]] = {
    ".": ("altai-release", "1.0.0-1.3", "1.0.1-1.10"),
    "repos/altai/bottle": ("python3-bottle", "0.12.23-1.2", "0.12.23-1.2"),
    "repos/altai/python-netifaces": ("python3-netifaces", "0.10.9-1.2", "0.11.0-1.3"),
    "repos/altai/python-zabbix-api": ("python3-zabbix", "0.5.4-1.2", None),
    "repos/altai/websockify": ("websockify", "0.10.0-2.2", "0.10.0-2.3"),
    "repos/altai/wrapt": ("python3-wrapt", "1.14.1-1.2", "1.14.1-1.2"),
    "repos/openstack/debtcollector": ("python3-debtcollector", "2.4.0-1.2", "2.4.0-1.2"),
    "repos/openstack/keystoneauth": ("python3-keystoneauth1", "5.0.0-1.2", "5.0.0-1.2"),
    "repos/openstack/os-service-types": ("python3-os-service-types", "1.6.0-1.2", "1.6.0-1.2"),
    "repos/openstack/oslo-i18n": ("python3-oslo-i18n", "5.1.0-1.2", "6.0.0-1.3"),
    "repos/openstack/oslo-serialization": ("python3-oslo-serialization", "5.0.0-1.2", "5.0.0-1.2"),
    "repos/openstack/oslo-utils": ("python3-oslo-utils", "6.0.1-1.2", "6.1.0-1.3"),
    "repos/openstack/python-novaclient": ("python3-novaclient", "18.2.0-1.2", "18.3.0-1.3"),
    "repos/openstack/python-swiftclient": ("python3-swiftclient", None, "4.1.0-1.2"),
    "repos/openstack/stevedore": ("python3-stevedore", "4.1.0-1.2", "4.1.0-1.2"),
}
COMPILED = {"python3-netifaces", "python3-wrapt"}
# The components of 1.0.1 that 1.0.0 has at another commit, or has not at all.
CHANGED = {
    "altai-release",
    "oslo-i18n",
    "oslo-utils",
    "python-netifaces",
    "python-novaclient",
    "python-swiftclient",
    "websockify",
}


@dataclass(frozen=True)
class Site:
    """A superproject with its releases, and where they are served."""

    altai: Path
    url: str
    commits: dict[str, str]

    @property
    def releases(self) -> Path:
        return self.altai / "releases"

    def call(self, *words: str) -> Answer:
        """One call of altai-build, with the builder that is to be had everywhere."""
        return altai_build("--builder", "chroot", *words, cwd=self.altai)

    def answer(self, *words: str) -> Any:
        """The JSON answer of a call that must succeed."""
        answer = self.call(*words, "--json")
        assert answer.code == 0, answer.err
        return answer.json

    def ledger(self) -> list[tuple[str, str]]:
        """(component, key) of each build that was finished and written down."""
        path = self.altai / ".altai-build" / "ledger.jsonl"
        whole = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        records = [json.loads(line) for line in whole if line.strip()]
        return [(one["component"], one["key"]) for one in records if one["kind"] == "build"]

    def expected(self, version: str) -> set[str]:
        """The packages that git and the specs say are in a release."""
        return set(self.packages(version).values())

    def packages(self, version: str) -> dict[str, str]:
        """Package → NEVRA in a release, out of the table above and the pins that git tells."""
        dist = re.search(r"dist: (\S+)\}", (self.altai / "repos.yaml").read_text())
        assert dist
        found = {}
        for path, (name, *versions) in PACKAGES.items():
            told = versions[("1.0.0", "1.0.1").index(version)]
            if told is not None:
                arch = "x86_64" if name in COMPILED else "noarch"
                found[name] = f"{name}-{told}.g{self.pin(version, path)[:7]}{dist[1]}.{arch}"
        return found

    def pin(self, version: str, path: str) -> str:
        """The commit that a release's superproject commit pins at a path."""
        commit = self.commits[version]
        if path == ".":
            return commit
        listed = subprocess.run(
            ["git", "-C", str(self.altai), "ls-tree", commit, path], capture_output=True, check=True
        )
        return listed.stdout.decode().split()[2]


@pytest.fixture(scope="module")
def site(testbed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    sample = tmp_path_factory.mktemp("site") / "sample"
    with serving(sample / "altai" / "releases") as url:
        script = ROOT / "scripts" / "make-sample-superproject"
        made = subprocess.run(
            [script, "--testbed", testbed, "--baseurl", url, sample],
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert made.returncode == 0, made.stdout.decode()
        history = json.loads((sample / "history.json").read_text())
        commits = {version: history[f"release-{version}"] for version in ("1.0.0", "1.0.1")}
        site = Site(altai=sample / "altai", url=url, commits=commits)
        assert site.call("keys", "init", "altai", "--no-passphrase").code == 0
        yield site


@pytest.fixture(scope="module")
def first(site: Site) -> Any:
    """The answer of releasing 1.0.0."""
    return site.answer("release", "1.0.0", "--rev", site.commits["1.0.0"])


@dataclass
class Interrupted:
    """What runs that were killed left behind, one entry per run."""

    points: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    visible: list[set[str]] = field(default_factory=list)  # names in releases/ that a web server would show
    first_release: list[dict[str, tuple[int, bytes]]] = field(default_factory=list)
    finished: set[str] = field(default_factory=set)  # components whose build was written down before the last


@pytest.fixture(scope="module")
def interrupted(site: Site, first: Any) -> Interrupted:
    """Runs of release 1.0.1, each killed at another point: one in each stretch of the road."""
    doomed = Path(__file__).resolve().parents[1] / "kit" / "doomed.py"
    chance = random.Random()
    points = [
        (r"\.src\.rpm$", chance.randint(1, 12), 0.0),
        (r"built .* packages?: ", 1, chance.uniform(0, 2)),
        (r"built .* packages?: ", chance.randint(1, 2), chance.uniform(0, 2)),
        (r"^signatures …", 1, 0.0),
        (r"^repositories …", 1, 0.0),
        (r"^verification …", 1, 0.0),
        (r"^verification: done", 1, 0.0),
        (r"^report …", 1, 0.0),
        (r"^report: done", 1, 0.0),
    ]
    seen = Interrupted()
    seen.first_release.append(snapshot(site.releases / "1.0.0"))
    for pattern, count, seconds in points:
        argv = [sys.executable, str(doomed), pattern, str(count), str(seconds)]
        run = subprocess.run(
            [*argv, "--builder", "chroot", "release", "1.0.1"],
            cwd=site.altai,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        seen.points.append(f"{pattern} ×{count} + {seconds:.3f} s\n{run.stdout.decode()}")
        seen.codes.append(run.returncode)
        seen.visible.append({one.name for one in site.releases.iterdir() if not one.name.startswith(".")})
        seen.first_release.append(snapshot(site.releases / "1.0.0"))
    seen.finished = {component for component, _ in site.ledger()} & CHANGED
    return seen


@pytest.fixture(scope="module")
def second(site: Site, interrupted: Interrupted) -> Any:
    """The answer of releasing 1.0.1, started once more after the last kill."""
    return site.answer("release", "1.0.1")


@pytest.fixture(scope="module")
def client(
    site: Site, first: Any, second: Any, testbed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Client:
    """A machine that was installed from 1.0.0."""
    client = Client(tmp_path_factory.mktemp("client"), testbed)
    client.configure("altai", (site.releases / "1.0.0" / "altai.repo").read_text())
    names = [name for name in site.packages("1.0.0") if name != "python3-zabbix"]
    installed = client.dnf("install", *names)
    assert installed.code == 0, installed.said
    return client


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Each file of a tree with its inode and its bytes."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def manifest(site: Site, version: str) -> Any:
    return json.loads((site.releases / version / "release.json").read_text())


# ---- what was released -----------------------------------------------------------------------------------------


def test_a_release_holds_what_its_commit_pins(site: Site, first: Any, second: Any) -> None:
    for version in ("1.0.0", "1.0.1"):
        rows = site.answer("audit", version)
        assert {row["nevra"] for row in rows} == site.expected(version)
        on_disk = {path.stem for path in (site.releases / version).rglob("*.rpm")}
        assert on_disk == site.expected(version)
        for row in rows:
            assert row["origin"]["commit"] == site.pin(version, row["origin"]["path"])


def test_both_releases_verify_without_a_finding(site: Site, first: Any, second: Any) -> None:
    for version in ("1.0.0", "1.0.1", "latest"):
        named = "1.0.1" if version == "latest" else version
        assert site.answer("verify", version) == {"release": named, "ok": True, "findings": []}


def test_the_later_release_is_the_latest_and_follows_the_earlier(site: Site, first: Any, second: Any) -> None:
    assert (site.releases / "latest").readlink() == Path("1.0.1")
    told = [(one["release"], one["previous"], one["latest"]) for one in site.answer("releases")]
    assert told == [("1.0.0", None, False), ("1.0.1", "1.0.0", True)]
    assert manifest(site, "1.0.1")["superproject"]["commit"] == site.commits["1.0.1"]


def test_a_component_without_a_spec_is_skipped_with_its_reason(site: Site, first: Any) -> None:
    (skipped,) = manifest(site, "1.0.0")["skipped"]
    assert skipped["component"] == "bunch"
    assert "spec" in skipped["reason"]


def test_unchanged_packages_are_the_same_inode_in_both_releases(site: Site, first: Any, second: Any) -> None:
    both = site.expected("1.0.0") & site.expected("1.0.1")
    assert len(both) == 7
    for nevra in both:
        old, new = (site.releases / version / "centos6" / f"{nevra}.rpm" for version in ("1.0.0", "1.0.1"))
        assert old.stat().st_ino == new.stat().st_ino, nevra


def test_only_what_changed_was_built_again(second: Any) -> None:
    """Started often, killed often: what the first release built is reused, whatever the kills left behind."""
    reused = {one["component"] for one in second["builds"] if one["status"] == "reused"}
    unchanged = {one["component"] for one in second["builds"]} - CHANGED - {"bunch"}
    assert unchanged <= reused


def test_a_published_version_is_never_made_again(site: Site, second: Any) -> None:
    before = snapshot(site.releases / "1.0.1")
    refused = site.call("release", "1.0.1")
    assert refused.code == 8
    assert "release 1.0.1 exists" in refused.err
    assert snapshot(site.releases / "1.0.1") == before


def test_the_page_of_a_release_is_part_of_it_and_all_its_links_lead_somewhere(
    site: Site, second: Any
) -> None:
    page = site.releases / "1.0.1" / "report" / "index.html"
    assert site.answer("report", "1.0.1")["report"] == str(page)
    assert "  report/index.html" in (site.releases / "1.0.1" / "SHA256SUMS").read_text()
    links = [link for link in re.findall(r'href="([^"]+)"', page.read_text()) if "://" not in link]
    assert sum(link.endswith(".log.gz") for link in links) == len(site.expected("1.0.1"))
    assert [link for link in links if not (page.parent / link).is_file()] == []


# ---- kills -----------------------------------------------------------------------------------------------------


def test_a_killed_release_shows_nothing_and_changes_nothing(interrupted: Interrupted) -> None:
    assert interrupted.codes == [-9] * len(interrupted.codes), "\n".join(interrupted.points)
    before, *after = interrupted.first_release
    for point, visible, now in zip(interrupted.points, interrupted.visible, after):
        assert visible == {"1.0.0", "latest"}, point
        assert now == before, point


def test_started_again_it_builds_nothing_twice(site: Site, interrupted: Interrupted, second: Any) -> None:
    ledger = site.ledger()
    assert len(ledger) == len(set(ledger)), "\n".join(interrupted.points)
    assert {component for component, _ in ledger} >= CHANGED
    # The last kills came after all builds: the run that got through had nothing left to build.
    assert interrupted.finished == CHANGED
    assert {one["component"] for one in second["builds"] if one["status"] == "built"} == set()


def test_kills_leave_no_process_no_mount_and_no_half_release(site: Site, second: Any) -> None:
    place = str(site.altai)
    left = [name for name in os.listdir(site.releases) if name not in ("1.0.0", "1.0.1", "latest")]
    assert left == []
    mounted = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if place in line]
    assert mounted == []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # it has ended meanwhile
            continue
        assert place not in command or int(process.name) == os.getpid(), command


# ---- a client --------------------------------------------------------------------------------------------------


def test_the_released_packages_install_and_run(site: Site, client: Client) -> None:
    ours = {one for one in client.installed() if ".g" in one}
    assert ours == site.expected("1.0.0") - {site.packages("1.0.0")["python3-zabbix"]}
    assert "18.2.0" in client.run(["nova", "--version"]).said.splitlines()
    compiled = client.run(["python3", "-c", "import netifaces; print(netifaces.interfaces())"])
    assert (compiled.code, compiled.said.strip()) == (0, "['lo']")


def test_the_installed_repo_file_leads_to_the_release(site: Site, client: Client) -> None:
    text = (client.root / "etc" / "yum.repos.d" / "altai.repo").read_text()
    assert f"baseurl={site.url}/1.0.0/centos6/" in text
    assert f"gpgkey={site.url}/1.0.0/RPM-GPG-KEY-altai" in text


@dataclass(frozen=True)
class Mirror:
    """A copy of release 1.0.1 in the hands of somebody else, and the configuration of a client that was led there."""

    folder: Path
    repo: str

    @property
    def packages(self) -> Path:
        return self.folder / "centos6"

    @property
    def victim(self) -> Path:
        (found,) = self.packages.glob("python3-novaclient-*.rpm")
        return found

    def sign(self, key: ThrowawayKey, *, metadata: bool) -> None:
        """Sign the victim, and the metadata made anew for it, as the release tool would with this key."""
        with open_home(self.folder.parent / "gnupg") as home:
            public = home.import_secret_key(key.secret)
            home.unlock(public, lambda _: key.passphrase)
            home.sign_rpms([self.victim], public)
            shutil.copy(self.packages / "repodata" / "repomd.xml.asc", self.folder / "old.asc")
            shutil.rmtree(self.packages / "repodata")
            write_repodata(self.packages, epoch=1_700_000_000, compat=Compat.MODERN)
            if metadata:
                home.detach_sign(self.packages / "repodata" / "repomd.xml", public)
            else:
                shutil.copy(self.folder / "old.asc", self.packages / "repodata" / "repomd.xml.asc")


@pytest.fixture
def mirror(site: Site, second: Any, tmp_path: Path) -> Iterator[Mirror]:
    """The client keeps the key of the true release: an attacker has the web server, not the client's disk."""
    folder = tmp_path / "mirror"
    shutil.copytree(site.releases / "1.0.1", folder)
    with serving(folder) as url:
        text = (folder / "altai.repo").read_text()
        led = text.replace(f"baseurl={site.url}/1.0.1/", f"baseurl={url}/")
        assert led != text
        yield Mirror(folder=folder, repo=led)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    return make_key(tmp_path_factory.mktemp("stranger"), "stranger", algorithm="rsa3072")


def refuses(client: Client, repo: str, reason: str) -> None:
    """An upgrade with this configuration fails for this reason and leaves the root as it was."""
    before = client.installed()
    client.configure("altai", repo)
    upgrade = client.dnf("upgrade")
    assert upgrade.code != 0, upgrade.said
    assert reason in upgrade.said, upgrade.said
    assert client.installed() == before


def test_dnf_refuses_a_package_of_other_bytes(client: Client, mirror: Mirror) -> None:
    flip_last_byte(mirror.victim)
    refuses(client, mirror.repo, "Downloading successful, but checksum doesn't match")


def test_dnf_refuses_metadata_that_is_not_what_was_signed(
    client: Client, mirror: Mirror, stranger: ThrowawayKey
) -> None:
    mirror.sign(stranger, metadata=False)
    refuses(client, mirror.repo, "repomd.xml GPG signature verification error: Bad GPG signature")


def test_dnf_refuses_metadata_signed_by_a_stranger(
    client: Client, mirror: Mirror, stranger: ThrowawayKey
) -> None:
    mirror.sign(stranger, metadata=True)
    refuses(client, mirror.repo, "repomd.xml GPG signature verification error: Bad GPG signature")


def test_dnf_refuses_a_package_signed_by_a_stranger(
    client: Client, mirror: Mirror, stranger: ThrowawayKey
) -> None:
    """Even where the client does not look at the metadata's signature."""
    mirror.sign(stranger, metadata=True)
    refuses(
        client,
        mirror.repo.replace("repo_gpgcheck=1", "repo_gpgcheck=0"),
        "they are not correct for this package",
    )


def test_dnf_refuses_the_release_to_who_has_a_wrong_key(
    site: Site, second: Any, stranger: ThrowawayKey, testbed: Path, tmp_path: Path
) -> None:
    true = (site.releases / "1.0.1" / "altai.repo").read_text()
    wrong = re.sub(r"gpgkey=.*", f"gpgkey=file://{stranger.public}", true)
    for number, text in enumerate((wrong, wrong.replace("repo_gpgcheck=1", "repo_gpgcheck=0"))):
        client = Client(tmp_path / str(number), testbed)
        client.configure("altai", text)
        refused = client.dnf("install", "python3-bottle")
        assert refused.code != 0, refused.said
        assert "GPG" in refused.said
        assert client.installed() == set()


def test_a_machine_is_upgraded_to_exactly_the_next_release(site: Site, client: Client) -> None:
    before = client.installed()
    old, new = site.packages("1.0.0"), site.packages("1.0.1")
    client.configure("altai", (site.releases / "1.0.1" / "altai.repo").read_text())
    upgrade = client.dnf("upgrade")
    assert upgrade.code == 0, upgrade.said
    assert client.installed() == before - set(old.values()) | {new[name] for name in old if name in new}
    assert "18.3.0" in client.run(["nova", "--version"]).said.splitlines()
    added = client.dnf("install", "python3-swiftclient")
    assert added.code == 0, added.said
    assert client.run(["swift", "--version"]).said.splitlines()[0] == "python-swiftclient 4.1.0"
    assert client.dnf("check").code == 0
