"""What a release would build besides what changed, and the version after the latest."""

from __future__ import annotations

import pytest

from altai_build.model.release import BuildRecord
from altai_build.model.status import find_dependents, suggest_next_version


def build(component: str, *needs: str) -> BuildRecord:
    return BuildRecord(
        component=component, status="built", reason="", seconds=1.0, buildroot="", log="", needs=needs
    )


def test_dependents_are_found_through_others() -> None:
    builds = [build("a"), build("b", "a"), build("c", "b"), build("d", "x"), build("e", "c", "d")]
    assert find_dependents(["a"], builds) == ("b", "c", "e")
    assert find_dependents(["x", "c"], builds) == ("d", "e")
    assert find_dependents([], builds) == ()


@pytest.mark.parametrize(
    ("version", "following"),
    [(None, "1.0.0"), ("1.0.9", "1.0.10"), ("7", "8"), ("1.0-rc", "VERSION"), ("1.٣", "VERSION")],
)
def test_the_version_after_the_latest(version: str | None, following: str) -> None:
    assert suggest_next_version(version) == following
