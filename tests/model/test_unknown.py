"""What is not known has a reason, and is equal only to the same."""

from __future__ import annotations

from altai_build.model.unknown import Unknown


def test_what_is_unknown_is_neither_empty_nor_absent() -> None:
    assert Unknown("the disk is broken") == Unknown("the disk is broken") != Unknown("there is none")
    assert bool(Unknown(""))
