"""Which rpm makes source packages is told with what it reads its macros from."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.tools import rpmbuild


def test_other_macros_are_another_rpm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rpmbuild.CONFIGURATION.is_dir()
    monkeypatch.setattr(rpmbuild, "CONFIGURATION", tmp_path)
    (tmp_path / "macros.d").mkdir()
    told = [rpmbuild.version()]
    (tmp_path / "macros.d/macros.python").write_text("%python3 python3")
    told += [rpmbuild.version(), rpmbuild.version()]
    (tmp_path / "macros.d/macros.python").write_text("%python3 python4")
    told.append(rpmbuild.version())
    assert (told[1] == told[2], len(set(told))) == (True, 3)
    assert all(one.startswith("RPM version ") for one in told)
