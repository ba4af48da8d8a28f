"""The source distribution and the wheel hold every file of the package, and altai-build works from them."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from altai_build import __version__
from tests.kit.checkout import list_tracked
from tests.kit.cli import ROOT, altai_build
from tests.kit.superprojects import World, make_files

# What `python -m build` does, without an environment of its own.
_BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"


def build(kind: str, source: Path, output: Path) -> Path:
    """The one file that building `source` makes."""
    words = [sys.executable, "-c", _BUILD, f"build_{kind}", str(output)]
    done = subprocess.run(words, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = output.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the source distribution, as pip builds it."""
    folder = tmp_path_factory.mktemp("packaging")
    for name in list_tracked():
        (folder / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "checkout" / name).write_bytes((ROOT / name).read_bytes())
    archive = build("sdist", folder / "checkout", folder / "sdist")
    shutil.unpack_archive(archive, folder)
    (source,) = folder.glob("altai_build-*")
    return build("wheel", source, folder / "wheel")


def test_the_wheel_has_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    names = sorted(zipfile.ZipFile(wheel).namelist())
    assert [name for name in names if name.startswith("altai_build/")] == list_tracked("altai_build")
    (shared,) = {name.partition("/share/")[0] for name in names if "/share/" in name}
    scripts = [name.removeprefix(f"{shared}/share/altai-build/") for name in names if "/share/" in name]
    assert "scripts/ci-job" in scripts and set(scripts) <= set(list_tracked("scripts"))
    assert "altai_build/py.typed" in names


def test_commands_find_their_data_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    world = World(tmp_path)
    world.component("repos/focus", make_files("focus"))
    world.pin()
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    env = {"PYTHONPATH": str(tmp_path / "installed"), "PYTHONSAFEPATH": "1"}
    where = "import altai_build; print(altai_build.__file__)"
    shown = altai_build("--version", cwd=tmp_path, env=env, program=("-c", where)).out
    assert shown.startswith(str(tmp_path / "installed"))
    assert altai_build("schema", "error", cwd=tmp_path, env=env).code == 0
    written = altai_build("ci", "init", "github", "-o", "pipeline.yml", cwd=world.super.path, env=env)
    assert (written.code, (world.super.path / "pipeline.yml").is_file()) == (0, True), written.err
    # Specs are evaluated by scripts that the sandbox sees.
    made = altai_build("srpm", "--json", cwd=world.super.path, env=env)
    assert [row["status"] for row in made.json] == ["built"], made.err


def test_the_spec_has_the_version_and_every_library() -> None:
    spec = (ROOT / "packaging" / "altai-build.spec").read_text(encoding="utf-8")
    assert re.findall(r"^Version: *(.*)", spec, re.MULTILINE) == [__version__]
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = settings["options"]["install_requires"].splitlines()
    needed = {canonicalize_name(Requirement(line).name) for line in lines if line and line[0] not in "# "}
    named = re.findall(r"^(?:Requires|Recommends): *python3dist\(([^)]*)\)", spec, re.MULTILINE)
    assert sorted(named) == sorted(needed)
