"""Whose signature a cache needs, and what becomes of builds that nobody signed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.pipeline.job_cache import export, take
from altai_build.pipeline.run import Run
from altai_build.stages.cache_export import prepare_cache_folder
from altai_build.workspace import Workspace
from tests.kit.builders import HostSite
from tests.kit.keys import ThrowawayKey, make_key, signing_key
from tests.stages.test_cache_export import A, store


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[ThrowawayKey, ThrowawayKey]:
    """That of the project, and another one."""
    folder = tmp_path_factory.mktemp("keys")
    own, other = (make_key(folder, name, algorithm="ed25519") for name in ("own", "other"))
    return own, other


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: tuple[ThrowawayKey, ThrowawayKey]) -> Run:
    """A run whose workspace has a build."""
    site = HostSite.create(tmp_path / "site", monkeypatch)
    (site.world.super.path / "k").write_bytes(keys[0].public.read_bytes())
    store(site.run.workspace, "build", A)
    return site.run


def elsewhere(run: Run, tmp_path: Path) -> Run:
    return replace(run, workspace=Workspace(tmp_path / "elsewhere"))


def names(run: Run, folder: Path, *, trust_unsigned: bool = False) -> list[str]:
    taken = take(run, folder, max_size=1 << 30, trust_unsigned=trust_unsigned).taken
    return [unit.name for unit in taken]


def test_builds_are_taken_from_those_whom_the_project_trusts(
    run: Run, tmp_path: Path, keys: tuple[ThrowawayKey, ThrowawayKey]
) -> None:
    folder, job = tmp_path / "cache", elsewhere(run, tmp_path)
    prepare_cache_folder(folder)
    with signing_key(keys[1]) as other:
        assert export(run, folder, max_size=1 << 30, key=other).is_signed
    assert names(job, folder) == []
    assert not export(run, folder, max_size=1 << 30, key=None).is_signed
    assert not (folder / "cache.json.asc").exists() and names(job, folder) == []
    with signing_key(keys[0]) as own:
        export(run, folder, max_size=1 << 30, key=own)
    signed = (folder / "cache.json").read_bytes()
    (folder / "cache.json").write_bytes(signed.replace(b'"seconds": 1.0', b'"seconds": 2.0'))
    assert names(job, folder) == []
    (folder / "cache.json").write_bytes(signed)
    assert names(job, folder) == [f"builds/{A}"]
    assert not job.workspace.unsigned_import.exists()


def test_what_nobody_signed_is_never_signed_later(
    run: Run, tmp_path: Path, keys: tuple[ThrowawayKey, ThrowawayKey], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, job = tmp_path / "cache", elsewhere(run, tmp_path)
    prepare_cache_folder(folder)
    export(run, folder, max_size=1 << 30, key=None)
    assert names(job, folder, trust_unsigned=True) == [f"builds/{A}"]
    with signing_key(keys[0]) as own:
        assert not export(job, folder, max_size=1 << 30, key=own).is_signed
    assert not (folder / "cache.json.asc").exists()
    assert "took builds with --trust-unsigned" in capsys.readouterr().err


def test_a_job_works_without_a_cache(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "cache"
    assert names(run, folder) == []
    folder.mkdir()
    (folder / "cache.json").write_text("half a li")
    assert names(run, folder) == []
    assert f"the cache in {folder} cannot be used: cache.json: " in capsys.readouterr().err
