"""Commits that differ in nothing that is built are told apart from all others, without reading a component."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.model.gitlink import CommitId
from altai_build.pipeline.build.unchanged import is_unchanged
from tests.kit.builders import HostSite

MORE = """\
superproject: {root: true}
repositories:
  r: {source: superproject, target: t, key: k}
  s: {source: specs, path: specs, target: t, key: k, source_rpms: s-srpms}
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    """A superproject whose settings are committed."""
    site = HostSite.create(tmp_path, monkeypatch)
    file = site.world.super.path / "repos.yaml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("repositories")]
    file.write_text("\n".join([*lines, MORE]))
    site.run = replace(site.run, config=load_config(file))
    commit(site)
    return site


def commit(site: HostSite, more: dict[str, str] | None = None) -> CommitId:
    files = {
        name: (site.world.super.path / name).read_text() for name in ("repos.yaml", "mock-configs/m.cfg")
    }
    return CommitId(site.world.super.commit({**files, **(more or {})}))


def test_files_that_no_build_uses_change_nothing(site: HostSite) -> None:
    before = CommitId(site.world.super.git("rev-parse", "HEAD"))
    assert is_unchanged(site.run, before, before)
    assert is_unchanged(site.run, before, commit(site, {"docs/index.md": "text\n", "repository/x": "x"}))


def test_what_lies_where_components_and_specs_are_may_be_built(site: HostSite) -> None:
    before = CommitId(site.world.super.git("rev-parse", "HEAD"))
    for path in ("specs/tool/tool.spec", "repos/app/file", "README", ".gitmodules"):
        after = commit(site, {path: ""})
        assert not is_unchanged(site.run, before, after)
        before = after


def test_settings_of_builds_are_compared_as_they_are_read(site: HostSite) -> None:
    """A file may be changed and not committed: what is read counts."""
    for name in ("repos.yaml", "mock-configs/m.cfg"):
        before = CommitId(site.world.super.git("rev-parse", "HEAD"))
        with (site.world.super.path / name).open("a") as stream:
            stream.write("\n# changed\n")
        assert not is_unchanged(site.run, before, before)
        after = commit(site)
        assert not is_unchanged(site.run, before, after)
        assert is_unchanged(site.run, after, after)
