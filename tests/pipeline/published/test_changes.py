"""Two releases are compared by their packages; notes need the commits of both."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.release_changes import ChangeKind
from altai_build.pipeline.published.changes import compare_published
from altai_build.pipeline.published.manifest_trust import ManifestReader
from tests.kit.manifests import manifest, package, write_manifests


def test_the_packages_of_two_releases_are_compared(tmp_path: Path) -> None:
    write_manifests(
        tmp_path,
        manifest("1.0", [package("a-1-1.noarch")]),
        manifest("1.1", [package("a-2-1.noarch"), package("b-1-1.noarch")]),
    )
    warnings: list[str] = []
    pair = ManifestReader((), warnings.append).read_all([tmp_path / "1.0", tmp_path / "1.1"])
    diff = compare_published(*pair)
    assert (diff.old, diff.new) == ("1.0", "1.1")
    assert {(change.kind, change.package.name) for change in diff.changes} == {
        (ChangeKind.UPGRADED, "a"),
        (ChangeKind.ADDED, "b"),
    }
    assert [warning.partition(": ")[0] for warning in warnings] == ["release 1.0", "release 1.1"]
