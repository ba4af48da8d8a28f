"""A mirror survives the way through a bundle, and a bundle with other content makes no mirror."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.git.bundle import describe_references, read_bundle, write_bundle
from altai_build.tools.git.mirror import fetch_mirror, mirror_path
from tests.kit.git import Repo


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_a_mirror_from_a_bundle_needs_no_remote(tmp_path: Path, object_format: str) -> None:
    repo = Repo(tmp_path / "remote", object_format=object_format)
    repo.commit({"file": "one"})
    commit = repo.commit({"file": "two"})
    url = str(repo.path)
    mirror = fetch_mirror(url, mirrors=tmp_path / "mirrors", commit=commit)
    assert write_bundle(mirror, tmp_path / "x.bundle")
    place = mirror_path(url, tmp_path / "others")
    place.parent.mkdir()
    read_bundle(tmp_path / "x.bundle", place)
    assert describe_references(place) == describe_references(mirror)
    (repo.path / ".git").rename(tmp_path / "away")
    assert fetch_mirror(url, mirrors=tmp_path / "others", commit=commit) == place


def test_a_damaged_bundle_is_refused(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "remote")
    repo.commit({"file": "x" * 10_000})
    bundle, place = tmp_path / "x.bundle", tmp_path / "mirrors" / "x.git"
    place.parent.mkdir()
    assert write_bundle(repo.path / ".git", bundle)
    content = bundle.read_bytes()
    for damaged in (b"", b"PACK", content[:-30], content[:-5] + b"xxxxx"):
        bundle.write_bytes(damaged)
        with pytest.raises(InputError):
            read_bundle(bundle, place)
        assert [path.name for path in place.parent.iterdir()] in ([], ["x.lock"])


def test_a_mirror_without_commits_has_no_bundle(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "remote")
    assert not write_bundle(repo.path / ".git", tmp_path / "x.bundle")
