"""How far a release may be believed: whose signature its manifest has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class TrustLevel(str, Enum):
    """Who vouches for release.json."""

    PINNED = "pinned"  # a key that the user has from elsewhere: repos.yaml, or --key
    OWN_KEYS = "own keys"  # only a key that came with the release: whoever wrote the one wrote the other
    UNVERIFIED = "unverified"  # no good signature


@dataclass(frozen=True)
class ManifestTrust:
    """The trust in one release.json; `detail` is why it is not pinned."""

    level: TrustLevel
    detail: str = ""

    @property
    def warning(self) -> str:
        """What the reader of the manifest must know; nothing of one that a pinned key signed."""
        if self.level is TrustLevel.PINNED:
            return ""
        if self.level is TrustLevel.OWN_KEYS:
            return f"it agrees only with the keys it brought; {self.detail}"
        return (
            f"release.json is unverified; {self.detail}. Do not rely on it: compare it with another copy of the "
            "release, or run `altai-build verify`, which checks every file"
        )
