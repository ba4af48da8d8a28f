"""Another signing key than that of the previous release is refused before anything is built, unless it replaces it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.errors import SigningError
from altai_build.model.release import Manifest
from altai_build.model.release_files import KEY_FILE_PREFIX
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.release.key_change import refuse_undeclared_key_change
from altai_build.pipeline.run import Run
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.cli import altai_build
from tests.kit.configs import write_config
from tests.kit.keys import ThrowawayKey, make_key
from tests.kit.release_worlds import make_world
from tests.kit.releases import Materials, make_release, make_release_contents


@pytest.fixture(scope="module")
def successor(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    return make_key(tmp_path_factory.mktemp("successor"), "successor")


@pytest.fixture(scope="module")
def previous(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("previous") / "1.0.2"
    return load_manifest(make_release(folder, materials, make_release_contents(materials)))


def make_run(
    folder: Path, materials: Materials, capture: list[str], *, keys: str = "", key: str = "ours"
) -> Run:
    """A run whose repos.yaml has further keys, one of which signs our repositories."""
    path = write_config(folder, materials)
    text = path.read_text().replace("repositories:", f"{keys}repositories:")
    path.write_text(text.replace("key: ours}", f"key: {key}}}").replace("key: ours,", f"key: {key},"))

    class Reporter(ProgressReporter):
        def warn(self, message: str) -> None:
            capture.append(message)

    return Run(
        config=load_config(path),
        workspace=Workspace(folder / "workspace"),
        jobs=1,
        builder="auto",
        reporter=Reporter(quiet=True),
    )


def test_the_same_key_and_its_declared_successor_are_right(
    materials: Materials, successor: ThrowawayKey, previous: Manifest, tmp_path: Path
) -> None:
    warnings: list[str] = []
    refuse_undeclared_key_change(make_run(tmp_path, materials, warnings), previous)
    declared = f'  next: {{file: "{successor.public}", signs: true, replaces: ours}}\n'
    run = make_run(tmp_path, materials, warnings, keys=declared, key="next")
    refuse_undeclared_key_change(run, previous)
    refuse_undeclared_key_change(run, None)
    assert warnings == []


def test_another_key_under_another_name_or_the_same_is_refused(
    materials: Materials, successor: ThrowawayKey, previous: Manifest, tmp_path: Path
) -> None:
    undeclared = f'  next: {{file: "{successor.public}", signs: true}}\n'
    swapped = replace(materials, ours=successor)
    for run in (
        make_run(tmp_path, materials, [], keys=undeclared, key="next"),
        make_run(tmp_path, swapped, []),
    ):
        with pytest.raises(SigningError) as caught:
            refuse_undeclared_key_change(run, previous)
        assert caught.value.what == (
            "packages of release 1.0.2 were signed by another key, and no key replaces that one"
        )
        key = f"1.0.2 has the key ours ({materials.ours.fingerprint})"
        assert caught.value.why.splitlines() == [
            f"  {name}: {key}" for name in ("centos6", "centos6-srpms", "deps/misc", "deps/misc-srpms")
        ]
        assert "`replaces: NAME`" in caught.value.todo


def test_packages_of_a_still_older_key_are_a_warning(
    materials: Materials, previous: Manifest, tmp_path: Path
) -> None:
    """They may be built again, and then get the new key's signature."""
    older = tuple(
        replace(package, signer=replace(package.signer, fingerprint="B" * 40))
        if package.path == "centos6/focus-1.0-3.el6.noarch.rpm"
        else package
        for package in previous.packages
    )
    warnings: list[str] = []
    refuse_undeclared_key_change(make_run(tmp_path, materials, warnings), replace(previous, packages=older))
    assert warnings == [
        f"centos6: {'B' * 40} signed 1 package of 1.0.2, and repos.yaml lacks that key: "
        "unless they are built again, the release will not be published"
    ]


def test_the_plan_of_a_release_has_it_already(
    materials: Materials, successor: ThrowawayKey, tmp_path: Path
) -> None:
    world = make_world(tmp_path)
    (world.super.path / "k").write_text(successor.public.read_text())
    world.super.git("commit", "--quiet", "--all", "--message", "key")
    release = make_release(tmp_path / "releases" / "1.0.2", materials, make_release_contents(materials))
    assert (release / f"{KEY_FILE_PREFIX}ours").is_file()
    for words in (["--dry-run"], []):
        refused = altai_build("-C", world.super.path, "release", "1.0.3", *words, cwd=tmp_path)
        assert refused.code == 6
        assert "altai-build: packages of release 1.0.2 were signed by another key" in refused.err
        assert "replaces" in refused.err
    assert not (world.super.path / ".altai-build" / "builds").exists()
