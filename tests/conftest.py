"""Shared by all tests: when a test may be skipped, where the testbed is, a small release, git without configuration."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from altai_build.tools.sandbox import cgroup
from tests.kit.builds import SHARED_ROOTS
from tests.kit.releases import Materials, make_materials, make_release, make_release_contents

ROOT = Path(__file__).resolve().parents[1]

Require = Callable[[bool, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="run only the tests that do not need the testbed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--fast"):
        slow = [item for item in items if "testbed" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


@pytest.fixture(scope="session")
def require() -> Require:
    """`require(condition, reason)` skips the test unless the condition holds; where CI is set it fails instead."""

    def check(condition: bool, reason: str) -> None:
        if condition:
            return
        if os.environ.get("CI"):
            pytest.fail(f"cannot run here: {reason}", pytrace=False)
        pytest.skip(reason)

    return check


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real packages and keys beside the checkout; without it the test is skipped, even in CI."""
    folder = ROOT.parent / "shared" / "fixtures"
    if not folder.is_dir():
        pytest.skip(f"the collection of real packages and keys is not at {folder}")
    return folder


@pytest.fixture(scope="session")
def control_groups(require: Require) -> Path:
    """The control group in which tests make others.

    Without the kernel's memory controller the test is skipped, even in CI: no privilege adds that to a machine.
    """
    own = cgroup._find_own_group()
    if own is None or "memory" not in (own / "cgroup.controllers").read_text().split():
        pytest.skip("this machine has no memory controller of cgroup v2")
    parent = cgroup.find_parent()
    require(parent is not None, "this process may make no control groups (cgroup v2)")
    assert parent is not None
    return parent


@pytest.fixture(scope="session")
def testbed(require: Require, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the testbed, which scripts/make-testbed makes or reuses."""
    place = tmp_path_factory.getbasetemp()
    # Each process of pytest-xdist has a folder in the one of the test run.
    SHARED_ROOTS[:] = [(place.parent if "PYTEST_XDIST_WORKER" in os.environ else place) / "roots"]
    folder = Path(os.environ.get("ALTAI_TESTBED") or "/var/cache/altai-build/testbed")
    require(os.geteuid() == 0, "the testbed and builds in chroots need root")
    made = subprocess.run(
        [str(ROOT / "scripts" / "make-testbed"), str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if made.returncode:
        tail = "\n".join(made.stdout.decode("utf-8", "replace").splitlines()[-30:])
        pytest.fail(f"scripts/make-testbed {folder} exited with {made.returncode}:\n{tail}", pytrace=False)
    return folder


@pytest.fixture(scope="session")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Materials]:
    """Packages and keys of which releases are made. No test changes them, also not through a link to them."""
    folder = tmp_path_factory.mktemp("materials")
    materials = make_materials(folder)

    def digests() -> dict[Path, str]:
        files = sorted(file for suffix in ("rpm", "asc", "pub") for file in folder.rglob(f"*.{suffix}"))
        return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    before = digests()
    yield materials
    assert digests() == before, "a test changed a file that other tests use"


@pytest.fixture(scope="session")
def intact(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release, 1.0.2, that no test changes."""
    folder = tmp_path_factory.mktemp("intact")
    return make_release(folder / "1.0.2", materials, make_release_contents(materials))


@pytest.fixture
def release(intact: Path, tmp_path: Path) -> Path:
    """A copy of the intact release that a test may change."""
    return Path(shutil.copytree(intact, tmp_path / "1.0.2"))


@pytest.fixture(autouse=True)
def _git_has_no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git and altai-build in tests see neither the configuration nor the environment variables of the developer."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "ALTAI_BUILD_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
