"""Packages, origins and changes read the same in every table."""

from __future__ import annotations

from altai_build.cli.packages import (
    origin_label,
    origin_record,
    package_label,
    repository_label,
    version_label,
)
from altai_build.model.release_changes import ChangeKind, PackageChange
from tests.kit.manifests import MIRRORED, component, package, third_party


def test_an_origin_is_its_url_or_path_and_commit() -> None:
    assert origin_label(MIRRORED) == "https://example.org/some.rpm"
    assert origin_label(component("repos/focus", "c" * 40)) == "repos/focus at cccccccccccc"
    assert origin_record(third_party("specs/bunch", "d" * 40)) == {
        "kind": "spec",
        "path": "specs/bunch",
        "commit": "d" * 40,
        "sources": (),
        "build_key": "key",
    }


def test_source_packages_are_marked() -> None:
    assert [package_label(package(nevra)) for nevra in ("focus-1-1.noarch", "focus-1-1.src")] == [
        "focus",
        "focus (source)",
    ]


def test_a_version_has_its_architecture_only_where_that_changed() -> None:
    old, new, other = (package(nevra) for nevra in ("a-1-1.noarch", "a-1:2-1.noarch", "a-2-1.x86_64"))
    assert (version_label(new, old), version_label(old, new)) == ("1:2-1", "1-1")
    assert (version_label(other, old), version_label(old, other)) == ("2-1.x86_64", "1-1.noarch")
    assert version_label(None, old) == "-"


def test_a_package_that_moved_has_both_repositories() -> None:
    old, new = (package("a-1-1.noarch", repository=name) for name in ("deps/epel", "deps/misc"))
    moved = PackageChange(kind=ChangeKind.MOVED, old=old, new=new)
    removed = PackageChange(kind=ChangeKind.REMOVED, old=old, new=None)
    assert repository_label(moved) == "deps/epel → deps/misc"
    assert repository_label(removed) == "deps/epel"
