"""Searches match names, NEVRAs, files and checksums; commits only where packages were built from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.inventory import MatchKind, PackageMatch
from altai_build.pipeline.published.catalog import open_catalog
from altai_build.pipeline.published.inventory import find_matches, suggest_package
from altai_build.pipeline.published.manifest_trust import ManifestReader
from altai_build.pipeline.run import Run
from tests.kit.configs import make_run
from tests.kit.manifests import component, manifest, package, write_manifests
from tests.kit.releases import Materials

FOCUS = package("focus-1:1.0-3.noarch", component("repos/focus", "c" * 40))


@pytest.fixture
def run(materials: Materials, tmp_path: Path) -> Run:
    return make_run(tmp_path, materials)


@pytest.fixture
def reader() -> ManifestReader:
    return ManifestReader((), lambda text: None)


def search(run: Run, reader: ManifestReader, folder: Path, query: str) -> tuple[PackageMatch, ...]:
    with open_catalog(run, None) as catalog:
        return find_matches(run, reader, catalog, query)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("focus", MatchKind.NAME),
        ("f?cus", MatchKind.NAME),
        ("focus-1:1.0-3.noarch", MatchKind.NEVRA),
        ("focus-1:1.0-3", MatchKind.NEVRA),
        ("focus-1.0-3", MatchKind.NEVRA),
        ("focus-1.0", MatchKind.NEVRA),
        ("focus-1:1.0", MatchKind.NEVRA),
        ("focus < 1:2.0", MatchKind.RANGE),
        ("focus<=1:1.0", MatchKind.RANGE),
        ("f* = 1:1.0-3", MatchKind.RANGE),
        ("focus > 1:1.0-2", MatchKind.RANGE),
        ("focus-1.0-3.noarch", MatchKind.NEVRA),
        ("focus-1.0-3.noarch.rpm", MatchKind.FILE),
        ("centos6/focus-1.0-3.noarch.rpm", MatchKind.FILE),
        (FOCUS.sha256, MatchKind.SHA256),
        (FOCUS.sha256.upper(), MatchKind.SHA256),
    ],
)
def test_a_package_is_found_by_each_of_its_names(
    run: Run, reader: ManifestReader, tmp_path: Path, query: str, kind: MatchKind
) -> None:
    write_manifests(tmp_path / "releases", manifest("1.0", [FOCUS]), manifest("1.1", [FOCUS]))
    matches = search(run, reader, tmp_path, query)
    assert [(match.release, match.how, match.package) for match in matches] == [
        ("1.0", kind, FOCUS),
        ("1.1", kind, FOCUS),
    ]


@pytest.mark.parametrize(
    "query", ["Focus", "focus-1.0-4.noarch", "focus-1", "focus < 1:1.0", "focus > 1:1.0-3", "nova < 9"]
)
def test_other_queries_match_nothing(run: Run, reader: ManifestReader, tmp_path: Path, query: str) -> None:
    write_manifests(tmp_path / "releases", manifest("1.0", [FOCUS]))
    assert [match.how for match in search(run, reader, tmp_path, query)] == []


def test_without_releases_a_search_is_an_error(run: Run, reader: ManifestReader, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no releases"):
        search(run, reader, tmp_path, "focus")


def test_similar_names_are_suggested(run: Run, reader: ManifestReader, tmp_path: Path) -> None:
    write_manifests(tmp_path / "releases", manifest("1.0", [FOCUS, package("nova-1-1.noarch")]))
    with open_catalog(run, str(tmp_path / "releases")) as catalog:
        assert suggest_package(reader, catalog, "focuss") == "did you mean focus?"
        assert suggest_package(reader, catalog, "xyz") == ""


@pytest.mark.parametrize(
    "query", ["focus-src-1.0-3.src.rpm", "focus-src-1.0-3.src", "focus-src", "f?cus-src", "cccc", "gcccccccc"]
)
def test_a_package_is_found_by_its_source_package_and_the_beginning_of_its_commit(
    run: Run, reader: ManifestReader, tmp_path: Path, query: str
) -> None:
    made = replace(FOCUS, sourcerpm="focus-src-1.0-3.src.rpm")
    write_manifests(tmp_path / "releases", manifest("1.0", [made, package("nova-1-1.noarch")]))
    how = MatchKind.COMMIT if query.startswith(("c", "gc")) else MatchKind.SOURCE
    matches = search(run, reader, tmp_path, query)
    assert [(match.how, match.package) for match in matches] == [(how, made)]
