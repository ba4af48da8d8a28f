"""What of a package a rebuild policy compares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from altai_build.model.package_fingerprint import (
    Fingerprint,
    RebuildPolicy,
    compute_fingerprint,
    get_relevant_part,
    is_local_package,
)
from altai_build.tools.rpm.header import read_header
from tests.kit.rpms import build_rpm


def fingerprint(folder: Path, **changes: Any) -> Fingerprint:
    return compute_fingerprint(read_header(build_rpm(folder, "lib", **changes).binary))


@pytest.mark.parametrize(
    ("changes", "headers", "whole"),
    [
        ({"release": "2"}, True, True),
        ({"summary": "Other words", "changelog": "Again."}, True, True),
        ({"files": {"/usr/share/lib/greeting": "other\n"}}, True, False),
        ({"attributes": {"/usr/share/lib/greeting": "%attr(0600, root, root)"}}, True, False),
        ({"conflicts": ["other"]}, True, False),
        ({"version": "1.1"}, False, False),
        ({"provides": ["thing"]}, False, False),
        ({"requires": ["thing"]}, False, False),
    ],
)
def test_what_counts(tmp_path: Path, changes: dict[str, Any], headers: bool, whole: bool) -> None:
    """`headers` and `whole` tell whether the digest stays the same."""
    before, after = fingerprint(tmp_path / "a"), fingerprint(tmp_path / "b", **changes)
    assert (before.headers == after.headers, before.whole == after.whole) == (headers, whole)


def test_the_own_release_does_not_count_in_dependencies_either(tmp_path: Path) -> None:
    found = {
        fingerprint(tmp_path / release, release=release, requires=[f"lib-data = 1.0-{release}"]).whole
        for release in ("1", "2")
    }
    assert len(found) == 1


def test_a_policy_compares_its_part_of_a_local_package() -> None:
    value = Fingerprint(headers="h", whole="w").to_input_value("lib-1-1.noarch sha256:d")
    assert value == "lib-1-1.noarch sha256:d headers:h whole:w" and is_local_package(value)
    assert [get_relevant_part(value, policy) for policy in RebuildPolicy] == ["whole:w", "headers:h", ""]


@pytest.mark.parametrize("value", ["", "sha256:d", "a b c d", "a b headers:h c"])
def test_other_values_are_compared_whole(value: str) -> None:
    assert {get_relevant_part(value, policy) for policy in RebuildPolicy} == {value}
    assert not is_local_package(value)
