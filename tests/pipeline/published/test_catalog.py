"""Releases in a folder or on a server: which there are, and that no more of them is downloaded than is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from altai_build.errors import InputError, UnreachableError
from altai_build.model.release import ReleasePart
from altai_build.pipeline.published.catalog import is_location, open_catalog
from altai_build.pipeline.run import Run
from tests.kit.configs import make_run
from tests.kit.releases import Materials, make_release, make_release_contents
from tests.kit.server import serving


@pytest.fixture(scope="module")
def releases(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.0.1, and 1.0.2 that follows it, with `latest`; two folders that are no releases."""
    folder = tmp_path_factory.mktemp("releases")
    for version, previous in (("1.0.1", None), ("1.0.2", "1.0.1")):
        release = make_release(folder / version, materials, make_release_contents(materials, version))
        text = (release / "release.json").read_text()
        if previous:
            (release / "release.json").write_text(
                text.replace('"previous": null', f'"previous": "{previous}"')
            )
        (release / "report").mkdir()
        (release / "report" / "index.html").write_text("<html>")
        with open(release / "SHA256SUMS", "a") as sums:
            sums.write(f"{'0' * 64}  report/index.html\n")
    (folder / "latest").symlink_to("1.0.2")
    (folder / "channels").mkdir()
    (folder / "1.0.3").mkdir()
    return folder


@pytest.fixture
def run(materials: Materials, tmp_path: Path) -> Run:
    return make_run(tmp_path, materials)


@pytest.fixture(params=["folder", "server", "server without a list"])
def where(request: pytest.FixtureRequest, releases: Path) -> Iterator[str]:
    if request.param == "folder":
        yield str(releases)
        return
    if request.param == "server without a list":
        (releases / "index.html").write_text("<html>Welcome, <a href=../up/>up</a> <a href='/x/'>x</a>")
    with serving(releases) as url:
        yield f"{url}/"
    (releases / "index.html").unlink(missing_ok=True)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_releases_of_a_folder_and_of_a_server(run: Run, where: str) -> None:
    with open_catalog(run, where) as catalog:
        assert [directory.name for directory in catalog.list_all()] == ["1.0.1", "1.0.2"]
        assert [directory.name for directory in catalog.list_before("1.0.2")] == ["1.0.1"]
        assert catalog.find_latest() == "1.0.2"
        assert '"version": "1.0.2"' in (catalog.find("latest") / "release.json").read_text()
        assert catalog.find("1.0.1").name == "1.0.1"
        with pytest.raises(InputError, match="there is no release 9") as caught:
            catalog.find("9")
        assert "1.0.1, 1.0.2" in caught.value.todo
    assert not run.workspace.scratch.exists() or list(run.workspace.scratch.iterdir()) == []


def test_one_release_is_a_place_too(run: Run, releases: Path) -> None:
    with serving(releases) as url:
        for where in (str(releases / "1.0.1"), f"{url}/1.0.1"):
            with open_catalog(run, where) as catalog:
                assert [directory.name for directory in catalog.list_all()] == ["1.0.1"]
                assert catalog.find("1.0.1") == catalog.find("latest") == catalog.list_all()[0]
                assert catalog.find_latest() is None
                with pytest.raises(InputError, match=r"there is no release 1\.0\.2"):
                    catalog.find("1.0.2")


def test_only_the_files_that_are_needed_are_downloaded(run: Run, releases: Path) -> None:
    basic = {"release.json", "release.json.asc", "SHA256SUMS", "SHA256SUMS.asc"}
    basic |= {"RPM-GPG-KEY-ours", "RPM-GPG-KEY-epel6"}
    with serving(releases) as url, open_catalog(run, None) as catalog:
        named = f"{url}/1.0.2"
        copy = catalog.find(named)
        assert files(copy) == basic
        assert catalog.find_url(copy) == named
        assert catalog.find(named, ReleasePart.REPORT) == copy
        assert files(copy) == {*basic, "report/index.html"}
        assert catalog.find(named, ReleasePart.METADATA) == copy
        assert {name for name in files(copy) if name.endswith(".rpm")} == set()
        assert sum("/repodata/" in name for name in files(copy)) > 4
        catalog.find(named, ReleasePart.WHOLE)
        assert files(copy) == files(releases / "1.0.2")


def test_a_path_is_no_version(run: Run, releases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [is_location(named) for named in ("1.0.2", "latest", ".", "./x", "/x", "https://x/1")] == [
        False,
        False,
        True,
        True,
        True,
        True,
    ]
    monkeypatch.chdir(releases / "1.0.2")
    with open_catalog(run, None) as catalog:
        assert catalog.find(".") == catalog.find(str(releases / "1.0.2")) == releases / "1.0.2"
        assert catalog.find_url(catalog.find(".")) is None


def test_a_place_without_releases_is_empty_and_one_out_of_reach_is_an_error(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="there are no releases in gone"), open_catalog(run, "gone"):
        pass
    (tmp_path / "empty").mkdir()
    with serving(tmp_path / "empty") as url:
        for where in (str(tmp_path / "empty"), url):
            with open_catalog(run, where) as catalog:
                assert catalog.list_all() == ()
    monkeypatch.setattr("altai_build.tools.http.attempts.RETRY_DELAY", 0.0)
    with pytest.raises(UnreachableError), open_catalog(run, url) as catalog:
        catalog.list_all()


def test_without_a_configuration_only_paths_and_urls_name_a_release(run: Run, releases: Path) -> None:
    bare = type(run)(
        config=type(run.config)(project="", file=None, root=releases, superproject=run.config.superproject),
        workspace=run.workspace,
        jobs=2,
        builder="auto",
    )
    with open_catalog(bare, None) as catalog:
        assert catalog.find(str(releases / "1.0.1")) == releases / "1.0.1"
        with pytest.raises(InputError, match="there is no release definition"):
            catalog.find("1.0.1")
