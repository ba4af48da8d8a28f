"""The trust in a manifest, and what its reader is told."""

from __future__ import annotations

from altai_build.model.trust import ManifestTrust, TrustLevel


def test_only_a_pinned_key_needs_no_words() -> None:
    assert ManifestTrust(TrustLevel.PINNED).warning == ""
    own = ManifestTrust(TrustLevel.OWN_KEYS, "nothing is pinned").warning
    assert own == "it agrees only with the keys it brought; nothing is pinned"
    assert ManifestTrust(TrustLevel.UNVERIFIED, "unsigned").warning == (
        "release.json is unverified; unsigned. Do not rely on it: compare it with another copy of the release, or run "
        "`altai-build verify`, which checks every file"
    )
