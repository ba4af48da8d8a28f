"""Which rebuild of a commit a source package is, by nothing but its name."""

from __future__ import annotations

import pytest

from altai_build.pipeline.published.reproduce import parse_rebuild_number

FIRST = "nova-2012.1-1.12.gabcdef1.el6.src.rpm"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("nova-2012.1-1.12.gabcdef1.1.el6.src.rpm", 1),
        ("nova-2012.1-1.12.gabcdef1.17.el6.src.rpm", 17),
        ("nova-2012.1-1.13.gabcdef2.el6.src.rpm", None),
        ("nova-2012.1-1.12.gabcdef1.x.el6.src.rpm", None),
        ("nova-2012.1-1.12.gabcdef1.100.el6.src.rpm", None),
        ("glance-2012.1-1.12.gabcdef1.1.el6.src.rpm", None),
        (FIRST, None),
    ],
)
def test_the_number_is_read_from_the_release(name: str, number: int | None) -> None:
    assert parse_rebuild_number(FIRST, name) == number
