"""Packages are compared by what is in them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from altai_build.model.reproduction import PackageComparison, Similarity
from altai_build.tools.rpm import package_comparison
from altai_build.tools.rpm.package_comparison import compare_packages
from tests.kit.rpms import build_rpm


def test_packages_are_compared_by_what_is_in_them(tmp_path: Path) -> None:
    first = build_rpm(tmp_path / "1", files={"/opt/x": "one\n", "/opt/y": "y\n"}).binary
    copy = tmp_path / "copy.rpm"
    shutil.copy(first, copy)
    assert compare_packages(first, copy) == PackageComparison(
        similarity=Similarity.IDENTICAL, first_difference=""
    )
    time.sleep(1.1)
    later = build_rpm(tmp_path / "2", files={"/opt/x": "one\n", "/opt/y": "y\n"}).binary
    answer = compare_packages(first, later)
    assert answer.similarity is Similarity.IDENTICAL_EXCEPT_TIMES
    assert answer.first_difference == "signature, BUILDTIME, COOKIE, FILEMTIMES, SOURCEPKGID"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"files": {"/opt/x": "two\n", "/opt/y": "other\n"}}, "/opt/x: FILEDIGESTS"),
        ({"files": {"/opt/x": "one\n"}}, "/opt/y: only one of the packages has it"),
        ({"attributes": {"/opt/y": "%attr(600, root, root)"}}, "/opt/y: FILEMODES"),
        ({"summary": "Another"}, "the tag DESCRIPTION"),
        ({"requires": ["bash"]}, "the tag REQUIREFLAGS"),
    ],
)
def test_the_first_difference_is_told(tmp_path: Path, changes: dict[str, Any], where: str) -> None:
    files = {"/opt/x": "one\n", "/opt/y": "y\n"}
    first = build_rpm(tmp_path / "1", files=files).binary
    other = build_rpm(tmp_path / "2", **{"files": files, **changes}).binary
    assert compare_packages(first, other) == PackageComparison(
        similarity=Similarity.DIFFERENT, first_difference=where
    )


class _Header(dict[str, object]):
    """A header that has no tag but the digest of the payload (RPMTAG_PAYLOADDIGEST) and perhaps the summary."""

    def __iter__(self) -> Iterator[Any]:
        return iter([5092, 1004] if "SUMMARY" in self else [5092])

    def __missing__(self, tag: str) -> object:
        return [] if tag == "filenames" else None


@pytest.mark.parametrize(("summary", "only"), [({}, True), ({"SUMMARY": "x"}, False)])
def test_the_same_content_compressed_by_another_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, summary: dict[str, object], only: bool
) -> None:
    headers = iter([_Header(PAYLOADDIGEST="a"), _Header(PAYLOADDIGEST="b", **summary)])
    monkeypatch.setattr(package_comparison, "open_header", lambda _path: next(headers))
    for name in ("1", "2"):
        (tmp_path / name).write_text(name)
    found = compare_packages(tmp_path / "1", tmp_path / "2")
    assert (found.similarity, found.is_in_compression) == (Similarity.DIFFERENT, only)
