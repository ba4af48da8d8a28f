"""Commands import only what they use: modules and records that others need take more time than quick commands have.

The lists are of what each command has no use for. The numbers are those of today: they may fall, and rise only with a
reason. (Five modules describe the keys of repos.yaml, and say which of them there are.)
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.cli import ROOT
from tests.kit.manifests import component, manifest, package, write_manifests
from tests.kit.superprojects import RELEASE_DEFINITION, World, make_files

# Prints the modules that are loaded when a command ends, whatever it ends with.
_PROGRAM = (
    "import sys\n"
    "from altai_build.cli.main import cli\n"
    "try: cli.main(sys.argv[1:], standalone_mode=False)\n"
    "finally: print(*sorted(sys.modules))\n"
)
_DOWNLOADS = ("altai_build.tools.http", "requests", "socket", "ssl", "urllib.request")
_MAKING = (
    "altai_build.stages.srpm",
    "altai_build.stages.build",
    "altai_build.tools.mock",
    "altai_build.tools.chroot",
)
_GIT = ("altai_build.tools.git.command", "altai_build.tools.git.objects", "git")
_METADATA = ("altai_build.tools.repo", "altai_build.tools.solver", "solv", "createrepo_c")
_OTHERS = (
    "altai_build.model.lock",
    "altai_build.ledger",
    "altai_build.rules",
    "rich",
    "jinja2",
    "xml",
    "zstandard",
)
# Of a command that reads manifests alone.
_RELEASE = (*_GIT, *_METADATA, *_DOWNLOADS, *_MAKING, *_OTHERS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A superproject with a component, its definition and two releases."""
    world = World(tmp_path_factory.mktemp("world"))
    world.component("repos/focus", make_files("focus"))
    world.pin({"repos.yaml": RELEASE_DEFINITION})
    world.pin({"README": "changed"})
    folder = world.super.path
    (folder / "repos.yaml").write_text(RELEASE_DEFINITION)
    origin = component("repos/focus", "a" * 40)
    old, new = (package(f"focus-{version}-1.el9.noarch", origin) for version in ("1.0", "2.0"))
    write_manifests(folder / "releases", manifest("1.0.0", [old]), manifest("1.0.1", [new]))
    return folder


def load(folder: Path, *words: str) -> set[str]:
    """The modules that a command loads."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    result = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = set(result.stdout.splitlines()[-1].split())
    assert "altai_build.cli.main" in loaded, result.stderr
    return loaded


@pytest.mark.parametrize(
    ("words", "needed", "unneeded", "most"),
    [
        ("changed", "tools.git.changed_gitlinks", (*_OTHERS, *_METADATA, *_DOWNLOADS, *_MAKING), 32),
        ("plan", "tools.spec.reader", (*_METADATA, *_DOWNLOADS, *_MAKING), 111),
        ("which focus", "pipeline.published.matching", _RELEASE, 91),
        ("diff 1.0.0 1.0.1", "stages.diff", _RELEASE, 92),
        ("report 1.0.1", "pipeline.published.catalog", _RELEASE, 86),
        ("audit 1.0.1", "tools.solver.describe", (*_GIT, *_MAKING, "altai_build.rules", "socket", "createrepo_c"), 111),
    ],
)  # fmt: skip
def test_a_command_imports_what_it_uses(
    folder: Path, words: str, needed: str, unneeded: tuple[str, ...], most: int
) -> None:
    loaded = load(folder, *words.split())
    assert f"altai_build.{needed}" in loaded
    found = {name for name in loaded for other in unneeded if name == other or name.startswith(f"{other}.")}
    assert found == set()
    ours = {name for name in loaded if name.startswith("altai_build")}
    assert len(ours) <= most, f"{len(ours)} modules: {' '.join(sorted(ours))}"
