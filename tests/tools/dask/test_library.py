"""Dask's library is where its own package is."""

from __future__ import annotations

from altai_build.tools.dask.library import require_dask


def test_the_folder_has_the_library() -> None:
    assert (require_dask() / "distributed" / "__init__.py").is_file()
