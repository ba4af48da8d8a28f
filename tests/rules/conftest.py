"""Releases that the tests of rules share: made once, because signing takes time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.kit.releases import Materials, make_materials, make_release, make_release_contents


@pytest.fixture(scope="session")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Materials:
    return make_materials(tmp_path_factory.mktemp("materials"))


@pytest.fixture(scope="session")
def intact(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("intact")
    return make_release(folder / "1.0.2", materials, make_release_contents(materials))


@pytest.fixture
def release(intact: Path, tmp_path: Path) -> Path:
    """An intact release that a test may change."""
    return Path(shutil.copytree(intact, tmp_path / "1.0.2"))
