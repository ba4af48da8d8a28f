"""What a channel gets, and that nothing may change between the checks and the switch."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.errors import PublishError
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.release.promote import (
    PromotionPlan,
    list_shown_before,
    make_channel_files,
    plan_promotion,
    promote,
)
from altai_build.pipeline.run import Run
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.channel_worlds import ChannelWorld
from tests.kit.releases import Materials
from tests.model.test_channel import HISTORY


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
        *(f"{name}metalink.xml" for name in ("", "centos6/", "deps/epel/", "deps/misc/")),
    }
    metalink = files["deps/epel/metalink.xml"].decode()
    assert ">https://repo.example.org/altai/1.0.0/deps/epel/repodata/repomd.xml</url>" in metalink
    metalink = files["metalink.xml"].decode()
    assert ">https://repo.example.org/altai/1.0.0/repodata/repomd.xml</url>" in metalink
    # One section for all repositories: a client sees one release as a whole.
    section = files["altai-files.repo"].decode().splitlines()
    assert [line for line in section if line.startswith("[")] == ["[altai-files]"]
    place = "https://repo.example.org/altai/channels/files"
    assert f"metalink={place}/metalink.xml" in section
    assert section[-2:] == [f"gpgkey={place}/RPM-GPG-KEY-ours", f"       {place}/RPM-GPG-KEY-epel6"]
    assert {"gpgcheck=1", "repo_gpgcheck=1", "skip_if_unavailable=0", "metadata_expire=300"} <= set(section)
    assert not any(line.startswith("baseurl") for line in section)


def test_mirrors_come_before_the_url_of_the_releases(run: Run) -> None:
    settings = replace(
        run.config.get_release_settings(), mirrors=("https://a.example.org", "ftp://b.example.org/x")
    )
    mirrored = replace(run, config=replace(run.config, release=settings))
    metalink = plan(mirrored, "files").files["centos6/metalink.xml"].decode()
    assert re.findall(r'preference="([0-9]+)">(.*)/1\.0\.0/centos6/repodata/repomd\.xml<', metalink) == [
        ("100", "https://a.example.org"),
        ("99", "ftp://b.example.org/x"),
        ("98", "https://repo.example.org/altai"),
    ]


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


def test_a_ring_that_is_left_out_is_named(run: Run) -> None:
    rings = (("early", 10), ("half", 50), ("last", 100))
    settings = replace(run.config.get_release_settings(), rings=rings)
    ringed = replace(run, config=replace(run.config, release=settings))
    promote(ringed, plan(ringed, "early"), no_passphrase)
    messages: list[str] = []
    object.__setattr__(ringed.reporter, "warn", messages.append)
    plan(ringed, "half")
    assert messages == []
    plan(ringed, "last")
    assert messages == ["the ring half is before last, but shows nothing"]


def test_a_new_channel_that_may_be_a_mistyped_one_is_named(run: Run) -> None:
    promote(run, plan(run, "nightly"), no_passphrase)
    messages: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run.reporter, "warn", messages.append)
        plan(run, "nigthly")
        plan(run, "nightly")
        plan(run, "quite-other")
    assert messages == ["the channel nigthly is new: no machine follows it yet; did you mean nightly?"]


def test_a_metalink_names_the_releases_that_were_shown_before(
    tmp_path: Path, run: Run, world: ChannelWorld
) -> None:
    """Those that still exist, the last one first, each once."""
    versions = ["1.0", "1.1", "1.2", "1.1", "1.3", *(f"2.{number}" for number in range(20))]
    promotions = tuple(
        replace(HISTORY.promotions[0], number=number, version=version)
        for number, version in enumerate(versions, start=1)
    )
    for version in versions:
        (tmp_path / version).mkdir(exist_ok=True)
    (tmp_path / "1.2").rmdir()
    few, many = (replace(HISTORY, promotions=promotions[:end]) for end in (5, None))
    assert list_shown_before(tmp_path, None, "1.4") == []
    assert list_shown_before(tmp_path, few, "1.4") == ["1.3", "1.1", "1.0"]
    assert list_shown_before(tmp_path, few, "1.3") == ["1.1", "1.0"]
    assert list_shown_before(tmp_path, many, "3") == [f"2.{number}" for number in range(19, 3, -1)]
    shown = world.releases / "1.0.0"
    files = make_channel_files(run.config, shown, load_manifest(shown), "x", ["1.0.0", "9.9"])
    urls = re.findall(r">(https[^<]*)<", files["centos6/metalink.xml"].decode())
    assert urls == ["https://repo.example.org/altai/1.0.0/centos6/repodata/repomd.xml"] * 2


def test_an_index_that_yum_would_take_for_a_rollback_is_named(run: Run, world: ChannelWorld) -> None:
    world.release("1.0.1", epoch=1_300_000_000)
    promote(run, plan(run, "branch"), no_passphrase)
    messages: list[str] = []
    object.__setattr__(run.reporter, "warn", messages.append)
    plan_promotion(run, "1.0.1", "branch")
    (message,) = (message for message in messages if "yum" in message)
    assert message.startswith("the index of 1.0.1 is dated before that of 1.0.0: dnf takes it, but yum keeps")


def test_a_release_without_an_index_of_the_whole_is_refused(run: Run, world: ChannelWorld) -> None:
    """An earlier altai-build made it, or somebody took the index away."""
    directory = world.release("1.0.2")
    (directory / "repodata/repomd.xml").unlink()
    with pytest.raises(PublishError, match=r"a channel cannot show release 1\.0\.2"):
        plan_promotion(run, "1.0.2", "old")
