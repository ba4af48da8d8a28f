"""From a new superproject to machines that install and upgrade: two releases, real dnf over HTTP, attacks, kills.

Each module-wide fixture needs the one before it: superproject → 1.0.0 → kills → 1.0.1 → a client of 1.0.0. The tests
check the state after a fixture; tests that change the client's root come last.
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
from urllib.parse import unquote

import pytest

from altai_build.model.compat import Compat
from altai_build.stages.ci_pipeline import PipelineService
from altai_build.tools.repo.repodata import write_repodata
from tests.kit.builds import link_roots
from tests.kit.ci_pipelines import describe_push, make_tool, run_build_step
from tests.kit.cli import ROOT, CliResult, altai_build
from tests.kit.client import Client
from tests.kit.keys import ThrowawayKey, make_key, signing_key
from tests.kit.rpms import flip_last_byte
from tests.kit.scripts import make_python_program
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
# The same for what is not a component: a folder of specs/, its package, VERSION-RELEASE in both releases.
THIRD_PARTY = {
    "python-iso8601": ("python3-iso8601", "1.1.0-1.1"),
    "python-netaddr": ("python3-netaddr", "0.8.0-1.1"),
    "python-pbr": ("python3-pbr", "5.11.1-1.1"),
    "python-prettytable": ("python3-prettytable", "3.3.0-1.1"),
    "python-wcwidth": ("python3-wcwidth", "0.2.6-1.1"),
}
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

    def call(self, *words: str) -> CliResult:
        """One call of altai-build, with the builder that is available everywhere."""
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
        return [(record["component"], record["key"]) for record in records if record["kind"] == "build"]

    def lock(self, version: str) -> None:
        """Lock the third-party packages that a release needs, and commit the lock as a person would."""
        assert self.call("deps", "lock", "--rev", self.commits[version]).code == 0
        self.git("add", "deps.lock.yaml")
        self.git("-c", "user.name=R", "-c", "user.email=r@example.org", "commit", "--quiet", "--message=Lock")

    def expected(self, version: str) -> set[str]:
        """The packages that we build for a release, by git and the specs, without source packages."""
        return {*self.packages(version).values(), *self.third_party(version, "noarch").values()}

    def packages(self, version: str) -> dict[str, str]:
        """Package → NEVRA of the components in a release, from the table above and the pins in git."""
        found = {}
        for path, (name, *versions) in PACKAGES.items():
            evr = versions[("1.0.0", "1.0.1").index(version)]
            if evr is not None:
                arch = "x86_64" if name in COMPILED else "noarch"
                found[name] = f"{name}-{evr}.g{self.pin(version, path)[:7]}{self.dist}.{arch}"
        return found

    def third_party(self, version: str, arch: str) -> dict[str, str]:
        """Folder of specs/ → NEVRA of its package (arch src: of its source package)."""
        found = {}
        for folder, (name, evr) in THIRD_PARTY.items():
            commit = self.git("log", "-1", "--format=%H", self.commits[version], "--", f"specs/{folder}")
            found[folder] = f"{folder if arch == 'src' else name}-{evr}.g{commit[:7]}{self.dist}.{arch}"
        return found

    @property
    def dist(self) -> str:
        """What releases end in."""
        found = re.search(r"dist: (\S+)\}", (self.altai / "repos.yaml").read_text())
        assert found
        return found[1]

    def pin(self, version: str, path: str) -> str:
        """The commit that a release's superproject commit pins at a path."""
        commit = self.commits[version]
        return commit if path == "." else self.git("ls-tree", commit, path).split()[2]

    def git(self, *words: str) -> str:
        """The answer of git in the superproject's work tree."""
        asked = subprocess.run(["git", "-C", str(self.altai), *words], capture_output=True, check=True)
        return asked.stdout.decode().strip()


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
        link_roots(site.altai / ".altai-build")
        assert site.call("keys", "init", "altai", "--no-passphrase").code == 0
        yield site


@pytest.fixture(scope="module")
def first(site: Site) -> Any:
    """The answer of releasing 1.0.0."""
    site.lock("1.0.0")
    return site.answer("release", "1.0.0", "--rev", site.commits["1.0.0"])


@dataclass
class Interrupted:
    """What killed runs left behind, one entry per run."""

    points: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    visible: list[set[str]] = field(default_factory=list)  # names in releases/ that a web server would show
    first_release: list[dict[str, tuple[int, bytes]]] = field(default_factory=list)
    finished: set[str] = field(default_factory=set)  # components whose build was written down before the last


@pytest.fixture(scope="module")
def interrupted(site: Site, first: Any) -> Interrupted:
    """Runs that make 1.0.1, each killed at another point."""
    chance = random.Random()
    seen = Interrupted()
    seen.first_release.append(snapshot(site.releases / "1.0.0"))
    # The lock needs the built packages, so this command builds first.
    locking = ("deps", "lock", "--rev", site.commits["1.0.1"])
    kill(site, seen, locking, r"\.src\.rpm$", count=chance.randint(1, 12))
    kill(site, seen, locking, r"built .* packages?: ", seconds=chance.uniform(0, 2))
    # At once: python-novaclient, which waits for others, is left to build at least, and what follows it takes no time.
    kill(site, seen, locking, r"built .* packages?: ")
    site.lock("1.0.1")
    for pattern in (
        r"\.src\.rpm$",
        r"^signatures …",
        r"^repositories …",
        r"^verification …",
        r"^verification: done",
        r"^report …",
        r"^report: done",
    ):
        kill(site, seen, ("release", "1.0.1"), pattern)
    seen.finished = {component for component, _ in site.ledger()} & CHANGED
    return seen


def kill(
    site: Site,
    seen: Interrupted,
    words: tuple[str, ...],
    pattern: str,
    *,
    count: int = 1,
    seconds: float = 0.0,
) -> None:
    """Start altai-build, kill it `seconds` after the count-th line of its output that matches, and record the state."""
    doomed = Path(__file__).resolve().parents[1] / "kit" / "doomed.py"
    run = subprocess.run(
        [sys.executable, doomed, pattern, str(count), str(seconds), "--builder", "chroot", *words],
        cwd=site.altai,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    seen.points.append(f"{words}: {pattern} ×{count} + {seconds:.3f} s\n{run.stdout.decode()}")
    seen.codes.append(run.returncode)
    seen.visible.append({entry.name for entry in site.releases.iterdir() if not entry.name.startswith(".")})
    seen.first_release.append(snapshot(site.releases / "1.0.0"))


@pytest.fixture(scope="module")
def second(site: Site, interrupted: Interrupted) -> Any:
    """The answer of releasing 1.0.1, started once more after the last kill."""
    return site.answer("release", "1.0.1", "--rev", site.commits["1.0.1"])


@pytest.fixture(scope="module")
def client(
    site: Site, first: Any, second: Any, testbed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Client:
    """A machine that was installed from 1.0.0, when the channel showed that."""
    site.answer("promote", "1.0.0", "--to", "stable")
    client = Client(tmp_path_factory.mktemp("client"), testbed)
    client.configure("altai-stable", (site.releases / "channels/stable/altai-stable.repo").read_text())
    installed = client.dnf("install", *(name for name in site.packages("1.0.0") if name != "python3-zabbix"))
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


def names(folder: Path) -> set[str]:
    """The RPMs below a folder, without the ending."""
    return {path.stem for path in folder.rglob("*.rpm")}


def test_a_release_holds_what_its_commit_pins(site: Site, first: Any, second: Any) -> None:
    for version in ("1.0.0", "1.0.1"):
        release = site.releases / version
        assert names(release / "centos6") == set(site.packages(version).values())
        assert names(release / "deps" / "misc") == set(site.third_party(version, "noarch").values())
        assert names(release / "deps" / "misc-srpms") == set(site.third_party(version, "src").values())
        packages = manifest(site, version)["packages"]
        built = [package for package in packages if package["origin"]["kind"] == "component"]
        sources = {package["sourcerpm"].removesuffix(".rpm") for package in built if package["arch"] != "src"}
        assert names(release / "centos6-srpms") == sources
        for package in built:
            assert package["origin"]["commit"] == site.pin(version, package["origin"]["path"])


def test_third_party_packages_are_the_mirrors_own_bytes(site: Site, testbed: Path, first: Any) -> None:
    taken = list((site.releases / "1.0.0" / "deps" / "epel").glob("*.rpm"))
    assert {"python3-requests", "python3-urllib3"} <= {path.name.rsplit("-", 2)[0] for path in taken}
    for path in taken:
        assert path.read_bytes() == (testbed / "epel" / path.name).read_bytes()


def test_the_manifest_lists_every_package_there_is(site: Site, first: Any, second: Any) -> None:
    for version in ("1.0.0", "1.0.1"):
        listed = {row["nevra"].replace(".rpm", "") for row in site.answer("audit", version)}
        assert listed == names(site.releases / version)


def test_both_releases_verify_without_a_finding(site: Site, first: Any, second: Any) -> None:
    for version in ("1.0.0", "1.0.1", "latest"):
        named = "1.0.1" if version == "latest" else version
        assert site.answer("verify", version) == {
            "schema_version": 1,
            "release": named,
            "ok": True,
            "trust": "pinned",
            "findings": [],
        }


def test_the_later_release_is_the_latest_and_follows_the_earlier(site: Site, first: Any, second: Any) -> None:
    assert (site.releases / "latest").readlink() == Path("1.0.1")
    listed = [(entry["release"], entry["previous"], entry["latest"]) for entry in site.answer("releases")]
    assert listed == [("1.0.0", None, False), ("1.0.1", "1.0.0", True)]
    assert manifest(site, "1.0.1")["superproject"]["commit"] == site.commits["1.0.1"]


def test_a_component_without_a_spec_is_skipped_with_its_reason(site: Site, first: Any) -> None:
    (skipped,) = manifest(site, "1.0.0")["skipped"]
    assert skipped["component"] == "bunch"
    assert "spec" in skipped["reason"]


def test_unchanged_packages_are_the_same_inode_in_both_releases(site: Site, first: Any, second: Any) -> None:
    old, new = site.releases / "1.0.0", site.releases / "1.0.1"
    both = [path.relative_to(old) for path in old.rglob("*.rpm") if (new / path.relative_to(old)).exists()]
    assert {path.stem for path in both} >= site.expected("1.0.0") & site.expected("1.0.1")
    assert [path for path in both if (old / path).stat().st_ino != (new / path).stat().st_ino] == []


def test_what_is_the_same_in_both_releases_is_on_the_disk_once(site: Site, first: Any, second: Any) -> None:
    """Statements and logs of builds, metadata, and the signatures of all of these; but for the few small keys."""
    old, new = snapshot(site.releases / "1.0.0"), snapshot(site.releases / "1.0.1")
    same = {name for name in old.keys() & new.keys() if old[name][1] == new[name][1]}
    twice = {name for name in same if old[name][0] != new[name][0]}
    assert {name for name in twice if not name.startswith("RPM-GPG-KEY-")} == set()
    kinds = {name.rpartition(".")[2] for name in same if not name.startswith("RPM-GPG-KEY-")}
    assert kinds >= {"rpm", "json", "asc", "gz", "txt"}
    kept = {name.removesuffix(".asc") for name in same if name.endswith(".asc")}
    assert {f"provenance/slsa/{name}.json" for name in same if name.endswith(".rpm")} & old.keys() == {
        name for name in kept if name.startswith("provenance/slsa/")
    }


def test_only_what_changed_was_built_again(second: Any) -> None:
    """Started often, killed often: what the first release built is reused, whatever the kills left behind."""
    reused = {build["component"] for build in second["builds"] if build["status"] == "reused"}
    unchanged = {build["component"] for build in second["builds"]} - CHANGED - {"bunch"}
    assert unchanged <= reused


def test_a_published_version_is_never_made_again(site: Site, second: Any) -> None:
    before = snapshot(site.releases / "1.0.1")
    refused = site.call("release", "1.0.1")
    assert refused.code == 8
    assert "release 1.0.1 exists" in refused.err
    assert snapshot(site.releases / "1.0.1") == before


def list_local_links(page: Path) -> list[str]:
    """What a page links to by relative URLs, as paths; its empty icon is none."""
    links = re.findall(r'href="([^"]+)"', page.read_text())
    return [unquote(link) for link in links if "://" not in link and link != "data:," and link[0] != "#"]


def test_the_page_of_a_release_is_part_of_it_and_all_its_links_lead_somewhere(
    site: Site, second: Any
) -> None:
    page = site.releases / "1.0.1" / "report" / "index.html"
    assert site.answer("report", "1.0.1")["report"] == str(page)
    assert "  report/index.html" in (site.releases / "1.0.1" / "SHA256SUMS").read_text()
    links = list_local_links(page)
    logs = [link for link in links if link.endswith(".log.gz")]
    assert len(logs) == len(site.packages("1.0.1")) + len(THIRD_PARTY)
    assert [link for link in links if not (page.parent / link).is_file()] == []


def test_another_page_is_made_elsewhere_and_leaves_the_release_alone(
    site: Site, second: Any, tmp_path: Path
) -> None:
    before = snapshot(site.releases / "1.0.1")
    page = tmp_path / "page.html"
    answer = site.answer("report", "latest", "-o", str(page))
    assert answer == {
        "schema_version": 1,
        "release": "1.0.1",
        "trust": "pinned",
        "report": str(page),
        "written": True,
    }
    links = list_local_links(page)
    assert [link for link in links if not (page.parent / link).is_file()] == []
    assert snapshot(site.releases / "1.0.1") == before
    absent = site.call("report", "9.9")
    assert (absent.code, absent.out) == (3, "")


# ---- kills -----------------------------------------------------------------------------------------------------


def test_the_pipelines_of_ci_services_build_what_its_last_commit_changed(
    site: Site, second: Any, tmp_path: Path
) -> None:
    tool = make_tool(tmp_path / "tool")
    main = "sys.argv[1:1] = ['--builder', 'chroot']\nfrom altai_build.cli.main import main\nmain()\n"
    program = make_python_program(tmp_path / "altai-build", main)
    branch, commit = site.git("branch", "--show-current"), site.commits["1.0.1"]
    site.git("checkout", "--quiet", "--detach", commit)
    for service in PipelineService:
        variables = describe_push(service, site.git("rev-parse", "HEAD^"), tmp_path / "event.json")
        done = run_build_step(service, site.altai, tool, program, tmp_path, variables)
        assert done.returncode == 0, done.stderr
        result = json.loads((site.altai / "ci-results/result.json").read_text())
        assert (result["commit"], result["against"]) == (commit, "1.0.1")
        # The release has it already, so nothing is built and nobody needs a repository.
        assert [(row["component"], row["status"]) for row in result["components"]] == [
            ("altai-release", "reused")
        ]
        assert result["topic"] is None
    shutil.rmtree(site.altai / "ci-results")
    site.git("checkout", "--quiet", branch)


def test_a_killed_release_shows_nothing_and_changes_nothing(interrupted: Interrupted) -> None:
    assert interrupted.codes == [-9] * len(interrupted.codes), "\n".join(interrupted.points)
    before, *after = interrupted.first_release
    for point, visible, now in zip(interrupted.points, interrupted.visible, after):
        assert visible == {"1.0.0", "latest", "index.html"}, point
        assert now == before, point


def test_started_again_it_builds_nothing_twice(site: Site, interrupted: Interrupted, second: Any) -> None:
    ledger = site.ledger()
    assert len(ledger) == len(set(ledger)), "\n".join(interrupted.points)
    assert {component for component, _ in ledger} >= CHANGED
    # The last kills came after all builds: the run that got through had nothing left to build.
    assert interrupted.finished == CHANGED
    assert {build["component"] for build in second["builds"] if build["status"] == "built"} == set()


def test_kills_leave_no_process_no_mount_and_no_half_release(site: Site, second: Any) -> None:
    place = str(site.altai)
    left = [
        name for name in os.listdir(site.releases) if name not in ("1.0.0", "1.0.1", "latest", "index.html")
    ]
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
    ours = {nevra for nevra in client.installed() if re.search(r"\.g[0-9a-f]{7}\.", nevra)}
    assert ours == site.expected("1.0.0") - {site.packages("1.0.0")["python3-zabbix"]}
    assert "18.2.0" in client.run(["nova", "--version"]).said.splitlines()
    compiled = client.run(["python3", "-c", "import netifaces; print(netifaces.interfaces())"])
    assert (compiled.code, compiled.said.strip()) == (0, "['lo']")


def test_the_installed_repo_file_follows_the_channel_with_keys_on_the_machine(
    site: Site, client: Client
) -> None:
    text = (client.root / "etc" / "yum.repos.d" / "altai-stable.repo").read_text()
    assert f"metalink={site.url}/channels/stable/metalink.xml\n" in text
    (place,) = set(re.findall(r"gpgkey=file://(/\S+)", text))
    released = (site.releases / "1.0.0" / "RPM-GPG-KEY-altai").read_text()
    assert (client.root / place.lstrip("/")).read_text().startswith(released)


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
        with signing_key(key) as signer:
            signer.sign_rpms([self.victim])
            shutil.copy(self.packages / "repodata" / "repomd.xml.asc", self.folder / "old.asc")
            shutil.rmtree(self.packages / "repodata")
            write_repodata(self.packages, epoch=1_700_000_000, compat=Compat.MODERN)
            if metadata:
                signer.sign_detached(self.packages / "repodata" / "repomd.xml")
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
    client.configure("altai-stable", "")
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
    wrong = re.sub(r"gpgkey=\S+(\n +\S+)*", f"gpgkey=file://{stranger.public}", true)
    for number, text in enumerate((wrong, wrong.replace("repo_gpgcheck=1", "repo_gpgcheck=0"))):
        client = Client(tmp_path / str(number), testbed)
        client.configure("altai", text)
        refused = client.dnf("install", "python3-bottle")
        assert refused.code != 0, refused.said
        assert "GPG" in refused.said
        assert client.installed() == set()


def test_a_machine_hears_of_the_next_release_and_is_upgraded_to_exactly_that(
    site: Site, client: Client
) -> None:
    """It has nothing but what altai-release of 1.0.0 installed: the .repo file of the channel, and the keys."""
    before = client.installed()
    old, new = site.packages("1.0.0"), site.packages("1.0.1")
    client.follow_installed_files()
    nothing = client.dnf("upgrade")
    assert (nothing.code, client.installed()) == (0, before), nothing.said
    promoted = site.answer("promote", "1.0.1", "--to", "stable")
    assert (promoted["from"], promoted["to"]) == ("1.0.0", "1.0.1")
    client.let_days_pass()
    upgrade = client.dnf("upgrade")
    assert upgrade.code == 0, upgrade.said
    assert client.installed() == before - set(old.values()) | {new[name] for name in old if name in new}
    assert "18.3.0" in client.run(["nova", "--version"]).said.splitlines()
    added = client.dnf("install", "python3-swiftclient")
    assert added.code == 0, added.said
    assert client.run(["swift", "--version"]).said.splitlines()[0] == "python-swiftclient 4.1.0"
    assert client.dnf("check").code == 0
