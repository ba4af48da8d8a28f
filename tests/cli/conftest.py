"""What the tests of commands that read releases share."""

from __future__ import annotations

import pytest

from tests.kit.releases import Materials, make_materials


@pytest.fixture(scope="module")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Materials:
    """Packages and keys for releases."""
    return make_materials(tmp_path_factory.mktemp("materials"))
