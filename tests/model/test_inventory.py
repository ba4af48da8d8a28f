"""Filters and totals over the packages of a release."""

from __future__ import annotations

import pytest

from altai_build.model.inventory import (
    InventoryEntry,
    InventoryTotal,
    PackageFilter,
    compute_totals,
    describe_signer,
)
from tests.kit.manifests import component, package

FOCUS = InventoryEntry(
    package=package("focus-1-1.noarch", component("repos/focus", "c" * 40), size=100),
    signer_name="altai <altai@example.org>",
    license="MIT",
    needed_by=(),
)
ERLANG = InventoryEntry(
    package=package("erlang-14-2.noarch", repository="deps/epel", size=40, key="E" * 40),
    signer_name="",
    license="",
    needed_by=("focus",),
)


@pytest.mark.parametrize(
    ("package_filter", "expected"),
    [
        (PackageFilter(), [FOCUS, ERLANG]),
        (PackageFilter(repository="deps/epel"), [ERLANG]),
        (PackageFilter(origin="mirror"), [ERLANG]),
        (PackageFilter(origin="repos/focus"), [FOCUS]),
        (PackageFilter(name="f*"), [FOCUS]),
        (PackageFilter(name="F*"), []),
        (PackageFilter(repository="deps/epel", origin="component"), []),
    ],
)
def test_a_package_must_match_all_that_is_given(
    package_filter: PackageFilter, expected: list[InventoryEntry]
) -> None:
    assert [entry for entry in (FOCUS, ERLANG) if package_filter.is_match(entry)] == expected


def test_totals_are_by_repository_and_by_signer() -> None:
    by_repository, by_signer = compute_totals([FOCUS, ERLANG, FOCUS])
    assert by_repository == (
        InventoryTotal(what="centos6", packages=2, size=200),
        InventoryTotal(what="deps/epel", packages=1, size=40),
    )
    assert [total.what for total in by_signer] == [f"{'A' * 40} altai <altai@example.org>", "E" * 40]


def test_a_package_without_a_signer_is_unsigned() -> None:
    entry = InventoryEntry(package=package("a-1-1.noarch", key=""), signer_name="", license="", needed_by=())
    assert describe_signer(entry) == "unsigned"
