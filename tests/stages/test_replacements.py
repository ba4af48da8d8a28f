"""Packages that obsolete each other, or that other repositories would replace, are found in a release alone."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.repositories import Package
from tests.kit.upgrades import ReleasePair, make_pair, summarize

P = Package
Make = Callable[..., ReleasePair]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return functools.partial(make_pair, tmp_path)


def test_a_cycle_of_obsoletes_is_found(make: Make) -> None:
    world = make(
        old=[P("a", "1")],
        new=[P("a", "2", obsoletes=["b"]), P("b", "2", obsoletes=["c"]), P("c", "2", obsoletes=["a"])],
    )
    loops = [finding for finding in world.check().errors if finding.rule == "obsoletes-loop"]
    (loop,) = loops
    assert all(f"{name}-2-1.noarch" in loop.message for name in "abc")


def test_bounds_of_obsoletes_count_as_rpm_counts_them(make: Make) -> None:
    """What lies above an upper bound is not obsoleted."""
    new = [P("a", "2"), P("b", "1", obsoletes=["a < 2"]), P("c", obsoletes=["a < 2-1"])]
    assert make(old=[P("a", "1")], new=new).check().findings == ()


def test_an_obsoletes_without_a_release_means_all_releases(make: Make) -> None:
    faulty = make(old=[P("z")], new=[P("z"), P("a", "2", "7"), P("b", "1", obsoletes=["a <= 2"])])
    assert ("error", "obsoleted", "a") in summarize(faulty.check().errors)


def test_what_a_later_update_from_upstream_would_replace_is_reported(make: Make) -> None:
    world = make(
        old=[P("own", "1"), P("erlang", "1"), P("same", "1")],
        new=[P("own", "2"), P("erlang", "2"), P("same", "2")],
        upstream=[P("own", "3"), P("erlang", "3"), P("same", "2"), P("other", "9")],
    )
    found = world.check(ours=["own", "same"])
    assert found.is_ok
    assert summarize(found.findings) == {("warning", "replaced", "own"), ("note", "replaced", "erlang")}
    assert "a later update installs it" in found.findings[0].message
