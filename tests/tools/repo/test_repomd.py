"""repomd.xml as createrepo and others write it, and what cannot be one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.checksum import Checksum
from altai_build.tools.repo.repomd import MetadataFile, Repomd, read_repomd

TEXT = """<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision> 17 </revision>
<data type="primary"><checksum type="sha">{digest}</checksum><open-checksum type="sha256">x</open-checksum>
<location xml:base="http://mirror.example/" href="repodata/p.xml.gz"/><size>12</size><open-size>34</open-size></data>
<data type="group"/></repomd>
"""


def read(folder: Path, text: str | bytes) -> Repomd:
    (folder / "repodata").mkdir(exist_ok=True)
    data = text.encode() if isinstance(text, str) else text
    (folder / "repodata/repomd.xml").write_bytes(data)
    return read_repomd(folder)


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (
            ["primary_zck", "primary_db"],
            "repodata/repomd.xml lists them only as primary_db and primary_zck; this program reads neither zchunk nor "
            "SQLite, but XML (primary) with gzip, bzip2, xz or zstd",
        ),
        (["group"], "repodata/repomd.xml lists no primary metadata; it lists group"),
        ([], "repodata/repomd.xml lists no primary metadata; it lists nothing"),
    ],
)
def test_why_there_is_no_list_of_packages_is_said(tmp_path: Path, kinds: list[str], message: str) -> None:
    rows = "".join(f'<data type="{kind}"/>' for kind in kinds)
    assert read(tmp_path, f"<repomd>{rows}</repomd>").describe_missing_primary() == message


def test_files_are_read_with_all_that_is_said_of_them(tmp_path: Path) -> None:
    repomd = read(tmp_path, TEXT.format(digest="a" * 40))
    assert repomd.revision == "17"
    assert repomd.find("primary") == MetadataFile(
        kind="primary",
        location="repodata/p.xml.gz",
        checksum=Checksum("sha1", "a" * 40),
        size=12,
        open_size=34,
        base="http://mirror.example/",
    )
    assert repomd.find("group") == MetadataFile(kind="group", location="", checksum=None, size=None)
    assert repomd.find("filelists") is None


def test_a_size_of_nothing_is_unknown(tmp_path: Path) -> None:
    primary = read(tmp_path, TEXT.format(digest="a" * 40).replace("34", "0").replace("12", "")).find(
        "primary"
    )
    assert primary is not None and (primary.size, primary.open_size) == (None, None)


def test_the_strongest_of_several_checksums_counts(tmp_path: Path) -> None:
    rows = [("md5", "1" * 32), ("sha256", "2" * 64), ("sha", "3" * 40)]
    listed = "".join(f'<checksum type="{name}">{value}</checksum>' for name, value in rows)
    primary = read(tmp_path, f'<repomd><data type="primary">{listed}</data></repomd>').find("primary")
    assert primary is not None and primary.checksum == Checksum("sha256", "2" * 64)
    primary = read(
        tmp_path,
        '<repomd><data type="primary"><checksum type="md5">' + "1" * 32 + "</checksum></data></repomd>",
    ).find("primary")
    assert primary is not None and primary.checksum == Checksum("md5", "1" * 32)


def test_two_files_of_a_kind_that_is_read_are_an_error(tmp_path: Path) -> None:
    rows = "".join(f'<data type="{kind}"/>' for kind in ("primary", "group", "primary", "notes", "notes"))
    with pytest.raises(InputError) as caught:
        read(tmp_path, f"<repomd>{rows}</repomd>")
    assert caught.value.why.endswith("it lists more than one file of the kind primary")


@pytest.mark.parametrize(
    "text",
    [
        TEXT.format(digest="a" * 39),
        TEXT.format(digest="a" * 40).replace("12", "many"),
        TEXT.format(digest="a" * 40).replace("12", "-12"),
        TEXT.format(digest="a" * 40).replace("12", "9" * 5000),
        TEXT.format(digest="a" * 40).replace("UTF-8", "klingon"),
        TEXT.format(digest="a" * 40).replace("repomd", "metalink"),
        b"\x00" * 100,
        b"<a>" * 10_000,
        b"",
    ],
)
def test_what_is_no_repomd_is_an_error(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(InputError, match="is not a yum repository") as caught:
        read(tmp_path, text)
    assert "repodata/repomd.xml cannot be read: " in caught.value.why


def test_a_missing_repomd_is_told_without_the_number_of_the_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_repomd(tmp_path)
    assert caught.value.why == "repodata/repomd.xml cannot be read: No such file or directory"


def test_only_a_regular_file_of_a_sensible_size_is_read(tmp_path: Path) -> None:
    (tmp_path / "repodata").mkdir()
    place = tmp_path / "repodata/repomd.xml"
    os.mkfifo(place)
    with pytest.raises(InputError, match="is not a yum repository"):
        read_repomd(tmp_path)
    place.unlink()
    with open(place, "wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(InputError) as caught:
        read_repomd(tmp_path)
    assert "larger than" in caught.value.why
