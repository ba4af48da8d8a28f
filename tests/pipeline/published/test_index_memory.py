"""What is remembered of releases counts for the very bytes that it was made from, and until a key expires."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.model.trust import ManifestTrust, TrustLevel
from altai_build.pipeline.published import index_memory
from altai_build.pipeline.published.index_memory import IndexMemory
from altai_build.stages.diff import compare_releases
from altai_build.stages.report.index import ReleaseSummary, summarize_release
from altai_build.stages.report.inputs import ReleaseKey
from tests.kit.manifests import manifest, package, write_manifests
from tests.kit.timed_keys import TimedKeyring

OLD = manifest("1.0", [package("nova-1-1.noarch")])
NEW = manifest("1.1", [package("nova-2-1.noarch")], previous="1.0")
TRUST = ManifestTrust(TrustLevel.OWN_KEYS, "why")


def summarize() -> ReleaseSummary:
    return summarize_release(NEW, compare_releases(OLD, NEW), (ReleaseKey("k", "F" * 40, "K <k@x>", ""),))


class Site:
    """Two releases with keys, and the memory of the second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_manifests(folder / "releases", OLD, NEW)
        self.directories = {name: folder / "releases" / name for name in ("1.0", "1.1")}
        (self.directories["1.1"] / "RPM-GPG-KEY-k").write_text("own")
        self.pinned = folder / "pinned"
        self.pinned.write_text("pinned")

    def open(self) -> IndexMemory:
        return IndexMemory(self.folder / "cache" / "memory", [self.pinned])

    def remember(self) -> None:
        memory = self.open()
        memory.find_all(self.directories)
        memory.remember("1.1", summarize(), TRUST)
        memory.write()

    def find(self) -> dict[str, tuple[ReleaseSummary, ManifestTrust]]:
        return self.open().find_all(self.directories)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.remember()
    return site


def test_what_was_remembered_comes_back_whole(site: Site) -> None:
    assert site.find() == {"1.1": (summarize(), TRUST)}


@pytest.mark.parametrize(
    "change",
    [
        lambda site: (site.directories["1.1"] / "release.json").write_text("{}"),
        lambda site: (site.directories["1.1"] / "release.json.asc").write_text("x"),
        lambda site: (site.directories["1.1"] / "RPM-GPG-KEY-k").write_text("x"),
        lambda site: (site.directories["1.1"] / "RPM-GPG-KEY-other").write_text("x"),
        lambda site: (site.directories["1.0"] / "release.json").write_text("{}"),
        lambda site: site.directories.pop("1.0"),
        lambda site: site.pinned.write_text("x"),
        lambda site: site.pinned.unlink(),
        lambda site: (site.folder / "cache" / "memory").write_text("{}"),
        lambda site: (site.folder / "cache" / "memory").unlink(),
    ],
)
def test_nothing_is_remembered_of_other_bytes(site: Site, change: Callable[[Site], object]) -> None:
    change(site)
    assert site.find() == {}


def test_a_damaged_memory_and_one_of_another_version_are_none(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = site.folder / "cache" / "memory"
    whole = memory.read_bytes()
    memory.write_bytes(whole.replace(b'"nova', b'"mova'))
    assert site.find() == {}
    memory.write_bytes(whole)
    monkeypatch.setattr(index_memory, "__version__", "0")
    assert site.find() == {}


def test_a_signature_is_judged_again_when_a_key_expires(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = TimedKeyring(site.folder / "gnupg")
    ring.export(site.pinned, ring.make("ours", "20260101", expires="20300101T000000"))
    site.remember()
    assert list(site.find()) == ["1.1"]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 10 * 365 * 86400)
    assert site.find() == {}
    # It has no further key that expires.
    site.remember()
    assert list(site.find()) == ["1.1"]


def test_a_release_that_is_gone_is_forgotten_and_an_unwritable_memory_is_no_error(site: Site) -> None:
    del site.directories["1.1"]
    memory = site.open()
    memory.find_all(site.directories)
    memory.write()
    site.directories["1.1"] = site.directories["1.0"].parent / "1.1"
    assert site.find() == {}
    blocked = IndexMemory(site.pinned / "memory", [])
    blocked.find_all(site.directories)
    blocked.remember("1.1", replace(summarize(), previous=None), TRUST)
    blocked.write()
