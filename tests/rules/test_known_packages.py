"""What earlier releases say is remembered by their bytes, and is the same as when it is read."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.manifest import manifest_from_json
from altai_build.rules import known_packages
from altai_build.rules.known_packages import KnownPackages
from altai_build.rules.registry import RULES
from tests.kit.releases import Materials, make_release, make_release_contents

(RULE,) = (rule for rule in RULES if rule.id == "same-bytes")


@pytest.fixture(scope="module")
def made(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two releases with the same packages and metadata."""
    folder = tmp_path_factory.mktemp("made")
    contents = make_release_contents(materials, "1.0.0")
    first = make_release(folder / "1.0.0", materials, contents)
    return first, make_release(
        folder / "1.0.1", materials, replace(contents, version="1.0.1"), previous=first
    )


@pytest.fixture
def releases(made: tuple[Path, Path], tmp_path: Path) -> list[Path]:
    """Copies of them."""
    return [Path(shutil.copytree(path, tmp_path / path.name)) for path in made]


def look_up(releases: list[Path], memory: Path | None) -> KnownPackages:
    known = KnownPackages(RULE)
    known.add_releases(releases, memory)
    return known


def describe(known: KnownPackages) -> tuple[object, ...]:
    """All that is known of focus, and the findings."""
    places = known.find_others("focus-1.0-3.el6.noarch", "0" * 64)
    return places, [(finding.subject, finding.severity, finding.message) for finding in known.findings]


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("it is read again")


def test_what_is_remembered_is_not_read_again(
    releases: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "cache" / "known"
    read = describe(look_up(releases, None))
    assert read == (["1.0.0/centos6"], [])
    assert describe(look_up(releases, memory)) == read
    monkeypatch.setattr(known_packages, "read_repodata", refuse)
    monkeypatch.setattr(known_packages, "manifest_from_json", refuse)
    assert describe(look_up(releases, memory)) == read
    # The first release alone; a name gives no finding with the bytes that it has.
    known = look_up(releases[:1], memory)
    assert describe(known) == read
    (digest,) = known._digests["focus-1.0-3.el6.noarch"]
    assert known.find_others("focus-1.0-3.el6.noarch", digest) == []


def test_only_what_comes_after_a_release_that_changed_is_read_again(
    releases: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "known"
    look_up(releases[:1], memory)
    read: list[Path] = []

    def read_manifest(text: str) -> object:
        read.append(Path(text))
        return original(text)

    original = manifest_from_json
    monkeypatch.setattr(known_packages, "manifest_from_json", read_manifest)
    look_up(releases, memory)
    assert len(read) == 1
    manifest = releases[0] / "release.json"
    manifest.write_text(manifest.read_text().replace('"focus"', '"other"'))
    known = look_up(releases, memory)
    assert len(read) == 3
    assert known.find_others("other-1.0-3.el6.noarch", "0" * 64) == ["1.0.0/centos6"]
    assert look_up(releases, memory).find_others("other-1.0-3.el6.noarch", "0" * 64) == ["1.0.0/centos6"]
    assert len(read) == 3


@pytest.mark.parametrize(
    "name", ["centos6/repodata/repomd.xml", "release.json", "centos6/repodata/*primary*"]
)
def test_damage_is_found_with_a_memory_as_without_one(
    releases: list[Path], tmp_path: Path, name: str
) -> None:
    memory = tmp_path / "known"
    look_up(releases, memory)
    (file,) = releases[1].glob(name)
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data[:-40])
    found = describe(look_up(releases, None))
    assert found[1]
    for _ in range(2):
        assert describe(look_up(releases, memory)) == found
    file.write_bytes(data)
    assert describe(look_up(releases, memory))[1] == []


def test_a_repository_that_no_manifest_declares_counts_too(releases: list[Path], tmp_path: Path) -> None:
    memory = tmp_path / "known"
    look_up(releases, memory)
    hidden = releases[0] / "provenance" / "hidden"
    shutil.copytree(releases[0] / "centos6", hidden)
    shutil.rmtree(releases[0] / "centos6")
    known = look_up(releases, memory)
    assert known.find_others("focus-1.0-3.el6.noarch", "0" * 64) == ["1.0.0/provenance/hidden"]
    assert [finding.subject for finding in known.findings] == ["1.0.0"]


def test_a_memory_that_is_damaged_or_cannot_be_written_is_as_none(
    releases: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "known"
    memory.write_text("{")
    read = describe(look_up(releases, memory))
    memory.write_bytes(memory.read_bytes().replace(b"focus", b"focal"))
    assert describe(look_up(releases, memory)) == read == describe(look_up(releases, None))

    def fail(*_: object, **__: object) -> None:
        raise InputError("the disk is full")

    memory.unlink()
    monkeypatch.setattr(known_packages, "write_atomically", fail)
    assert describe(look_up(releases, memory)) == read
    assert not memory.exists()
