"""Every Fedora has a key of its own."""

from __future__ import annotations

import re

from altai_build.model.fedora_keys import FEDORA_KEYS


def test_each_release_has_one_fingerprint_of_its_own() -> None:
    assert sorted(FEDORA_KEYS) == list(range(10, 48))
    assert len(set(FEDORA_KEYS.values())) == len(FEDORA_KEYS)
    assert all(re.fullmatch("[0-9A-F]{40}", fingerprint) for fingerprint in FEDORA_KEYS.values())
