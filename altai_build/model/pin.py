"""How a component's pin changed between two superproject commits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from altai_build.model.gitlink import CommitId


class PinDirection(str, Enum):
    """How the later of two pins relates to the earlier one; yum follows only the first."""

    # The later pin contains the earlier one.
    FORWARD = "forward"
    # The earlier pin contains the later one.
    REWOUND = "rewound"
    # Neither pin contains the other.
    DIVERGED = "diverged"
    # The earlier commit is no longer available.
    UNKNOWN = "unknown"


def get_pin_direction(*, gained: int, dropped: int) -> PinDirection:
    """The direction of a pin that gained and dropped so many commits."""
    if not dropped:
        return PinDirection.FORWARD
    return PinDirection.DIVERGED if gained else PinDirection.REWOUND


@dataclass(frozen=True)
class PinChange:
    """A changed pin; `is_lower`: it does not have more commits, so its packages need not sort higher than before."""

    old: CommitId
    new: CommitId
    direction: PinDirection
    is_lower: bool

    def describe(self, since: str) -> str:
        """The change as a reason, with a warning when yum may not update; `since` names the earlier state."""
        old, new = self.old[:7], self.new[:7]
        if self.direction is PinDirection.REWOUND:
            return (
                f"its pin was rewound from {old} to {new} since {since}: "
                "its packages sort lower, and yum does not update to them"
            )
        if self.direction is PinDirection.DIVERGED:
            warning = ", and yum may not update to its packages" if self.is_lower else ""
            return f"its pin diverged since {since}: neither {old} nor {new} contains the other{warning}"
        if self.direction is PinDirection.UNKNOWN:
            return (
                f"its pin moved from {old} to {new} since {since}; "
                f"{old} is no longer available, so the direction is unknown"
            )
        return f"its pin moved from {old} to {new} since {since}"
