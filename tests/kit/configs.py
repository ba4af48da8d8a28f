"""A repos.yaml for the releases that tests/kit/releases.py makes."""

from __future__ import annotations

from pathlib import Path

from tests.kit.releases import Materials


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
  centos6: {{source: superproject, target: centos6, key: ours}}
  deps/misc: {{source: specs, path: specs, target: centos6, key: ours, source_rpms: deps/misc-srpms}}
  deps/epel: {{source: mirror, target: centos6, url: "file:///nowhere", key: epel6, packages: needed}}
release: {{directory: releases, baseurl: "https://repo.example.org/altai"}}
{more}"""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "repos.yaml"
    place.write_text(text)
    return place
