"""What distributions require: certain, none, or unknown without running them."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.tools.pypi.metadata import Metadata, parse_metadata, read_sdist, read_wheel
from tests.tools.pypi.test_archives import write_tar, write_zip

METADATA = b"""Metadata-Version: 2.1
Name: thing
Version: 1.0
Requires-Python: >=2.6
Requires-Dist: six (>=1.4)
Requires-Dist: mock ; extra == 'test'

A description: with a colon
Requires-Dist: not-this
"""
OLD = b"Metadata-Version: 1.1\nName: thing\nVersion: 1.0\n"


def test_the_metadata_of_a_wheel(tmp_path: Path) -> None:
    expected = Metadata(("six (>=1.4)", "mock ; extra == 'test'"), ">=2.6")
    wheel = write_zip(
        tmp_path / "thing.whl", {"thing-1.0.dist-info/METADATA": METADATA, "thing/METADATA": b""}
    )
    assert read_wheel(wheel) == parse_metadata(METADATA) == expected


def test_a_wheel_without_metadata(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"thing\.whl has 0 files METADATA"):
        read_wheel(write_zip(tmp_path / "thing.whl", {"a": b""}))
    with pytest.raises(ValueError, match="does not have a name"):
        parse_metadata(b"\xff\x00")


def sdist(tmp_path: Path, **files: bytes) -> Metadata:
    names = {"info": "PKG-INFO", "egg": "thing.egg-info/PKG-INFO", "requires": "thing.egg-info/requires.txt"}
    entries = {f"thing-1.0/{names[name]}": data for name, data in files.items()}
    return read_sdist(
        write_tar(tmp_path / "thing-1.0.tar.gz", {"thing-1.0/setup.py": b"1/0", **entries}, "w:gz")
    )


def test_a_new_source_archive_says_itself_what_it_requires(tmp_path: Path) -> None:
    new = METADATA.replace(b"2.1", b"2.2")
    assert sdist(tmp_path, info=new, requires=b"old").requires == ("six (>=1.4)", "mock ; extra == 'test'")
    dynamic = new.replace(b"Name:", b"Dynamic: Requires-Dist\nName:")
    assert sdist(tmp_path, info=dynamic, requires=b"old") == Metadata(("old",), ">=2.6")


def test_an_old_source_archive_has_requires_txt_where_it_requires_anything(tmp_path: Path) -> None:
    text = (
        b"six>=1.4\n# comment\n\n[:python_version<'2.7']\nargparse\n"
        b"[test]\nmock\n[x:sys_platform=='linux2' or os_name=='nt']\na\n"
    )
    assert sdist(tmp_path, info=OLD, egg=OLD, requires=text).requires == (
        "six>=1.4",
        "argparse ; (python_version<'2.7')",
        'mock ; extra == "test"',
        "a ; (sys_platform=='linux2' or os_name=='nt') and extra == \"x\"",
    )
    assert sdist(tmp_path, info=OLD, egg=OLD).requires == ()


def test_what_only_setup_py_knows_is_unknown(tmp_path: Path) -> None:
    assert sdist(tmp_path, info=OLD) == Metadata(None)
    assert sdist(tmp_path) == Metadata(None)
