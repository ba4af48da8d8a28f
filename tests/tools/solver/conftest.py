"""The repositories that closures are computed from, built once."""

from __future__ import annotations

import pytest

from tests.kit.closures import Mirrors, make_mirrors


@pytest.fixture(scope="session")
def mirrors(tmp_path_factory: pytest.TempPathFactory) -> Mirrors:
    return make_mirrors(tmp_path_factory.mktemp("mirrors"))
