"""Materials that the tests of rules share: made once, for signing takes its time."""

from __future__ import annotations

import pytest

from tests.kit.releases import Materials, make_materials


@pytest.fixture(scope="session")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Materials:
    return make_materials(tmp_path_factory.mktemp("materials"))
