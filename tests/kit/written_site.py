"""A repos.yaml and releases of which there are only the manifests, for commands that compare releases."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.release import ReleasedPackage
from tests.kit.cli import CliResult, altai_build
from tests.kit.manifests import manifest, write_manifests

_REPOS = """\
project: altai
superproject: {path: %s, components: [repos]}
targets: {centos6: {mock_config: el6, arch: x86_64}}
keys: {altai: {file: key, signs: true}}
repositories: {centos6: {source: superproject, target: centos6, key: altai}}
release: {directory: releases, baseurl: "https://repo.example.org"}
"""


class WrittenSite:
    """A folder with releases, and a superproject elsewhere or none."""

    def __init__(self, folder: Path, superproject: Path) -> None:
        self.folder = folder
        (folder / "repos.yaml").write_text(_REPOS % superproject)

    def release(self, version: str, *packages: ReleasedPackage, commit: str = "c" * 40) -> None:
        """Write the manifest of a release."""
        write_manifests(self.folder / "releases", manifest(version, packages, commit=commit))

    def call(self, *words: str) -> CliResult:
        """Run altai-build in the folder."""
        return altai_build(*words, cwd=self.folder)
