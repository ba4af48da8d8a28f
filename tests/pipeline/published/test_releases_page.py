"""The page of all releases is written from what is published, with damaged releases named."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.pipeline.published.catalog import open_catalog
from altai_build.pipeline.published.manifest_trust import open_reader
from altai_build.pipeline.published.releases_page import (
    collect_index,
    find_project_name,
    update_releases_page,
)
from altai_build.pipeline.run import Run
from altai_build.stages.report.index import DamagedRelease, IndexedRelease, IndexInputs
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.manifests import manifest, package, write_manifests


def make_run(folder: Path) -> Run:
    """A run whose releases are in FOLDER/releases, with warnings."""
    (folder / "repos.yaml").write_text(
        "project: altai\n"
        "targets: {t: {mock_config: m, arch: x86_64, macros: {dist: .el9}}}\n"
        "keys: {k: {file: key, signs: true}}\n"
        "repositories: {r: {source: superproject, target: t, key: k}}\n"
        'release: {directory: releases, baseurl: "https://repo.example.org/altai"}\n'
    )
    config = load_config(folder / "repos.yaml")
    workspace = Workspace(folder / "workspace")
    return Run(config=config, workspace=workspace, jobs=2, builder="auto", reporter=ProgressReporter())


def collect(run: Run) -> IndexInputs:
    reader = open_reader(run.config, (), lambda text: None)
    with open_catalog(run, None) as catalog:
        assert find_project_name(run, catalog) == "altai"
        return collect_index(catalog, reader, "altai")


def test_every_release_is_on_the_page(tmp_path: Path) -> None:
    releases, run = tmp_path / "releases", make_run(tmp_path)
    one, two = package("nova-1-1.noarch"), package("nova-2-1.noarch")
    write_manifests(
        releases,
        manifest("1.0", [one]),
        manifest("1.1", [two], previous="1.0"),
        manifest("1.2", [], previous="0"),
    )
    (releases / "0.9").mkdir()
    (releases / "0.9" / "release.json").write_text("{")
    (releases / "latest").symlink_to("1.1")
    inputs = collect(run)
    damaged, first, second, third = inputs.releases
    assert isinstance(damaged, DamagedRelease) and damaged.reason.startswith("release.json: not JSON: ")
    assert isinstance(first, IndexedRelease) and isinstance(second, IndexedRelease)
    assert (first.name, first.summary.previous, first.has_page) == ("1.0", None, False)
    assert second.summary.changes == (("upgraded", "nova 1-1 → 2-1"),)
    assert isinstance(third, IndexedRelease)
    assert third.summary.not_compared == "0, which it follows, is missing or cannot be read"
    assert inputs.latest == "1.1"
    update_releases_page(run)
    page = (releases / "index.html").read_text()
    assert '<a href="1.1/"' in page and "<title>Releases of altai</title>" in page


def test_a_page_that_cannot_be_written_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path)
    write_manifests(tmp_path / "releases", manifest("1.0", []))
    page = tmp_path / "releases" / "index.html"
    page.write_text("ours")
    update_releases_page(run)
    assert "index.html was not updated" in capsys.readouterr().err
    assert page.read_text() == "ours"
