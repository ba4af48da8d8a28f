"""Superprojects of small components that are really built in the testbed's chroots, each in a workspace of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kit.cli import CliResult, altai_build
from tests.kit.git import Entry
from tests.kit.superprojects import World, make_spec, unpack

_REPOS = """\
project: small
superproject: {{path: ., components: [repos], root: false}}
targets: {{testbed: {{mock_config: testbed-x86_64, arch: x86_64, macros: {{dist: .tb}}}}}}
keys: {{small: {{file: key, signs: true}}}}
repositories: {{small: {{source: superproject, target: testbed, key: small}}}}
release: {{baseurl: "http://127.0.0.1:1"}}
{more}
"""


# Where the buildroots of all tests are: a base buildroot takes as long to make as seven builds in it. The fixture
# `testbed` sets it, for all processes of a test run; altai-build lets several workspaces have the same ones at once.
SHARED_ROOTS: list[Path] = []


def link_roots(workspace: Path, roots: Path | None = None) -> None:
    """Make a workspace that has the buildroots of all tests, or others."""
    place = roots or SHARED_ROOTS[0]
    place.mkdir(exist_ok=True)
    workspace.mkdir(parents=True, exist_ok=True)
    if not (workspace / "roots").exists():
        (workspace / "roots").symlink_to(place)


@dataclass
class Site:
    """A superproject and the workspace of its builds.

    It has the buildroots of all tests, or, with `own_roots`, shares them with the other sites of its folder alone.
    """

    world: World
    testbed: Path
    workspace: Path
    more: str = ""
    own_roots: bool = False
    definition: Path = field(init=False)

    def __post_init__(self) -> None:
        configs = self.world.folder / "definition" / "mock-configs"
        configs.mkdir(parents=True, exist_ok=True)
        for config in (self.testbed / "mock-configs").iterdir():
            shutil.copy(config, configs)
        self.definition = configs.parent / "repos.yaml"
        self.definition.write_text(_REPOS.format(more=self.more), encoding="utf-8")
        link_roots(self.workspace, self.world.folder.parent / "roots" if self.own_roots else None)

    def call(self, *words: str) -> CliResult:
        """One call of altai-build on the superproject."""
        options = [
            "--config",
            str(self.definition),
            "--workspace",
            str(self.workspace),
            "--builder",
            "chroot",
        ]
        return altai_build(*options, *words, cwd=self.world.super.path)

    def build(self, *words: str) -> dict[str, dict[str, Any]]:
        """The rows of a build that must succeed, by component."""
        answer = self.call("build", *words, "--json")
        assert answer.code == 0, answer.err
        return {row["component"]: row for row in answer.json}

    def read(self, rpm: str, path: str) -> str:
        """The text of a file in a package."""
        return unpack(Path(rpm), whole=True)[path].decode()


def small_component(
    name: str,
    version: str = "1.0",
    *,
    needs: tuple[str, ...] = (),
    text: str = "hello",
    tags: str = "",
    notes: str = "",
    install: str = "",
) -> Mapping[str, Entry]:
    """A component whose package has a file: the files of its build dependencies and its own text in one."""
    inputs = " ".join(f"/usr/share/small/{needed}" for needed in needs)
    spec = make_spec(
        name,
        version,
        tags="\n".join(
            [
                "BuildArch: noarch",
                *(f"BuildRequires: {needed}" for needed in needs),
                *([tags] if tags else []),
            ]
        ),
        install=install
        or f"mkdir -p %{{buildroot}}/usr/share/small && cat README {inputs} > %{{buildroot}}/usr/share/small/{name}",
        files=f"/usr/share/small/{name}",
    )
    # NOTES is in no package: commits that differ only in it give the same package.
    return {f"{name}.spec": spec, "README": f"{name}: {text}\n", "NOTES": f"{notes}\n"}
