"""scripts/make-sample-superproject for real: its result, the same result twice, and what it refuses."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "make-sample-superproject"
RELEASED_1_0_0 = {
    "repos/altai/bottle": "0.12.23",
    "repos/altai/bunch": None,
    "repos/altai/python-netifaces": "0.10.9",
    "repos/altai/python-zabbix-api": "0.5.4",
    "repos/altai/websockify": "0.10.0",
    "repos/altai/wrapt": "1.14.1",
    "repos/openstack/debtcollector": "2.4.0",
    "repos/openstack/keystoneauth": "5.0.0",
    "repos/openstack/os-service-types": "1.6.0",
    "repos/openstack/oslo-i18n": "5.1.0",
    "repos/openstack/oslo-serialization": "5.0.0",
    "repos/openstack/oslo-utils": "6.0.1",
    "repos/openstack/python-novaclient": "18.2.0",
    "repos/openstack/stevedore": "4.1.0",
}
BUMPED_IN_1_0_1 = {
    "repos/altai/python-netifaces": "0.11.0",
    "repos/openstack/oslo-i18n": "6.0.0",
    "repos/openstack/oslo-utils": "6.1.0",
    "repos/openstack/python-novaclient": "18.3.0",
}


def make(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the script with this Python first on PATH and without the environment settings of pip and git."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [SCRIPT, *arguments],
        env={**inherited, "PATH": path, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def git(repository: Path, *arguments: str) -> str:
    """Standard output of a git command that must succeed."""
    command = ["git", "-C", str(repository), "-c", "safe.directory=*", *arguments]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def testbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the script takes from a testbed."""
    folder = tmp_path_factory.mktemp("testbed")
    (folder / "mock-configs").mkdir()
    (folder / "mock-configs" / "testbed-x86_64.cfg").write_text("config_opts['dist'] = 'tb12'\n")
    (folder / "keys").mkdir()
    for name in ("base", "updates", "epel"):
        (folder / "keys" / f"RPM-GPG-KEY-testbed-{name}").write_text(f"public key of {name}\n")
    (folder / "keys" / "private").write_text("must stay where it is\n")
    return folder


@pytest.fixture(scope="module")
def sample(testbed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One sample, made with the archives in the user's cache, which are downloaded where they are missing."""
    folder = tmp_path_factory.mktemp("made") / "sample"
    result = make("--testbed", testbed, "--baseurl", "http://mirror.example/altai", folder)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def history(sample: Path) -> dict[str, str]:
    """Commit id of each release, by version."""
    answer = json.loads((sample / "history.json").read_text())
    return {version: answer[f"release-{version}"] for version in ("1.0.0", "1.0.1")}


def gitlinks(superproject: Path, commit: str) -> dict[str, str]:
    """Path to pinned commit."""
    rows = git(superproject, "ls-tree", "-r", "-z", commit).split("\0")[:-1]
    return {
        path: meta.split()[2] for meta, _, path in (row.partition("\t") for row in rows) if "160000" in meta
    }


def packaged_versions(sample: Path, commit: str) -> dict[str, str | None]:
    """Path to the Version of the pinned commit's spec, None where there is no spec."""
    versions: dict[str, str | None] = {}
    for path, pin in gitlinks(sample / "altai.git", commit).items():
        component = sample / f"{Path(path).name}.git"
        specs = [
            f for f in git(component, "ls-tree", "-r", "--name-only", pin).split("\n") if f.endswith(".spec")
        ]
        versions[path] = None
        for spec in specs:
            versions[path] = re.findall(r"^Version: *(\S+)$", git(component, "show", f"{pin}:{spec}"), re.M)[
                0
            ]
    return versions


def test_releases_pin_the_versions_they_announce(sample: Path, history: dict[str, str]) -> None:
    assert packaged_versions(sample, history["1.0.0"]) == RELEASED_1_0_0
    expected = {**RELEASED_1_0_0, **BUMPED_IN_1_0_1, "repos/openstack/python-swiftclient": "4.1.0"}
    del expected["repos/altai/python-zabbix-api"]
    assert packaged_versions(sample, history["1.0.1"]) == expected


def test_history_file_lists_the_commits_in_order(sample: Path) -> None:
    listed = json.loads((sample / "history.json").read_text())["commits"]
    log = git(sample / "altai.git", "log", "--reverse", "--format=%H%x09%s", "main").splitlines()
    assert [f"{row['commit']}\t{row['subject']}" for row in listed] == log


def test_superproject_history_has_every_kind_of_change(sample: Path) -> None:
    log = git(
        sample / "altai.git", "log", "--reverse", "--raw", "--no-renames", "--format=", "main", "--", "repos"
    )
    rows = [(line.split()[4], line.split("\t")[1]) for line in log.splitlines()]
    assert [row for row in rows if row[0] == "D"] == [("D", "repos/altai/python-zabbix-api")]
    assert rows.index(("A", "repos/openstack/python-swiftclient")) > rows.index(
        ("A", "repos/altai/websockify")
    )
    assert {path for status, path in rows if status == "M"} == {
        *BUMPED_IN_1_0_1,
        "repos/altai/bunch",
        "repos/altai/websockify",  # another commit of the same version
    }


def test_every_component_has_a_history_of_two_upstream_versions(sample: Path) -> None:
    for component in sorted(sample.glob("*.git")):
        if component.name != "altai.git":
            subjects = git(component, "log", "--reverse", "--format=%s", "main").splitlines()
            assert subjects[0].startswith("Import ")
            assert [s for s in subjects if s.startswith("Update to ")], component
            git(component, "fsck", "--strict")


def test_sources_and_patches_are_beside_the_spec(sample: Path, history: dict[str, str]) -> None:
    beside = {}
    for path, pin in gitlinks(sample / "altai.git", history["1.0.1"]).items():
        component = sample / f"{Path(path).name}.git"
        for spec in git(component, "ls-tree", "-r", "--name-only", pin).split("\n"):
            if not spec.endswith(".spec"):
                continue
            text = git(component, "show", f"{pin}:{spec}")
            names = re.findall(r"^(?:Source[1-9]|Patch)\d*: *(\S+)$", text, re.M)
            for name in names:
                git(component, "cat-file", "-e", f"{pin}:{(Path(spec).parent / name).as_posix()}")
            beside[spec] = names
    assert beside["redhat/websockify.spec"] == [
        "websockify.service",
        "websockify.init",
        "websockify.sysconfig",
    ]
    assert beside["python-bottle.spec"] == ["bottle-quiet-startup.patch"]
    release = git(sample / "altai.git", "show", f"{history['1.0.1']}:altai-release.spec")
    assert re.findall(r"^Source\d+: *(\S+)$", release, re.M) == ["altai-stable.repo", "RPM-GPG-KEY-altai"]


def test_upstream_files_are_those_of_the_archive(sample: Path) -> None:
    first = git(sample / "wrapt.git", "rev-list", "--max-parents=0", "main").strip()
    assert "src/wrapt/_wrappers.c" in git(sample / "wrapt.git", "ls-tree", "-r", "--name-only", first).split(
        "\n"
    )
    swift = git(sample / "python-swiftclient.git", "ls-tree", "main", "bin/swift")
    assert swift.startswith("100755 "), "programs stay executable"


def test_build_dependencies_between_components_have_no_cycle(sample: Path, history: dict[str, str]) -> None:
    needs: dict[str, set[str]] = {}
    for path, pin in gitlinks(sample / "altai.git", history["1.0.1"]).items():
        component = sample / f"{Path(path).name}.git"
        for spec in git(component, "ls-tree", "-r", "--name-only", pin).split("\n"):
            if spec.endswith(".spec"):
                text = git(component, "show", f"{pin}:{spec}")
                package = re.findall(r"^%package -n (\S+)|^Name: *(python3-\S+|websockify)", text, re.M)
                needs["".join(package[0])] = set(re.findall(r"^BuildRequires: *(\S+)", text, re.M))
    needs = {name: wanted & set(needs) for name, wanted in needs.items()}
    assert needs["python3-oslo-utils"] == {"python3-debtcollector", "python3-netifaces", "python3-oslo-i18n"}
    while ready := {name for name, wanted in needs.items() if not wanted}:
        needs = {name: wanted - ready for name, wanted in needs.items() if name not in ready}
    assert needs == {}


def test_configuration_names_the_testbed_and_no_secret(sample: Path, testbed: Path) -> None:
    config = git(sample / "altai.git", "show", "main:repos.yaml")
    for name in ("base", "updates", "epel"):
        assert f"file://{testbed}/{name}" in config
    assert 'baseurl: "http://mirror.example/altai"' in config
    assert "macros: {dist: .tb12}" in config
    # Machines follow a channel, and are not pinned to a release.
    assert '{altai-stable.repo: "{channel}", RPM-GPG-KEY-altai: "{keys}"}' in config
    assert "channel: stable," in config
    assert "@" not in config
    tree = git(sample / "altai.git", "ls-tree", "-r", "--name-only", "main").splitlines()
    assert [path for path in tree if not path.startswith("repos/")] == [
        ".gitignore",
        ".gitmodules",
        "altai-release.spec",
        "keys/RPM-GPG-KEY-testbed-base",
        "keys/RPM-GPG-KEY-testbed-epel",
        "keys/RPM-GPG-KEY-testbed-updates",
        "mock-configs/testbed-x86_64.cfg",
        "repos.yaml",
        *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "specs").rglob("*") if path.is_file()),
    ]


def test_work_tree_is_a_clean_clone_of_its_neighbours(sample: Path, history: dict[str, str]) -> None:
    tree = sample / "altai"
    assert git(tree, "status", "--porcelain") == ""
    assert git(tree, "rev-parse", "HEAD").strip() == history["1.0.1"]
    assert git(tree, "remote", "get-url", "origin").strip() == str(sample / "altai.git")
    pins = gitlinks(sample / "altai.git", "main")
    status = git(tree, "submodule", "status").splitlines()
    assert {line.split()[1]: line.split()[0] for line in status} == pins
    urls = git(tree, "config", "--file", ".gitmodules", "--get-regexp", r"\.url$").splitlines()
    assert {line.split()[1] for line in urls} == {f"../{Path(path).name}.git" for path in pins}
    for path in pins:
        assert git(tree / path, "remote", "get-url", "origin").strip() == str(
            sample / f"{Path(path).name}.git"
        )


def test_work_tree_has_the_commits_of_removed_components(sample: Path, history: dict[str, str]) -> None:
    pin = gitlinks(sample / "altai.git", history["1.0.0"])["repos/altai/python-zabbix-api"]
    assert (
        git(sample / "altai/.git/modules/repos/altai/python-zabbix-api", "cat-file", "-t", pin) == "commit\n"
    )
    assert not (sample / "altai/repos/altai/python-zabbix-api").exists()


def test_second_run_makes_the_same_commits_and_adds_altai_build_when_asked(
    sample: Path, testbed: Path, tmp_path: Path
) -> None:
    (tmp_path / "template/hooks").mkdir(parents=True)
    hostile = tmp_path / "gitconfig"
    hostile.write_text(f"[user]\nname = Someone Else\n[init]\ntemplateDir = {tmp_path / 'template'}\n")
    env = {
        "GIT_DIR": "/nowhere",
        "GIT_AUTHOR_DATE": "1",
        "GIT_CONFIG_GLOBAL": str(hostile),
        "TZ": "Asia/Tokyo",
    }
    (tmp_path / "empty").mkdir()
    words = ("--testbed", testbed, "--baseurl", "http://mirror.example/altai", "--with-altai-build")
    result = make(*words, tmp_path / "empty", env=env)
    assert result.returncode == 0, result.stderr
    for first in sorted(sample.glob("*.git")):
        second = tmp_path / "empty" / first.name
        if first.name != "altai.git":
            assert git(first, "show-ref") == git(second, "show-ref")
    second = tmp_path / "empty" / "altai.git"
    assert git(second, "rev-parse", "main^") == git(sample / "altai.git", "rev-parse", "main")
    added = {"repos/altai/altai-build": git(ROOT, "rev-parse", "HEAD").strip()}
    assert gitlinks(second, "main") == {**gitlinks(sample / "altai.git", "main"), **added}
    assert (tmp_path / "empty/altai/repos/altai/altai-build/packaging/altai-build.spec").is_file()
    assert (sample / "history.json").read_bytes() == (tmp_path / "empty" / "history.json").read_bytes()


def test_refuses_a_folder_that_is_not_empty(testbed: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    result = make("--testbed", testbed, tmp_path)
    assert result.returncode == 3
    assert result.stderr == (
        f"make-sample-superproject: {tmp_path} exists and is not an empty folder.\n"
        "  Nothing in it was changed. Name another folder, or remove this one.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_refuses_a_folder_that_cannot_be_created(testbed: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    result = make("--testbed", testbed, tmp_path / "file" / "sample")
    assert result.returncode == 3
    assert f"make-sample-superproject: cannot create a folder in {tmp_path / 'file'}\n" in result.stderr
    assert (tmp_path / "file").read_text() == "kept"


def test_refuses_without_a_testbed(tmp_path: Path) -> None:
    result = make("--testbed", tmp_path / "none", tmp_path / "sample")
    assert result.returncode == 3
    assert result.stderr == (
        f"make-sample-superproject: there is no testbed at {tmp_path / 'none'} "
        "(mock-configs/testbed-x86_64.cfg is missing).\n"
        "  The sample is built for the testbed. "
        "Run scripts/make-testbed, or name a testbed with --testbed DIR.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_testbed_without_dist(tmp_path: Path) -> None:
    config = tmp_path / "testbed/mock-configs/testbed-x86_64.cfg"
    config.parent.mkdir(parents=True)
    config.write_text("config_opts['root'] = 'testbed-x86_64'\n")
    result = make("--testbed", tmp_path / "testbed", tmp_path / "sample")
    assert result.returncode == 3
    assert f"make-sample-superproject: {config} does not set config_opts['dist'].\n" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["testbed"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "usage: make-sample-superproject"),
        (["--nonsense", "x"], "unknown option --nonsense"),
        (["--testbed"], "--testbed needs a value"),
        (["one", "two"], "more than one DIR: one and two"),
    ],
)
def test_usage(arguments: list[str], message: str) -> None:
    result = make(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stdout == ""


class Index(http.server.BaseHTTPRequestHandler):
    """A package index of one project, which serves `page` and `archive`."""

    page = ""
    archive = b""

    def do_GET(self) -> None:
        """The project's page, its archive, or nothing."""
        if self.path == "/simple/bottle/":
            self._answer(self.page.encode(), "text/html")
        elif self.path.endswith(".tar.gz"):
            self._answer(self.archive, "application/octet-stream")
        else:
            self.send_error(404)

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: the output of the test is that of the script."""


@pytest.fixture
def index() -> Iterator[str]:
    """The address of a running index; set its responses on the class `Index`."""
    Index.page = '<a href="/bottle-0.12.23.tar.gz">bottle-0.12.23.tar.gz</a>'
    Index.archive = b""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://somebody:secret@127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        thread.join()


def refused(testbed: Path, tmp_path: Path, index: str) -> str:
    """The errors of the script when it cannot download the archives from `index`; no file may be left."""
    result = make(
        "--testbed", testbed, "--cache", tmp_path / "cache", tmp_path / "sample", env={"PIP_INDEX_URL": index}
    )
    assert result.returncode == 3
    assert "Traceback" not in result.stderr
    assert "secret" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    return result.stderr


def test_archive_with_other_bytes_is_refused(testbed: Path, tmp_path: Path, index: str) -> None:
    Index.archive = b"not what was signed for"
    said = refused(testbed, tmp_path, index)
    assert "the source archive of bottle 0.12.23 has the wrong content\n" in said
    assert list((tmp_path / "cache").iterdir()) == []


def test_index_without_the_archive(testbed: Path, tmp_path: Path, index: str) -> None:
    Index.page = f'<a href="/bottle-0.12.23.tar.gz#sha256={64 * "0"}">bottle-0.12.23.tar.gz</a>'
    said = refused(testbed, tmp_path, index)
    assert "the package index has no source archive of bottle 0.12.23 with SHA-256 683de3aa" in said


def test_index_that_does_not_answer(testbed: Path, tmp_path: Path) -> None:
    said = refused(testbed, tmp_path, "http://somebody:secret@127.0.0.1:9/simple")
    assert (
        "cannot download the source archive of bottle 0.12.23\n  ConnectionError from the package index"
        in said
    )


def test_good_archive_is_used_and_a_damaged_one_replaced(
    sample: Path, testbed: Path, tmp_path: Path, index: str
) -> None:
    assert sample.is_dir()  # so the user's cache is full
    own_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "altai-build/sdists"
    cache = tmp_path / "cache"
    cache.mkdir()
    for archive in own_cache.glob("*.tar.gz"):
        (cache / archive.name).write_bytes(archive.read_bytes())
    Index.archive = (own_cache / "bottle-0.12.23.tar.gz").read_bytes()
    (cache / "bottle-0.12.23.tar.gz").write_bytes(Index.archive[:-1])
    result = make("--testbed", testbed, "--cache", cache, tmp_path / "sample", env={"PIP_INDEX_URL": index})
    assert result.returncode == 0, result.stderr
    assert (cache / "bottle-0.12.23.tar.gz").read_bytes() == Index.archive
