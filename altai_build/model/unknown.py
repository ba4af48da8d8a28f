"""A part of a report that is not known, which is neither empty nor absent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unknown:
    """Stands where something is not known; `reason` says why, in a sentence without its end."""

    reason: str
