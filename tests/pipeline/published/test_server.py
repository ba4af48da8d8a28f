"""Releases on a web server: which a page links to, which come before them, what is downloaded of each, and once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from altai_build.config import Config
from altai_build.config.superproject import get_default_superproject
from altai_build.errors import InputError
from altai_build.model.manifest import manifest_to_json
from altai_build.model.release import ReleasePart
from altai_build.pipeline.published.server import ReleaseServer
from altai_build.pipeline.run import Run
from altai_build.workspace import Workspace
from tests.kit.manifests import manifest, write_manifests
from tests.kit.server import Request, scripted_server, serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """1.0.1, which nothing links to, and 1.0.2, which follows it."""
    folder = tmp_path / "served"
    write_manifests(folder, manifest("1.0.1", []), manifest("1.0.2", [], previous="1.0.1"))
    for version in ("1.0.1", "1.0.2"):
        names = ("release.json", "report/index.html", "centos6/repodata/repomd.xml")
        (folder / version / "SHA256SUMS").write_text("".join(f"{'0' * 64}  {name}\n" for name in names))
        (folder / version / "report").mkdir()
        (folder / version / "report" / "index.html").write_text("<html>")
    (folder / "index.html").write_text("<html>")
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ReleaseServer]:
    config = Config(
        project="", file=None, root=tmp_path, superproject=get_default_superproject(str(tmp_path))
    )
    run = Run(config=config, workspace=Workspace(tmp_path / "workspace"), jobs=2, builder="auto")
    with ExitStack() as stack:
        yield ReleaseServer(run, stack)
    assert list(run.workspace.scratch.iterdir()) == []


def test_links_of_a_page_lead_nowhere_else(server: ReleaseServer, folder: Path) -> None:
    (folder / "index.html").write_text(
        '<a href="../">up</a> <a href="%2e%2e/">up</a> <A HREF="./1.0.1/report/">report</A> <a href="a%2Fb/">'
        "<a href='1.0.1/'>"
    )
    with serving(folder) as url:
        assert [copy.name for copy in server.list_all(url, ReleasePart.MANIFEST)] == ["1.0.1"]


def test_a_page_that_is_no_list_is_read_at_once(server: ReleaseServer, folder: Path) -> None:
    (folder / "index.html").write_text('<a href = "1.0.2/">' + "href=" * 800_000)
    with serving(folder) as url:
        assert [copy.name for copy in server.list_all(url, ReleasePart.MANIFEST)] == ["1.0.2"]


def test_predecessors_without_end_are_not_followed(
    server: ReleaseServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("altai_build.pipeline.published.server._MAX_PREDECESSORS", 10)
    asked = []

    def answer(request: Request) -> None:
        _, version, *names = request.path.split("/")
        asked.append(version)
        number = int(version[1:] or 0) if version.isdigit() else 0
        text = manifest_to_json(manifest(f"1{number}", [], previous=f"1{number + 1}"))
        texts = {"release.json": text, "SHA256SUMS": f"{'0' * 64}  release.json\n"}
        body = texts.get("/".join(names), "").encode()
        request.answer(200 if body else 404, body, content_length=str(len(body)))

    with scripted_server(answer) as url, pytest.raises(InputError, match="have no end"):
        server.list_all(url, ReleasePart.MANIFEST)
    assert len(set(asked)) < 20


def test_the_predecessors_of_a_linked_release_are_found_through_latest(
    server: ReleaseServer, folder: Path
) -> None:
    with serving(folder) as url:
        assert (server.find_latest(url), server.list_all(url, ReleasePart.MANIFEST)) == (None, [])
        (folder / "latest").symlink_to("1.0.2")
        assert server.find_latest(url) == "1.0.2"
        assert [copy.name for copy in server.list_all(url, ReleasePart.MANIFEST)] == ["1.0.1", "1.0.2"]
        assert server.find_single(url, ReleasePart.MANIFEST) is None
        with pytest.raises(InputError, match="there is no release 9") as caught:
            server.find(url, "9", ReleasePart.MANIFEST)
        assert caught.value.todo == f"releases at {url}: 1.0.1, 1.0.2"


def test_a_file_is_downloaded_once_and_only_when_it_is_needed(server: ReleaseServer, folder: Path) -> None:
    with serving(folder) as url:
        copy = server.download(f"{url}/1.0.2", ReleasePart.MANIFEST)
        assert {path.name for path in copy.iterdir()} == {"release.json", "SHA256SUMS"}
        (folder / "1.0.2" / "release.json").write_text("changed")
        assert server.find_single(f"{url}/1.0.2", ReleasePart.REPORT) == copy
        assert (copy / "report" / "index.html").exists()
        assert "changed" not in (copy / "release.json").read_text()
        assert server.find_url(copy) == f"{url}/1.0.2"
        assert server.find_url(folder / "1.0.2") is None
