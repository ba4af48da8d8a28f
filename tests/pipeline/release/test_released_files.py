"""A released package that was damaged in place gets its bytes back, or the release says what would help."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from altai_build.errors import VerificationError
from altai_build.model.checksum import Sha256
from altai_build.pipeline.published.releases import PublishedReleases
from altai_build.pipeline.release.released_files import find_sound_files
from altai_build.tools.files import sha256_file
from altai_build.tools.rpm.signatures import read_signed_part
from tests.kit.rpms import build_rpm


class Site:
    """An unsigned package, the same package released with another beginning, and a run that uses it again."""

    def __init__(self, folder: Path) -> None:
        self.unsigned = build_rpm(folder / "built", "focus").binary
        self.released = folder / "releases" / self.unsigned.name
        self.released.parent.mkdir()
        shutil.copyfile(self.unsigned, self.released)
        # The lead has the name of the package, which nothing reads; here it stands for a signature.
        self.write(self.released, 12, b"signed")
        self.sha256: Sha256 = sha256_file(self.released)
        self.warnings: list[str] = []
        self.run: Any = SimpleNamespace(
            workspace=SimpleNamespace(packages=folder / "packages"),
            reporter=SimpleNamespace(warn=self.warnings.append),
        )

    @staticmethod
    def write(path: Path, offset: int, data: bytes) -> None:
        with path.open("r+b") as stream:
            stream.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
            stream.write(data)

    def find(self) -> Path:
        digests = {self.released: self.sha256}
        published = PublishedReleases(files={}, files_by_build={}, files_by_digest={}, digests=digests)
        return find_sound_files(self.run, {self.released: self.unsigned}, published)[self.released]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_sound_file_is_used_itself(site: Site) -> None:
    assert (site.find(), site.warnings) == (site.released, [])


@pytest.mark.parametrize("damage", ["appended", "flipped", "cut"])
def test_a_damaged_file_gets_its_bytes_back_from_the_unsigned_package(site: Site, damage: str) -> None:
    size = site.released.stat().st_size
    if damage == "cut":
        os.truncate(site.released, size - 9)
    else:
        site.write(site.released, size if damage == "appended" else -9, b"x")
    damaged = site.released.read_bytes()
    found = site.find()
    assert (found.name, sha256_file(found)) == (site.released.name, site.sha256)
    assert site.released.read_bytes() == damaged, "a published file is never written"
    assert len(site.warnings) == 1
    assert f"cp --remove-destination {found} {site.released}, and" in site.warnings[0]
    # The next release finds the restored file, also where the beginning is damaged by then.
    site.write(site.released, 0, b"junk")
    assert site.find() == found


@pytest.mark.parametrize("damage", ["beginning", "removed", "other build"])
def test_what_cannot_be_restored_stops_the_release_with_what_would_help(site: Site, damage: str) -> None:
    if damage == "removed":
        site.released.unlink()
    elif damage == "beginning":
        site.write(site.released, len(read_signed_part(site.unsigned)) - 9, b"damaged")
    else:
        site.write(site.released, -9, b"x")
        site.write(site.unsigned, -20, b"y")
    with pytest.raises(VerificationError, match="1 released package cannot be used again") as caught:
        site.find()
    assert caught.value.why == f"  {site.released}: its SHA-256 was {site.sha256}"
    assert "commit something to the component and pin that" in caught.value.todo
