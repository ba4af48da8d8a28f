"""Files read out of a package without unpacking it."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.rpm.payload import read_payload
from tests.kit.rpms import build_rpm


def test_contents_by_path(tmp_path: Path) -> None:
    built = build_rpm(tmp_path, files={"/usr/share/a": "text of a\n", "/usr/share/ä": ""})
    before = built.binary.stat()
    assert read_payload(built.binary, limit=1 << 20, scratch=tmp_path / "tmp") == {
        "/usr/share/a": b"text of a\n",
        "/usr/share/ä": b"",
    }
    assert list((tmp_path / "tmp").iterdir()) == []
    # The package may be released: the sandbox neither owns nor links it.
    after = built.binary.stat()
    assert (after.st_uid, after.st_mode, after.st_ctime_ns) == (
        before.st_uid,
        before.st_mode,
        before.st_ctime_ns,
    )


def test_what_is_larger_than_the_limit_is_an_error(tmp_path: Path) -> None:
    built = build_rpm(tmp_path, files={"/usr/share/a": "x" * 3_000_000})
    with pytest.raises(InputError, match="cannot be read"):
        read_payload(built.binary, limit=1 << 20, scratch=tmp_path / "tmp")


def test_a_damaged_package_is_an_error(tmp_path: Path) -> None:
    built = build_rpm(tmp_path, files={"/usr/share/a": "x" * 1000})
    damaged = tmp_path / "damaged.rpm"
    damaged.write_bytes(built.binary.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"damaged\.rpm"):
        read_payload(damaged, limit=1 << 20, scratch=tmp_path / "tmp")
