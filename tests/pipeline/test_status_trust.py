"""Keys that end, a latest release that nobody signed, channels that lag or cannot be believed: `status` says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from altai_build.config import Config, load_config
from altai_build.model.status import ChannelStatus
from altai_build.model.trust import TrustLevel
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.status_trust import check_key, check_release, read_channel_states
from altai_build.tools.openpgp.signing import SigningKey
from tests.kit.keys import signing_key
from tests.kit.manifests import manifest, package, write_manifests
from tests.kit.releases import Materials
from tests.kit.timed_keys import TimedKeyring
from tests.stages.test_channel import switch

_REPOS = """\
project: altai
targets: {centos6: {mock_config: el6, arch: x86_64}}
keys: {altai: {file: KEY, signs: true}, other: {file: OTHER}}
repositories: {centos6: {source: superproject, target: centos6, key: altai}}
release: {directory: releases, baseurl: "https://repo.example.org"}
verify: {expiry_horizon_days: 30}
"""


@pytest.fixture(scope="module")
def key(materials: Materials) -> Iterator[SigningKey]:
    with signing_key(materials.ours) as key:
        yield key


def configure(folder: Path) -> Config:
    (folder / "repos.yaml").write_text(_REPOS)
    return load_config(folder / "repos.yaml")


def test_keys_that_end(tmp_path: Path) -> None:
    config = configure(tmp_path)
    ring = TimedKeyring(tmp_path / "gnupg")
    made = ring.make("ours", "20260101", expires="20261224T000000")
    revoked = ring.make("theirs", "20260101")
    ring.revoke(revoked)
    ring.export(tmp_path / "KEY", made)
    ring.export(tmp_path / "OTHER", revoked)

    def check(name: str, day: int) -> list[tuple[str, str]]:
        now = datetime(2026, 12, day, tzinfo=timezone.utc)
        return [
            (problem.what, problem.todo.split(":")[0])
            for problem in check_key(config, config.keys[name], now)
        ]

    add, get = "add a key that replaces it", "get the file again from who publishes the key"
    named = f"the key altai ({made[-16:]})"
    assert check("altai", 1) == [(f"{named} expires on 2026-12-24, in 23 days", add)]
    assert check("altai", 30) == [(f"{named} expired on 2026-12-24", add)]
    assert list(check_key(config, config.keys["altai"], datetime(2026, 11, 1, tzinfo=timezone.utc))) == []
    assert check("other", 1) == [(f"the key other ({revoked[-16:]}) is revoked", get)]
    (tmp_path / "OTHER").write_text("no key")
    ((what, _),) = check("other", 1)
    assert str(tmp_path / "OTHER") in what


def test_a_release_that_nobody_signed(tmp_path: Path) -> None:
    config = configure(tmp_path)
    made = manifest("1.0.0", [package("nova-1-1.noarch")])
    write_manifests(tmp_path / "releases", made)
    trust, problem = check_release(config, load_manifest(tmp_path / "releases" / "1.0.0"))
    assert trust is TrustLevel.UNVERIFIED and problem is not None
    assert problem.what.startswith("release 1.0.0: release.json is unverified; ")
    assert problem.todo == "`altai-build verify 1.0.0`"


def test_channels_lag_or_cannot_be_believed(tmp_path: Path, key: SigningKey) -> None:
    config = configure(tmp_path)
    releases = tmp_path / "releases"
    releases.mkdir()
    assert read_channel_states(config, ()) == ((), [])
    switch(releases, key, 1)
    (tmp_path / "KEY").write_bytes(key.file.read_bytes())
    when = "2026-11-27T11:00:00Z"
    states, problems = read_channel_states(config, ("1.0.0", "1.0.1", "1.0.2"))
    assert (states, problems) == ((ChannelStatus("stable", "1.0.0", when, 2),), [])
    states, _ = read_channel_states(config, ("1.0.1",))
    assert states == (ChannelStatus("stable", "1.0.0", when, None),)
    (releases / "channels" / "stable" / "altai-stable.repo").write_text("")
    states, (problem,) = read_channel_states(config, ("1.0.0",))
    assert states == (ChannelStatus("stable", None, None, None),)
    assert "altai-stable.repo" in problem.what
