"""A repos.yaml for the releases that tests/kit/releases.py makes, and a run with it."""

from __future__ import annotations

from pathlib import Path

from altai_build.config import load_config
from altai_build.pipeline.run import Run
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.releases import Materials, make_release, make_release_contents


def write_config(folder: Path, materials: Materials, *, base: Path | None = None, more: str = "") -> Path:
    """Write FOLDER/repos.yaml: the repositories and keys of the kit's releases, which lie in FOLDER/releases."""
    system = f'[{{name: os, url: "{base.as_uri()}", key: ours}}]' if base else "[]"
    text = f"""\
project: altai
targets:
  centos6: {{mock_config: el6, arch: x86_64, macros: {{dist: .el6, rhel: "6"}}, base: {system}}}
keys:
  ours: {{file: "{materials.ours.public}", signs: true}}
  epel6: {{file: "{materials.theirs.public}"}}
repositories:
  centos6: {{source: superproject, target: centos6, key: ours, source_rpms: centos6-srpms}}
  deps/misc: {{source: specs, path: specs, target: centos6, key: ours, source_rpms: deps/misc-srpms}}
  deps/epel: {{source: mirror, target: centos6, url: "file:///nowhere", key: epel6, packages: needed}}
release: {{directory: releases, baseurl: "https://repo.example.org/altai"}}
{more}"""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "repos.yaml"
    place.write_text(text)
    return place


def make_site(folder: Path, materials: Materials) -> Path:
    """Make the folder, with repos.yaml and release 1.0.2, which has no report."""
    write_config(folder, materials)
    make_release(folder / "releases" / "1.0.2", materials, make_release_contents(materials))
    return folder


def make_run(folder: Path, materials: Materials, *, more: str = "") -> Run:
    """A quiet run with the repos.yaml that this writes into FOLDER; its workspace is FOLDER/workspace."""
    return Run(
        config=load_config(write_config(folder, materials, more=more)),
        workspace=Workspace(folder / "workspace"),
        jobs=2,
        builder="auto",
        reporter=ProgressReporter(quiet=True),
    )
