"""Packages, repositories and licences of the page, compared with the previous release."""

from __future__ import annotations

from dataclasses import replace

from altai_build.model.bill_of_materials import PackageDescription
from altai_build.model.release import MirrorOrigin
from altai_build.model.unknown import Unknown
from altai_build.stages.diff import compare_releases
from altai_build.stages.report.inputs import PreviousRelease, ReportInputs
from altai_build.stages.report.packages import (
    MOST_NAMES,
    make_license_rows,
    make_package_rows,
    make_repository_rows,
)
from tests.kit.manifests import component, manifest, package, third_party
from tests.kit.reports import make_inputs

NOVA = component("repos/nova", "c" * 40)


def compare(old: list[str], new: list[str], **changes: object) -> ReportInputs:
    """Inputs of two releases of these packages; all are under MIT, and the first needs the others."""
    before, after = (manifest(v, [package(n, NOVA) for n in names]) for v, names in (("1", old), ("2", new)))
    described = {one.path: PackageDescription(license="MIT", summary="s") for one in after.packages}
    first, *others = after.packages
    described[first.path] = replace(described[first.path], needs=tuple(one.path for one in others))
    previous = PreviousRelease(before, compare_releases(before, after), Unknown("-"), described)
    inputs = replace(make_inputs(1), manifest=after, previous=previous, descriptions=described)
    return replace(inputs, **changes)  # type: ignore[arg-type]


def test_a_package_says_what_it_replaces_and_who_needs_it() -> None:
    rows = make_package_rows(
        compare(["nova-1-1.noarch", "glance-1-1.noarch"], ["nova-2-1.noarch", "glance-1-1.noarch"])
    )
    glance, nova = rows
    assert (nova.change, nova.replaces, nova.needed_by) == ("upgraded", "1-1", ())
    assert (glance.change, glance.replaces, glance.needed_by) == ("unchanged", "", ("nova",))
    assert (glance.license, glance.summary) == ("MIT", "s")


def test_a_source_package_is_compared_with_source_packages() -> None:
    inputs = compare(["focus-1-1.src"], ["focus-1-1.src", "focus-1-1.noarch"])
    assert [(row.package.arch, row.change) for row in make_package_rows(inputs)] == [
        ("noarch", "added"),
        ("src", "unchanged"),
    ]


def test_without_metadata_only_the_reasons_of_the_manifest_are_known() -> None:
    mirrored = MirrorOrigin("https://example.org/x.rpm", "f" * 64, ("focus", "nova"))
    release = manifest(
        "1", [package("erlang-1-1.noarch", mirrored), package("nova-1-1.noarch", third_party("s", "c"))]
    )
    inputs = replace(make_inputs(1), manifest=release, previous=None, descriptions=Unknown("no repodata"))
    erlang, nova = make_package_rows(inputs)
    assert (erlang.needed_by, erlang.license, erlang.change, erlang.origin) == (
        ("focus", "nova"),
        None,
        "",
        "mirrored",
    )
    assert (nova.needed_by, nova.origin) == (None, "s at c")
    assert make_license_rows(inputs) == Unknown("no repodata")


def test_very_many_dependents_are_cut() -> None:
    names = [f"p{number}-1-1.noarch" for number in range(MOST_NAMES + 3)]
    release = manifest("1", [package(name, NOVA) for name in ["a-1-1.noarch", *names]])
    first, *others = release.packages
    described = {one.path: PackageDescription(needs=(first.path,)) for one in others}
    row = make_package_rows(replace(make_inputs(1), manifest=release, descriptions=described, previous=None))[
        0
    ]
    assert (len(row.needed_by or ()), row.needed_by_more) == (MOST_NAMES, 3)


def test_repositories_are_compared_by_size() -> None:
    inputs = compare(["nova-1-1.noarch", "gone-1-1.noarch"], ["nova-2-1.noarch"])
    (row,) = make_repository_rows(inputs, make_package_rows(inputs))
    assert (row.packages, row.size, row.new_size, row.previous_size) == (1, 1000, 1000, 2000)
    inputs = replace(inputs, previous=Unknown("gone"))
    (row,) = make_repository_rows(inputs, make_package_rows(inputs))
    assert row.previous_size is None


def test_licences_are_counted_before_and_now() -> None:
    rows = make_license_rows(compare(["nova-1-1.noarch"], ["nova-1-1.noarch", "focus-1-1.noarch"]))
    assert not isinstance(rows, Unknown)
    assert [(row.name, row.packages, row.previous) for row in rows] == [("MIT", 2, 1)]
