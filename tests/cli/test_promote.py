"""`promote`: what it checks, what it refuses, and what it leaves."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from tests.kit.channel_worlds import ChannelWorld
from tests.kit.cli import ROOT
from tests.kit.releases import Materials
from tests.kit.repositories import Package

_SCHEMAS = ROOT / "altai_build" / "schemas"


def check_schema(name: str, document: Any) -> None:
    jsonschema.validate(document, json.loads((_SCHEMAS / f"{name}.json").read_text()))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, materials: Materials) -> ChannelWorld:
    """Three releases, of which 1.0.2 needs a package that none provides; each test has a channel of its own."""
    world = ChannelWorld(tmp_path_factory.mktemp("world"), materials)
    world.release("1.0.0", Package("app", "1"))
    world.release("1.0.1", Package("app", "2"))
    broken = world.release("1.0.2", Package("app", "3"))
    (broken / "centos6" / "stray").touch()
    return world


def history(world: ChannelWorld, channel: str) -> Any:
    return json.loads((world.releases / "channels" / channel / "history.json").read_text())


def test_forth_and_back(world: ChannelWorld) -> None:
    first = world.call("promote", "1.0.0", "--to", "stable", "--json")
    assert first.code == 0, first.err
    check_schema("promote", first.json)
    assert (first.json["from"], first.json["to"], first.json["changed"]) == (None, "1.0.0", True)
    second = world.call("promote", "1.0.1", "--to", "stable")
    assert second.code == 0, second.err
    assert Path(second.out.strip()) == world.releases / "channels" / "stable"
    assert "upgrade from 1.0.0: ok" in second.err
    assert "the channel stable shows 1.0.1 (before: 1.0.0)" in second.err
    refused = world.call("promote", "1.0.0", "--to", "stable")
    assert (refused.code, history(world, "stable")["promotions"][-1]["to"]) == (8, "1.0.1")
    assert "the channel stable shows 1.0.1, which is newer than 1.0.0" in refused.err
    back = world.call("promote", "1.0.0", "--to", "stable", "--back", "loses guests", "--json")
    assert back.code == 0, back.err
    assert back.json["upgrades"] == [{"from": "1.0.1", "outcome": "distro-sync"}]
    last = history(world, "stable")["promotions"][-1]
    assert (last["who"], last["why"], last["back"]) == ("Ann Example <ann@example.org>", "loses guests", True)
    check_schema("channel-history", history(world, "stable"))


def test_a_dry_run_and_a_release_that_is_shown_already_change_nothing(world: ChannelWorld) -> None:
    dry = world.call("promote", "1.0.0", "--to", "dry", "--dry-run")
    assert (dry.code, os.path.lexists(world.releases / "channels" / "dry")) == (0, False)
    assert "the channel dry would show 1.0.0" in dry.err
    assert world.call("promote", "1.0.0", "--to", "dry", "--why", "first").code == 0
    before = history(world, "dry")
    again = world.call("promote", "1.0.0", "--to", "dry")
    assert "the channel dry shows 1.0.0 already; nothing was changed" in again.err
    assert history(world, "dry") == before
    assert before["promotions"][0]["why"] == "first"


def test_a_release_with_errors_is_not_shown(world: ChannelWorld) -> None:
    assert world.call("promote", "1.0.1", "--to", "broken").code == 0
    refused = world.call("promote", "1.0.2", "--to", "broken", "--json")
    assert refused.code == 7
    assert refused.json["error"]["what"] == "the channel broken was not changed: 2 errors"
    assert history(world, "broken")["promotions"][-1]["to"] == "1.0.1"


def test_a_channel_that_somebody_changed_stays_as_it_is(world: ChannelWorld) -> None:
    assert world.call("promote", "1.0.0", "--to", "changed").code == 0
    repo = world.releases / "channels" / "changed" / "altai-changed.repo"
    repo.write_text(repo.read_text().replace("gpgcheck=1", "gpgcheck=0"))
    refused = world.call("promote", "1.0.1", "--to", "changed")
    assert refused.code == 3
    assert "altai-changed.repo: it is not the file that the signed history lists" in refused.err
    assert history(world, "changed")["promotions"][-1]["to"] == "1.0.0"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("1.0.0", "--to", "../x"), 2, "'../x' is not a name for a channel"),
        (("1.0.0", "--to", "other", "--back", " "), 2, "--back needs a reason"),
        (("1.0.0", "--to", "other", "--back", "x", "--why", "y"), 2, "--back and --why exclude each other"),
        (
            ("1.0.0", "--to", "other", "--back", "x"),
            8,
            "1.0.0 is no way back: the channel other shows nothing",
        ),
        (("9.9", "--to", "other"), 3, "there is no release 9.9"),
        (("./releases/1.0.0", "--to", "other"), 2, "a channel shows a published release"),
    ],
)
def test_what_is_no_promotion(world: ChannelWorld, words: tuple[str, ...], code: int, message: str) -> None:
    refused = world.call("promote", *words)
    assert (refused.code, message in refused.err) == (code, True), refused.err
    assert not os.path.lexists(world.releases / "channels" / "other")
