"""A published release is downloaded as clients see it: what SHA256SUMS lists, and no more than the limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError, VerificationError
from altai_build.model.manifest import manifest_to_json
from altai_build.stages import download_release as stage
from altai_build.stages.download_release import DownloadBudget, download_release
from altai_build.tools.http import attempts
from tests.kit.manifests import manifest, package
from tests.kit.repositories import ServerFaults, faulty_server

FILES = {"release.json": b"{}", "centos6/a.rpm": b"a" * 1000, "centos6/repodata/repomd.xml": b"<repomd/>"}


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "SHA256SUMS").write_text("".join(f"{'0' * 64}  {name}\n" for name in FILES))
    (folder / "SHA256SUMS.asc").write_bytes(b"signature")
    (folder / "unlisted").write_bytes(b"not part of the release")
    return folder


@pytest.fixture
def faults() -> ServerFaults:
    return ServerFaults()


@pytest.fixture
def url(published: Path, faults: ServerFaults, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(attempts, "RETRY_DELAY", 0.01)
    with faulty_server(published, faults) as base:
        yield base


def read_tree(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_the_listed_files_are_downloaded_and_nothing_else(url: str, published: Path, tmp_path: Path) -> None:
    download_release(url, tmp_path / "copy", jobs=2, budget=DownloadBudget(1 << 30))
    expected = {name: content for name, content in read_tree(published).items() if name != "unlisted"}
    assert read_tree(tmp_path / "copy") == expected


def test_files_that_the_server_lacks_are_left_for_the_rules_to_find(
    url: str, faults: ServerFaults, tmp_path: Path
) -> None:
    faults.missing |= {"a.rpm", "SHA256SUMS.asc"}
    download_release(url, tmp_path / "copy", jobs=2, budget=DownloadBudget(1 << 30))
    assert set(read_tree(tmp_path / "copy")) == {
        "release.json",
        "SHA256SUMS",
        "centos6/repodata/repomd.xml",
    }


def test_a_server_that_fails_is_an_error(url: str, faults: ServerFaults, tmp_path: Path) -> None:
    faults.broken["a.rpm"] = 99
    with pytest.raises(InputError, match="503"):
        download_release(url, tmp_path / "copy", jobs=2, budget=DownloadBudget(1 << 30))


def test_a_url_without_a_release_is_an_error(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        download_release(f"{url}/centos6", tmp_path / "copy", jobs=1, budget=DownloadBudget(1 << 30))
    assert caught.value.what == f"there is no release at {url}/centos6"
    assert caught.value.todo == "give the URL of the directory that holds SHA256SUMS"


def test_a_release_beyond_the_limit_is_refused(url: str, tmp_path: Path) -> None:
    """No file alone is larger: all of them together are."""
    with pytest.raises(InputError) as caught:
        download_release(url, tmp_path / "copy", jobs=1, budget=DownloadBudget(1005))
    assert caught.value.what == f"the release at {url} is too large"
    assert caught.value.todo == "allow more with --max-download SIZE"


def write_manifest(published: Path, size: int) -> None:
    """The manifest says that the published package has this size."""
    (published / "release.json").write_text(
        manifest_to_json(
            manifest("1.0", [replace(package("a-1-1.noarch"), file="a.rpm", repository="centos6", size=size)])
        )
    )


def test_the_sizes_in_the_manifest_are_added_up_before_a_package_is_downloaded(
    url: str, published: Path, faults: ServerFaults, tmp_path: Path
) -> None:
    write_manifest(published, 64 << 30)
    with pytest.raises(InputError) as caught:
        download_release(url, tmp_path / "copy", jobs=2, budget=DownloadBudget(16 << 30))
    assert caught.value.what == f"the release at {url} is too large"
    assert caught.value.why.startswith("its packages have 68.72 GB, and of 17.18 GB 17.18 GB are left")
    with pytest.raises(InputError) as caught:
        download_release(url, tmp_path / "copy", jobs=2, budget=DownloadBudget(1 << 60))
    assert caught.value.what == f"the release at {url} does not fit on the disk"
    assert {path for path, _ in faults.asked} == {"/SHA256SUMS", "/release.json"}


def test_the_size_of_the_packages_is_announced(url: str, published: Path, tmp_path: Path) -> None:
    write_manifest(published, 1000)
    lines: list[str] = []
    download_release(url, tmp_path / "copy", jobs=2, budget=DownloadBudget(1 << 20), announce=lines.append)
    assert lines == [f"{url}: downloading 1 package, 1 kB"]


def test_a_package_larger_than_the_manifest_says_fails_verification(
    url: str, published: Path, tmp_path: Path
) -> None:
    write_manifest(published, 999)
    with pytest.raises(VerificationError) as caught:
        download_release(url, tmp_path / "copy", jobs=2, budget=DownloadBudget(1 << 20))
    assert caught.value.why == "centos6/a.rpm has more than the 999 bytes that release.json gives it"


def test_a_file_of_unknown_size_is_bounded_too(
    url: str, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_MAX_OTHER_FILE", 100)
    with pytest.raises(VerificationError) as caught:
        download_release(url, tmp_path / "copy", jobs=1, budget=DownloadBudget(1 << 20))
    assert caught.value.why == "centos6/a.rpm has more than the 100 bytes"


def test_several_releases_share_one_budget(url: str, tmp_path: Path) -> None:
    budget = DownloadBudget(2000)
    download_release(url, tmp_path / "one", jobs=1, budget=budget)
    with pytest.raises(InputError, match="is too large"):
        download_release(url, tmp_path / "two", jobs=1, budget=budget)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../outside"])
def test_no_file_is_written_outside(url: str, published: Path, tmp_path: Path, name: str) -> None:
    (published / "SHA256SUMS").write_text(f"{'0' * 64}  {name}\n")
    with pytest.raises(InputError, match="outside the repository"):
        download_release(url, tmp_path / "copy", jobs=1, budget=DownloadBudget(1 << 30))


def test_names_that_no_file_can_have_are_left_for_the_rules_to_find(
    url: str, published: Path, tmp_path: Path
) -> None:
    names = ["x" * 300, "a\0b", "é" * 200, "release.json/inside", "a//b", "a/./b", "."]
    sums = published / "SHA256SUMS"
    sums.write_text(sums.read_text() + "".join(f"{'0' * 64}  {name}\n" for name in names))
    download_release(url, tmp_path / "copy", jobs=2, budget=DownloadBudget(1 << 30))
    assert set(read_tree(tmp_path / "copy")) == {*FILES, "SHA256SUMS", "SHA256SUMS.asc"} - {"release.json"}
