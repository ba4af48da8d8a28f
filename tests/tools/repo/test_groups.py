"""The comps file of a repository as createrepo_c writes it, with every compression it knows."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.repo.groups import read_group

COMPS = """<?xml version="1.0"?>
<comps>
  <group><id>core</id><name>Core</name><name xml:lang="de">Kern</name><packagelist>
    <packagereq type="mandatory">bash</packagereq><packagereq>rpm</packagereq>
    <packagereq type="default">dnf</packagereq><packagereq type="optional">vim</packagereq></packagelist></group>
  <group><id>build</id><name>Buildsystem building group</name><packagelist>
    <packagereq type="mandatory">gcc</packagereq><packagereq type="mandatory">make</packagereq></packagelist></group>
</comps>
"""


@pytest.fixture
def comps(tmp_path: Path) -> Path:
    path = tmp_path / "comps.xml.gz"
    path.write_bytes(gzip.compress(COMPS.encode()))
    return path


@pytest.mark.parametrize("name", ["build", "Buildsystem building group"])
def test_a_group_is_found_by_id_and_by_name(comps: Path, name: str) -> None:
    assert read_group(comps, name) == ("gcc", "make")


def test_optional_packages_are_left_out(comps: Path) -> None:
    assert read_group(comps, "core") == ("bash", "rpm", "dnf")


@pytest.mark.parametrize("name", ["Kern", "Build", ""])
def test_there_is_nothing_under_other_names(comps: Path, name: str) -> None:
    assert read_group(comps, name) == ()


@pytest.mark.parametrize("content", [b"", b"<comps><group>", b"no XML"])
def test_a_file_that_is_no_comps_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "comps.xml"
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot read the package groups in comps"):
        read_group(path, "build")
