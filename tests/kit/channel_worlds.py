"""Signed releases of tiny packages, a repos.yaml and a workspace that can sign, for `promote` and real clients."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from altai_build.tools.files import make_tree_public
from tests.kit.cli import CliResult, altai_build
from tests.kit.releases import (
    Materials,
    make_release,
    make_release_contents,
    sign,
    with_packages,
)
from tests.kit.repositories import Package, build_packages

_REPOS = """\
project: altai
superproject: {{path: ., components: [repos]}}
targets: {{centos6: {{mock_config: m, arch: x86_64, macros: {{dist: .el6}}}}}}
keys:
  ours: {{file: ours.pub, signs: true}}
  epel6: {{file: theirs.pub}}
repositories:
  centos6: {{source: superproject, target: centos6, key: ours, source_rpms: centos6-srpms}}
  deps/misc: {{source: specs, path: specs, target: centos6, key: ours, source_rpms: deps/misc-srpms}}
  deps/epel: {{source: mirror, target: centos6, key: epel6, url: "file://{folder}/epel", packages: needed}}
release: {{directory: releases, baseurl: "{baseurl}"{more}}}
waivers:
  - {{rule: source-packages, subject: "*", reason: tiny packages without sources, expires: 2999-12-31}}
"""


class ChannelWorld:
    """A folder with repos.yaml, a workspace with the signing key, and releases in `releases`."""

    def __init__(
        self, folder: Path, materials: Materials, baseurl: str = "https://repo.example.org/altai"
    ) -> None:
        self.folder, self.releases = folder, folder / "releases"
        self.materials, self.baseurl = materials, baseurl
        for place in (folder / "specs", self.releases):
            place.mkdir(parents=True)
        for name, key in (("ours", materials.ours), ("theirs", materials.theirs)):
            shutil.copy(key.public, folder / f"{name}.pub")
        home = folder / ".altai-build" / "gnupg"
        home.mkdir(parents=True, mode=0o700)
        self._run("gpg", "--homedir", home, "--batch", "--quiet", "--import", materials.ours.secret)
        self._run("gpgconf", "--homedir", home, "--kill", "all")
        self._run("git", "init", "--quiet", folder)
        for name, value in (("name", "Ann Example"), ("email", "ann@example.org")):
            self._run("git", "-C", folder, "config", f"user.{name}", value)
        self.configure()

    def configure(self, more: str = "") -> None:
        """Write repos.yaml; `more` are further keys of `release`."""
        (self.folder / "repos.yaml").write_text(
            _REPOS.format(baseurl=self.baseurl, folder=self.folder, more=more)
        )

    def release(
        self,
        version: str,
        *packages: Package,
        misc: tuple[Package, ...] = (),
        epoch: int | None = None,
        commit: str | None = None,
    ) -> Path:
        """Publish a release with these packages in centos6, and `misc` in deps/misc, besides those of the kit.

        `commit` is that of the superproject, where it has to be one that there is.
        """
        contents = replace(make_release_contents(self.materials, version), baseurl=self.baseurl)
        contents = contents if epoch is None else replace(contents, epoch=epoch)
        if commit is not None:
            contents = replace(contents, superproject=replace(contents.superproject, commit=commit))
        for name, listed in (("centos6", packages), ("deps/misc", misc)):
            rpms = build_packages(self.folder / "rpms" / version / name, listed) if listed else []
            if rpms:
                sign(self.materials, *rpms)
            contents = with_packages(contents, name, *rpms)
        directory = make_release(self.releases / version, self.materials, contents)
        make_tree_public(directory)
        return directory

    def call(self, *words: str | Path) -> CliResult:
        """Run altai-build in the folder."""
        return altai_build(*words, cwd=self.folder)

    def _run(self, *words: str | Path) -> None:
        subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, check=True)
