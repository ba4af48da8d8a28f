"""`report`: the path of the released report, or a new one written elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.cli import altai_build
from tests.kit.configs import make_site
from tests.kit.releases import Materials


@pytest.fixture
def site(materials: Materials, tmp_path: Path) -> Path:
    """A folder with repos.yaml and release 1.0.2, which has no report."""
    return make_site(tmp_path / "site", materials)


def test_the_path_of_the_released_report_is_printed(site: Path) -> None:
    page = site / "releases" / "1.0.2" / "report" / "index.html"
    page.parent.mkdir()
    page.write_text("<html>")
    (site / "releases" / "latest").symlink_to("1.0.2")
    for named in ("1.0.2", "latest"):
        assert altai_build("report", named, cwd=site).out == f"{page}\n"
    assert altai_build("report", "1.0.2", "--json", cwd=site).json == {
        "schema_version": 1,
        "release": "1.0.2",
        "report": str(page),
        "written": False,
        "trust": "pinned",
    }


def test_a_release_without_a_report_says_how_to_write_one(site: Path) -> None:
    answer = altai_build("report", "1.0.2", cwd=site)
    assert (answer.code, answer.out) == (3, "")
    assert "release 1.0.2 has no report" in answer.err
    assert "`altai-build report 1.0.2 -o FILE` writes one" in answer.err


def test_a_new_report_never_takes_the_place_of_a_released_one(site: Path) -> None:
    release = site / "releases" / "1.0.2"
    (site / "link").symlink_to(release)
    for place in (release / "report" / "index.html", site / "link" / "page.html"):
        answer = altai_build("report", "1.0.2", "-o", place, cwd=site)
        assert (answer.code, answer.out) == (3, "")
        assert f"{place} is in the release {release}" in answer.err
    assert not (release / "report").exists() and not (release / "page.html").exists()
    folder = altai_build("report", "1.0.2", "-o", site, cwd=site)
    assert (folder.code, "it is a folder" in folder.err) == (3, True)


def test_a_new_report_has_the_findings_of_today(site: Path, tmp_path: Path) -> None:
    (site / "releases" / "1.0.2" / "notes.txt").write_text("new\n")
    page = tmp_path / "page.html"
    answer = altai_build("report", "1.0.2", "-o", page, cwd=site)
    assert (answer.code, answer.out) == (0, f"{page}\n")
    assert "the file is not part of the release" in page.read_text()
    assert not (site / "releases" / "1.0.2" / "report").exists()


def test_a_release_that_does_not_exist_is_an_error_with_a_suggestion(site: Path) -> None:
    answer = altai_build("report", "1.0.3", cwd=site)
    assert answer.code == 3
    assert "there is no release 1.0.3" in answer.err and "did you mean 1.0.2?" in answer.err


def test_the_page_of_all_releases_is_written_into_their_folder_or_elsewhere(
    site: Path, tmp_path: Path
) -> None:
    page = site / "releases" / "index.html"
    answer = altai_build("report", "--index", "--json", cwd=site)
    assert (answer.code, answer.json) == (
        0,
        {"schema_version": 1, "report": str(page), "written": True, "releases": ["1.0.2"], "damaged": []},
    )
    assert 'href="1.0.2/"' in page.read_text()
    other = tmp_path / "all.html"
    release = site / "releases" / "1.0.2"
    answer = altai_build("report", "--index", "--releases", release, cwd=tmp_path)
    assert (answer.code, "name a file with -o FILE" in answer.err) == (3, True)
    (site / "releases" / "9" / "release.json").parent.mkdir()
    (site / "releases" / "9" / "release.json").write_text("{")
    answer = altai_build("report", "--index", "--releases", site / "releases", "-o", other, cwd=tmp_path)
    assert (answer.code, answer.out) == (3, f"{other}\n")
    assert "releases that cannot be read are only named on the page: 9" in answer.err
    assert (
        '<a href="site/releases/9/">9</a>' in other.read_text() and "Releases of altai" in other.read_text()
    )


def test_either_a_version_or_all_releases_are_asked_for(site: Path) -> None:
    for words in ((), ("1.0.2", "--index")):
        answer = altai_build("report", *words, cwd=site)
        assert (answer.code, "needs the version of a release, or --index" in answer.err) == (2, True)
