"""Published releases are found by version, link and path; their packages by NEVRA."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.model.nevra import Nevra, parse_nevra
from altai_build.model.package import LocalRpm
from altai_build.model.release import BuildRecord
from altai_build.pipeline.published.releases import (
    PublishedReleases,
    find_release,
    list_releases_before,
    load_manifest,
)
from altai_build.tools.files import sha256_file
from altai_build.tools.rpm.header import read_header
from tests.kit.manifests import component, manifest, package, write_manifests
from tests.kit.releases import Materials, make_release, make_release_contents
from tests.kit.rpms import build_rpm


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    write_manifests(tmp_path, *(manifest(version, []) for version in ("1.0.9", "1.0.10", "1.1.0")))
    (tmp_path / "latest").symlink_to("1.1.0")
    return tmp_path


def test_a_release_is_found_by_version_link_and_path(releases: Path) -> None:
    assert find_release(releases, "1.0.9") == releases / "1.0.9"
    assert find_release(releases, "latest") == releases / "1.1.0"
    assert find_release(Path("nowhere"), str(releases / "1.0.10")) == releases / "1.0.10"


def test_a_wrong_name_is_an_error_with_a_suggestion(releases: Path) -> None:
    with pytest.raises(InputError) as caught:
        find_release(releases, "1.0.1")
    assert caught.value.what == "there is no release 1.0.1"
    assert caught.value.todo == f"did you mean 1.0.10 or 1.0.9? releases in {releases}: 1.0.9, 1.0.10, 1.1.0"


def test_latest_is_suggested_only_where_it_is(releases: Path) -> None:
    with pytest.raises(InputError) as caught:
        find_release(releases, "lates")
    assert caught.value.todo.startswith("did you mean latest? ")
    (releases / "latest").unlink()
    for named in ("lates", "latest"):
        with pytest.raises(InputError) as caught:
            find_release(releases, named)
        assert caught.value.todo == f"releases in {releases}: 1.0.9, 1.0.10, 1.1.0"


def test_the_file_of_a_release_is_no_release(releases: Path) -> None:
    file = releases / "1.0.9" / "release.json"
    with pytest.raises(InputError) as caught:
        find_release(releases, str(file))
    assert (caught.value.what, caught.value.why) == (f"there is no release {file}", "it is not a folder")


def test_earlier_releases_are_those_below_a_version_by_the_order_of_rpm(releases: Path) -> None:
    assert [folder.name for folder in list_releases_before(releases, "1.1.0")] == ["1.0.9", "1.0.10"]
    assert [folder.name for folder in list_releases_before(releases, "1.0.11")] == ["1.0.9", "1.0.10"]
    assert list_releases_before(releases, "1.0") == ()
    assert list_releases_before(releases / "none", "1.0") == ()


def test_a_folder_without_a_manifest_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no release in"):
        load_manifest(tmp_path)


def nevra(text: str) -> Nevra:
    parsed = parse_nevra(text)
    assert parsed is not None
    return parsed


def test_the_file_of_the_latest_release_stands_for_a_name(tmp_path: Path) -> None:
    kept, new = package("a-1-1.noarch", component("repos/a", "c" * 40)), package("b-1-1.noarch")
    build = BuildRecord(
        component="a", status="built", reason="", seconds=1.0, buildroot="", log="", source="a-1-1.src.rpm"
    )
    made = replace(build, made_with=(("recipe", "6"),))
    first, second = manifest("1.0", [kept]), manifest("1.1", [kept, new])
    write_manifests(tmp_path, replace(first, builds=(build,)), replace(second, builds=(made,)))
    published = PublishedReleases.load(tmp_path)
    assert published.makings == {"a-1-1.src.rpm": (("recipe", "6"),)}
    assert published.find(nevra("a-1-1.noarch")) == tmp_path / "1.1" / "centos6" / "a-1-1.noarch.rpm"
    assert published.find(nevra("a-2-1.noarch")) is None
    assert set(published.files_by_build) == {("a-1-1.noarch", "key")}


def build_result(path: Path, key: str) -> BuildResult:
    rpm = LocalRpm(path=path, header=read_header(path), sha256=sha256_file(path))
    return BuildResult(
        component="focus", commit="c" * 40, status=ComponentStatus.BUILT, reason="", key=key, rpms=(rpm,)
    )


def test_a_name_conflicts_only_with_other_content_of_another_build(
    materials: Materials, tmp_path: Path
) -> None:
    release = make_release(tmp_path / "releases" / "1.0.2", materials, make_release_contents(materials))
    published = PublishedReleases.load(release.parent)
    other = build_rpm(tmp_path / "other", "focus", "1.0", "3.el6", summary="Another").binary
    fresh = build_rpm(tmp_path / "fresh", "focus", "1.0", "4.el6").binary
    assert published.has_no_name_conflict(build_result(materials.own, "another build"))
    assert published.has_no_name_conflict(build_result(fresh, "another build"))
    assert not published.has_no_name_conflict(build_result(other, "another build"))
    assert published.has_no_name_conflict(build_result(other, "key of focus"))
