"""What a channel gets, and that nothing may change between the checks and the switch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.errors import PublishError
from altai_build.pipeline.release.promote import PromotionPlan, plan_promotion, promote
from altai_build.pipeline.run import Run
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.channel_worlds import ChannelWorld
from tests.kit.releases import Materials


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, materials: Materials) -> ChannelWorld:
    world = ChannelWorld(tmp_path_factory.mktemp("world"), materials)
    world.release("1.0.0")
    return world


@pytest.fixture
def run(world: ChannelWorld) -> Run:
    workspace = Workspace(world.folder / ".altai-build")
    config = load_config(world.folder / "repos.yaml")
    return Run(
        config=config, workspace=workspace, jobs=1, builder="auto", reporter=ProgressReporter(quiet=True)
    )


def no_passphrase(*_words: object) -> str:
    raise AssertionError("the key has no passphrase")


def plan(run: Run, channel: str) -> PromotionPlan:
    return plan_promotion(run, "1.0.0", channel)


def test_a_channel_has_all_that_clients_need_and_nothing_of_sources(run: Run) -> None:
    files = plan(run, "files").files
    assert set(files) == {
        "altai-files.repo",
        "RPM-GPG-KEY-ours",
        "RPM-GPG-KEY-epel6",
        *(f"{name}/metalink.xml" for name in ("centos6", "deps/epel", "deps/misc")),
    }
    metalink = files["deps/epel/metalink.xml"].decode()
    assert ">https://repo.example.org/altai/1.0.0/deps/epel/repodata/repomd.xml</url>" in metalink
    section = files["altai-files.repo"].decode().split("\n\n")[1].splitlines()
    assert section[0] == "[altai-files-deps-epel]"
    assert "metalink=https://repo.example.org/altai/channels/files/deps/epel/metalink.xml" in section
    assert {"gpgcheck=1", "repo_gpgcheck=1", "skip_if_unavailable=0", "metadata_expire=300"} <= set(section)
    assert not any(line.startswith("baseurl") for line in section)


def test_another_run_that_was_faster_is_not_overwritten(run: Run) -> None:
    slow, fast = plan(run, "race"), plan(run, "race")
    promote(run, fast, no_passphrase)
    with pytest.raises(PublishError, match="another run changed it meanwhile"):
        promote(run, slow, no_passphrase)
    assert not plan(run, "race").is_needed


def test_a_release_that_changed_after_its_checks_is_not_shown(run: Run, world: ChannelWorld) -> None:
    checked = plan(run, "late")
    for changed in (
        replace(checked, directory=world.releases / "gone"),
        replace(checked, promotion=replace(checked.promotion, checksums="0" * 64)),
    ):
        with pytest.raises(PublishError, match="changed while it was checked"):
            promote(run, changed, no_passphrase)
    assert not Path(world.releases, "channels", "late").exists()
