"""The key of rpm covers its macros; sources are compressed once."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.tools import process
from altai_build.tools.rpm import rpmbuild
from tests.kit.superprojects import unpack


def test_other_macros_change_the_key_of_rpm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rpmbuild.RPM_CONFIG_DIR.is_dir()
    monkeypatch.setattr(rpmbuild, "RPM_CONFIG_DIR", tmp_path)
    (tmp_path / "macros.d").mkdir()
    keys = [rpmbuild.rpm_version_key()]
    (tmp_path / "macros.d/macros.python").write_text("%python3 python3")
    keys += [rpmbuild.rpm_version_key(), rpmbuild.rpm_version_key()]
    (tmp_path / "macros.d/macros.python").write_text("%python3 python4")
    keys.append(rpmbuild.rpm_version_key())
    assert (keys[1] == keys[2], len(set(keys))) == (True, 3)
    assert all(key.startswith("RPM version ") for key in keys)


@pytest.mark.parametrize(
    ("source", "flags"),
    [("small-1.tar", "0"), ("large-1.tar", "1"), ("large-1.tar.gz", "0"), ("large-1.zip", "0")],
)
def test_compressed_sources_are_not_compressed_again(tmp_path: Path, source: str, flags: str) -> None:
    (tmp_path / "SOURCES").mkdir()
    (tmp_path / "SPECS").mkdir()
    size = 1_000_000 if source.startswith("large") else 1000
    (tmp_path / "SOURCES" / source).write_bytes(bytes(size))
    (tmp_path / "SPECS/a.spec").write_text(
        f"Name: a\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nSource0: {source}\n%description\nx\n"
    )
    made = rpmbuild.build_srpm(tmp_path, "a.spec", {}, "x86_64", epoch=1_300_000_000)
    assert made.returncode == 0, made.error_text
    (srpm,) = (tmp_path / "SRPMS").iterdir()
    asked = ["rpm", "-qp", "--nosignature", "--qf", "%{PAYLOADCOMPRESSOR} %{PAYLOADFLAGS}", str(srpm)]
    assert process.run(asked).text == f"gzip {flags}"
    assert unpack(srpm)[source] == bytes(size)
