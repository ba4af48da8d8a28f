"""Two releases are compared by version or path; notes need the commits of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.history import ChangeKind
from altai_build.pipeline.published.changes import compare_published
from tests.kit.manifests import manifest, package, write_manifests


def test_releases_are_named_by_version_or_path(tmp_path: Path) -> None:
    write_manifests(
        tmp_path / "releases",
        manifest("1.0", [package("a-1-1.noarch")]),
        manifest("1.1", [package("a-2-1.noarch"), package("b-1-1.noarch")]),
    )
    diff = compare_published(tmp_path / "releases", "1.0", str(tmp_path / "releases" / "1.1"))
    assert (diff.old, diff.new) == ("1.0", "1.1")
    assert {(change.kind, change.package.name) for change in diff.changes} == {
        (ChangeKind.UPGRADED, "a"),
        (ChangeKind.ADDED, "b"),
    }
    with pytest.raises(InputError, match=r"there is no release 2\.0"):
        compare_published(tmp_path / "releases", "1.0", "2.0")
