"""The key file of a base repository is deleted, garbled or swapped: every verb says so and refuses."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.cli import ROOT, CliResult, altai_build
from tests.kit.keys import ThrowawayKey, make_key
from tests.kit.releases import Materials
from tests.kit.repositories import Package, make_repository
from tests.kit.superprojects import World, make_files

DEFINITION = """\
project: altai
targets:
  centos6:
    mock_config: altai-centos6-x86_64
    arch: x86_64
    macros: {{dist: .el6}}
    base: [{{name: os, url: "{base}", key: os}}]
keys:
  ours: {{file: ours, signs: true}}
  epel6: {{file: epel6}}
  os: {{file: os}}
repositories:
  centos6: {{source: superproject, target: centos6, key: ours}}
  deps/misc: {{source: specs, path: specs, target: centos6, key: ours, source_rpms: deps/misc-srpms}}
release: {{baseurl: "https://repo.example.org/altai", directory: "{releases}"}}
"""
MOCK_CONFIG = "mock-configs/altai-centos6-x86_64.cfg"


@dataclass
class Place:
    """A superproject with release 1.0.2, whose base is a repository with signed metadata."""

    world: World
    os: ThrowawayKey
    other: ThrowawayKey
    commit: str

    def change_key(self, change: Callable[[Place, Path], None]) -> None:
        change(self, self.world.super.path / "os")
        self.world.super.git("commit", "--quiet", "--all", "--message", "change")

    def call(self, *words: str) -> CliResult:
        return altai_build(*words, cwd=self.world.super.path)


@pytest.fixture(scope="module")
def original(materials: Materials, intact: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("place")
    os, other = make_key(folder, "os"), make_key(folder, "other")
    make_repository(folder / "base", [Package("bash")], os)
    shutil.copytree(intact, folder / "releases" / "1.0.2")
    world = World(folder)
    world.component("repos/altai/focus", make_files("focus"))
    definition = DEFINITION.format(base=(folder / "base").as_uri(), releases=folder / "releases")
    keys = {"ours": materials.ours.public, "epel6": materials.theirs.public, "os": os.public}
    commit = world.pin(
        {
            "repos.yaml": definition,
            MOCK_CONFIG: (ROOT / MOCK_CONFIG).read_text(),
            "specs/.keep": "",
            **{name: file.read_text() for name, file in keys.items()},
        }
    )
    return Place(world=world, os=os, other=other, commit=commit)


@pytest.fixture
def place(original: Place) -> Place:
    """The place as it was, with a workspace that knows nothing."""
    original.world.super.git("reset", "--quiet", "--hard", original.commit)
    shutil.rmtree(original.world.super.path / ".altai-build", ignore_errors=True)
    return original


def delete(place: Place, file: Path) -> None:
    file.unlink()


def garble(place: Place, file: Path) -> None:
    text = file.read_text()
    file.write_text(text[:200] + text[201:])


def swap(place: Place, file: Path) -> None:
    shutil.copy(place.other.public, file)


CHANGES = {
    "deleted": (delete, "cannot use the key file"),
    "garbled": (garble, "the ASCII armor is damaged"),
    "swapped": (swap, "is not signed by its key: unknown key"),
}


def test_with_the_right_key_all_is_well(place: Place) -> None:
    assert place.call("verify", "1.0.2").code == 0
    assert place.call("upgrade-check", "1.0.2").code == 0
    rows = {row["check"]: row for row in place.call("doctor", "--json").json}
    assert rows["repository base/os"]["status"] == "ok"
    assert rows["repository base/os"]["found"].endswith(": its metadata is signed by the key os")


@pytest.mark.parametrize(
    ("name", "is_cached"), [("deleted", False), ("garbled", False), ("swapped", False), ("swapped", True)]
)
def test_every_verb_refuses_a_base_that_its_key_file_does_not_vouch_for(
    place: Place, name: str, is_cached: bool
) -> None:
    change, why = CHANGES[name]
    if is_cached:
        assert place.call("verify", "1.0.2").code == 0
    place.change_key(change)
    found = place.call("verify", "1.0.2", "--json")
    assert found.code == 7
    (finding,) = (one for one in found.json["findings"] if one["rule"] == "closure")
    assert (finding["severity"], finding["subject"]) == ("error", "1.0.2")
    assert (
        finding["message"].startswith("the repository base/os is not trusted; ") and why in finding["message"]
    )
    for words in (("upgrade-check", "1.0.2"), ("release", "1.0.3")):
        refused = place.call(*words)
        assert refused.code == 3, refused.err
        assert "altai-build: the repository base/os is not trusted\n" in refused.err and why in refused.err
    assert sorted(entry.name for entry in (place.world.folder / "releases").iterdir()) == ["1.0.2"]
    checked = place.call("doctor", "--json")
    rows = {row["check"]: row for row in checked.json}
    assert rows["repository base/os"]["status"] == "missing" and why in rows["repository base/os"]["found"]
    assert checked.code != 0


def test_a_base_that_is_out_of_reach_is_no_distrust(place: Place) -> None:
    definition = place.world.super.path / "repos.yaml"
    definition.write_text(definition.read_text().replace("file://", "http://127.0.0.1:9"))
    checked = place.call("doctor", "--json")
    rows = {row["check"]: row for row in checked.json}
    assert (rows["repository base/os"]["status"], rows["key os"]["status"]) == ("missing", "ok")
    assert "127.0.0.1:9: Connection refused" in rows["repository base/os"]["found"] and checked.code == 3
    assert "signature" not in rows["repository base/os"]["found"]
