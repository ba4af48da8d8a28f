"""Two keys for all tests of this folder: making one takes seconds."""

from __future__ import annotations

import pytest

from tests.kit.keys import ThrowawayKey, make_key


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    """A key without a passphrase."""
    return make_key(tmp_path_factory.mktemp("plain"), "plain")


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    """A key whose passphrase has characters that a protocol may have to escape."""
    return make_key(tmp_path_factory.mktemp("locked"), "locked", passphrase="a  pass % phrase ü")
