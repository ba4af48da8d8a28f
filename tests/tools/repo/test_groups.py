"""The comps file of a repository as createrepo_c writes it, with every compression it knows."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.repo.groups import GroupMember, read_group
from altai_build.tools.repo.repomd import MetadataFile
from altai_build.tools.repo.stored_files import StoredFile

COMPS = """<?xml version="1.0"?>
<comps>
  <group><id>core</id><name>Core</name><name xml:lang="de">Kern</name><packagelist>
    <packagereq type="mandatory">bash</packagereq><packagereq>rpm</packagereq>
    <packagereq type="default">dnf</packagereq><packagereq type="optional">vim</packagereq>
    <packagereq type="conditional" requires="kde">kde-vim</packagereq></packagelist></group>
  <group><id>build</id><name>Buildsystem building group</name><packagelist>
    <packagereq type="mandatory">gcc</packagereq><packagereq type="mandatory"> make
    </packagereq></packagelist></group>
  <group><id>empty</id><name>Empty</name><packagelist/></group>
  <group><id>odd</id><packagelist><packagereq type="sometimes">cron</packagereq></packagelist></group>
  <environment><id>both</id><name>All of it</name><grouplist><groupid>build</groupid><groupid>none</groupid>
  </grouplist><optionlist><groupid>core</groupid></optionlist></environment>
</comps>
"""


def store(path: Path, data: bytes) -> StoredFile:
    path.write_bytes(data)
    return StoredFile(path, MetadataFile(kind="group", location=path.name, checksum=None, size=len(data)))


@pytest.fixture
def comps(tmp_path: Path) -> StoredFile:
    return store(tmp_path / "comps.xml.gz", gzip.compress(COMPS.encode()))


@pytest.mark.parametrize(
    "name", ["build", "Buildsystem building group", "BUILD", "bui*", "both", "All of it"]
)
def test_a_group_is_found_by_id_and_by_name_and_in_an_environment(comps: StoredFile, name: str) -> None:
    assert read_group(comps, name) == (GroupMember("gcc"), GroupMember("make"))


def test_packages_that_are_optional_or_conditional_are_told(comps: StoredFile) -> None:
    assert read_group(comps, "core") == (
        GroupMember("bash"),
        GroupMember("rpm"),
        GroupMember("dnf"),
        GroupMember("vim", is_optional=True),
        GroupMember("kde-vim", condition="kde"),
    )


def test_an_empty_group_is_not_a_missing_one(comps: StoredFile) -> None:
    assert read_group(comps, "empty") == ()
    for name in ("Kern", "Buil", ""):
        assert read_group(comps, name) is None


def test_a_type_that_is_unknown_is_an_error_where_the_group_is_used(comps: StoredFile) -> None:
    with pytest.raises(InputError) as caught:
        read_group(comps, "odd")
    assert "the package cron of a group has the type 'sometimes'" in caught.value.why


@pytest.mark.parametrize(
    "content",
    [b"", b"<comps><group>", b"no XML", b"<other/>", b'<?xml version="1.0" encoding="klingon"?><comps/>'],
)
def test_a_file_that_is_no_comps_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="cannot read the group metadata"):
        read_group(store(tmp_path / "comps.xml", content), "build")
