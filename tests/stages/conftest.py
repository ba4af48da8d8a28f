"""The repositories that locks are made from, built once."""

from __future__ import annotations

import pytest

from tests.kit.locks import LockSite, make_lock_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> LockSite:
    return make_lock_site(tmp_path_factory.mktemp("site"))
