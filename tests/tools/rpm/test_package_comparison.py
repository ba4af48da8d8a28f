"""Packages are compared by what is in them."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from altai_build.model.reproduction import PackageComparison, Similarity
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
