"""Sources of third-party packages: downloaded, checked by SHA-256; an error affects only its own package."""

from __future__ import annotations

import hashlib
import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.errors import AltaiError, InputError
from altai_build.stages.discover.components import discover
from altai_build.stages.sources import fetch_sources, list_downloads
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.git.superproject import Superproject
from altai_build.tools.http import attempts, pypi
from altai_build.workspace import Workspace
from tests.kit.git import Entry, Repo
from tests.kit.superprojects import World, make_spec

REPOS = """\
project: altai
targets: {t: {mock_config: m, arch: x86_64}}
keys: {k: {file: k, signs: true}}
repositories:
  main: {source: superproject, target: t, key: k}
  deps/misc: {source: specs, path: specs, target: t, key: k, source_rpms: deps/misc-srpms}
release: {baseurl: "https://example.org/"}
"""
CONTENT = b"the bytes of a source archive"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    """An https site and a package index in one: `files` are what they answer."""

    files: Mapping[str, bytes] = {}

    def do_GET(self) -> None:
        body = self.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        kind = "text/html" if self.path.endswith("/") else "application/octet-stream"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an https server on the loopback address, whose certificate is known; its index is pip's."""
    monkeypatch.setattr(attempts, "RETRY_DELAY", 0.01)
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    options = "-x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        ["openssl", "req", *options.split(), "-keyout", str(key), "-out", str(certificate)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"https://127.0.0.1:{server.server_address[1]}"
        page = f'<a href="/files/thing-1.0.tar.gz#sha256={DIGEST}">thing-1.0.tar.gz</a>'
        monkeypatch.setattr(
            _Handler,
            "files",
            {"/x/logo.png": CONTENT, "/simple/thing/": page.encode(), "/files/thing-1.0.tar.gz": CONTENT},
        )
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        monkeypatch.setenv("PIP_CERT", str(certificate))
        monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple")
        pypi._pip_setting.cache_clear()
        yield url
        server.shutdown()
        thread.join()
        pypi._pip_setting.cache_clear()


def discovered(folder: Path, packages: Mapping[str, str | None]) -> list[ComponentSource]:
    """The third-party packages of a superproject: name → text of its sources.yaml."""
    repo = Repo(folder / "super")
    files: dict[str, str | bytes | None] = {"repos.yaml": REPOS}
    for name, sources in packages.items():
        files[f"specs/{name}/{name}.spec"] = make_spec(name)
        if sources is not None:
            files[f"specs/{name}/sources.yaml"] = sources
    repo.commit(files)
    (repo.path / "repos.yaml").write_text(REPOS)
    config = load_config(repo.path / "repos.yaml")
    superproject = Superproject(repo.path, state=folder / "state")
    return list(discover(superproject, config, Workspace(folder / "workspace"), "HEAD", jobs=2).sourced)


def fetch(sourced: list[ComponentSource], folder: Path) -> dict[str, dict[str, Path] | AltaiError]:
    """The downloads of components, by the definition in the folder's superproject."""
    return fetch_sources(sourced, load_config(folder / "super" / "repos.yaml"), folder / "cache", jobs=2)


def entry(file: str, origin: str, sha256: str = DIGEST) -> str:
    return f'  - {{file: {file}, sha256: "{sha256}", from: {origin}}}\n'


def test_both_origins_are_fetched_and_kept(site: str, tmp_path: Path) -> None:
    text = "sources:\n" + entry("logo.png", f'"{site}/x/logo.png"')
    text += entry("thing-1.0.tar.gz", '{pypi: thing, version: "1.0"}')
    sourced = discovered(tmp_path, {"thing": text, "plain": None})
    found = fetch(sourced, tmp_path)
    assert found["plain"] == {}
    files = found["thing"]
    assert isinstance(files, dict)
    assert {name: path.read_bytes() for name, path in files.items()} == {
        "logo.png": CONTENT,
        "thing-1.0.tar.gz": CONTENT,
    }
    _Handler.files = {}  # what is here is not asked for again
    assert fetch(sourced, tmp_path) == found


def test_an_unavailable_source_affects_only_its_own_package(site: str, tmp_path: Path) -> None:
    bad = (
        "sources:\n"
        + entry("gone.png", f'"{site}/gone.png"')
        + entry("y.tar.gz", "{pypi: nobody, version: v1}")
    )
    bad += entry("other.png", f'"{site}/x/logo.png"', sha256="0" * 64)
    good = "sources:\n" + entry("logo.png", f'"{site}/x/logo.png"')
    found = fetch(discovered(tmp_path, {"bad": bad, "good": good}), tmp_path)
    error = found["bad"]
    assert isinstance(error, InputError)
    assert error.what == "3 sources are not available"
    assert "gone.png" in error.why and "404 Not Found" in error.why
    assert f"the package index has no source archive of nobody v1 with SHA-256 {DIGEST}" in error.why
    assert f"its sha256 is {DIGEST} instead of {'0' * 64}" in error.why
    assert isinstance(found["good"], dict)


def test_errors_in_sources_yaml_affect_only_its_own_package(site: str, tmp_path: Path) -> None:
    sourced = discovered(tmp_path, {"thing": "sources: {}\n"})
    with pytest.raises(InputError, match=r"specs/thing/sources\.yaml has 1 error"):
        list_downloads(sourced[0], load_config(tmp_path / "super" / "repos.yaml"))
    assert isinstance(fetch(sourced, tmp_path)["thing"], InputError)


def test_the_list_is_read_from_the_commit(site: str, tmp_path: Path) -> None:
    text = "sources:\n" + entry("logo.png", f'"{site}/x/logo.png"')
    (sourced,) = discovered(tmp_path, {"thing": text})
    in_work_tree = tmp_path / "super" / "specs" / "thing"
    in_work_tree.mkdir(parents=True)
    (in_work_tree / "sources.yaml").write_text("sources: []\n")
    config = load_config(tmp_path / "super" / "repos.yaml")
    assert [source.file for source in list_downloads(sourced, config)] == ["logo.png"]


SHA512 = hashlib.sha512(CONTENT).hexdigest()


def make_component(
    folder: Path, spec: str, files: Mapping[str, Entry], settings: str = ""
) -> ComponentSource:
    """A pinned repository with a spec and other files; `settings` are those of the component in repos.yaml."""
    world = World(folder)
    world.component("repos/thing", {"thing.spec": spec, **files})
    world.pin()
    definition = f"{REPOS}components: {{thing: {{{settings}}}}}\n"
    (world.super.path / "repos.yaml").write_text(definition)
    superproject = Superproject(world.super.path, state=folder / "state")
    config = load_config(world.super.path / "repos.yaml")
    (source,) = discover(superproject, config, Workspace(folder / "workspace"), "HEAD", jobs=1).sourced
    return source


def test_what_a_dist_git_repository_lists_is_fetched_from_the_urls_of_its_spec(
    site: str, tmp_path: Path
) -> None:
    tags = (
        "Source1: unlisted.conf\nSource2: other.gem\nPatch0: https://127.0.0.1/here.patch\nBuildArch: noarch"
    )
    spec = make_spec("thing", source=f"{site}/x/logo.png#/thing-1.0.tar.gz", tags=tags)
    listed = "".join(
        f"SHA512 ({name}) = {SHA512}\n" for name in ("thing-1.0.tar.gz", "here.patch", "other.gem")
    )
    files = {"sources": listed, "here.patch": "-"}
    source = make_component(tmp_path, spec, files)
    found = fetch([source], tmp_path)["thing"]
    assert isinstance(found, dict) and [*found] == ["thing-1.0.tar.gz"]
    assert found["thing-1.0.tar.gz"].read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("listed", "settings"),
    [
        (f"{hashlib.md5(CONTENT).hexdigest()}  thing-1.0.tar.gz\n", ""),
        (f"SHA512 (thing-1.0.tar.gz) = {SHA512}\n", "source: archive"),
    ],
)
def test_what_proves_nothing_or_is_not_wanted_is_not_fetched(
    site: str, tmp_path: Path, listed: str, settings: str
) -> None:
    spec = make_spec("thing", source=f"{site}/x/logo.png#/thing-1.0.tar.gz")
    source = make_component(tmp_path, spec, {"sources": listed}, settings)
    assert fetch([source], tmp_path) == {"thing": {}}


def test_a_pinned_repository_can_have_a_sources_yaml(site: str, tmp_path: Path) -> None:
    text = "sources:\n" + entry("logo.png", f'"{site}/x/logo.png"')
    source = make_component(tmp_path, make_spec("thing"), {"sources.yaml": text, "README": "x"})
    found = fetch([source], tmp_path)["thing"]
    assert isinstance(found, dict) and [*found] == ["logo.png"]
