"""The direction of a changed pin, and what is said about it."""

from __future__ import annotations

import pytest

from altai_build.model.gitlink import CommitId
from altai_build.model.pin import PinChange, PinDirection, get_pin_direction

OLD, NEW = CommitId("a" * 40), CommitId("b" * 40)


@pytest.mark.parametrize(
    ("gained", "dropped", "direction"),
    [
        (3, 0, PinDirection.FORWARD),
        (0, 0, PinDirection.FORWARD),
        (0, 2, PinDirection.REWOUND),
        (1, 1, PinDirection.DIVERGED),
    ],
)
def test_the_direction_follows_from_gained_and_dropped_commits(
    gained: int, dropped: int, direction: PinDirection
) -> None:
    assert get_pin_direction(gained=gained, dropped=dropped) is direction


@pytest.mark.parametrize(
    ("direction", "is_lower", "expected"),
    [
        (PinDirection.FORWARD, False, "its pin moved from aaaaaaa to bbbbbbb since 1.0"),
        (
            PinDirection.REWOUND,
            True,
            "its pin was rewound from aaaaaaa to bbbbbbb since 1.0: "
            "its packages sort lower, and yum does not update to them",
        ),
        (
            PinDirection.DIVERGED,
            True,
            "its pin diverged since 1.0: neither aaaaaaa nor bbbbbbb contains the other, "
            "and yum may not update to its packages",
        ),
        (
            PinDirection.DIVERGED,
            False,
            "its pin diverged since 1.0: neither aaaaaaa nor bbbbbbb contains the other",
        ),
        (
            PinDirection.UNKNOWN,
            True,
            "its pin moved from aaaaaaa to bbbbbbb since 1.0; "
            "aaaaaaa is no longer available, so the direction is unknown",
        ),
    ],
)
def test_a_change_is_described_with_a_warning_where_yum_may_not_follow(
    direction: PinDirection, is_lower: bool, expected: str
) -> None:
    change = PinChange(old=OLD, new=NEW, direction=direction, is_lower=is_lower)
    assert change.describe("1.0") == expected
