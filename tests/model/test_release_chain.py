"""The chain of releases as records: what the next one names, and which breaks are found."""

from __future__ import annotations

from altai_build.model.release import FollowedRelease
from altai_build.model.release_chain import (
    ChainBreak,
    PastRelease,
    find_chain_breaks,
    list_unchained,
    list_unfollowed,
)


def past(version: str, *followed: str, sha256: str = "") -> PastRelease:
    """A release whose digest is its version, unless it is given."""
    names = tuple(FollowedRelease(version=name, sha256=name) for name in followed)
    return PastRelease(version=version, sha256=sha256 or version, follows=names)


def old(version: str) -> PastRelease:
    return PastRelease(version=version, sha256=version, follows=None)


def versions(found: tuple[FollowedRelease, ...]) -> list[str]:
    return [followed.version for followed in found]


def test_the_next_release_names_the_last_one_and_all_that_were_never_named() -> None:
    assert list_unfollowed(()) == ()
    assert versions(list_unfollowed([past("1"), past("2", "1")])) == ["2"]
    assert versions(list_unfollowed([old("1"), old("2")])) == ["1", "2"]
    assert versions(list_unfollowed([old("1"), old("2"), past("3", "1", "2")])) == ["3"]
    # 1.1 was published after 2, and says so.
    assert versions(list_unfollowed([past("1"), past("1.1", "1", "2"), past("2", "1")])) == ["1.1"]


def test_an_unbroken_history_of_two_series_has_no_breaks() -> None:
    assert find_chain_breaks(()) == ()
    series = [
        old("0.9"),
        past("1", "0.9"),
        past("1.1", "1", "2"),
        past("2", "1"),
        past("2.1", "2", "1.1"),
    ]
    assert find_chain_breaks(series) == () and list_unchained(series) == ()


def test_each_break_names_the_release_that_is_not_as_the_others_say() -> None:
    first, second, third = past("1"), past("2", "1"), past("3", "2")
    assert find_chain_breaks([first, third]) == (ChainBreak("2", "the release is missing: 3 follows it"),)
    (changed,) = find_chain_breaks([first, past("2", "1", sha256="other"), third])
    assert changed.version == "2" and "is other, and 3 names 2" in changed.message
    (without,) = find_chain_breaks([first, PastRelease("2", "", second.follows), third])
    assert "is unknown, and 3 names 2" in without.message
    (added,) = find_chain_breaks([first, second, third, old("4")])
    assert added.version == "4" and "does not say which release it follows" in added.message
    unreadable = PastRelease("4", "4", None, is_readable=False)
    assert find_chain_breaks([first, second, third, unreadable]) == ()
    fork = (ChainBreak("2b", "the history forks: neither 2b nor 2 follows the other"),)
    assert find_chain_breaks([first, second, past("2b", "1")]) == fork
    # The fork is still found when a later release has named both.
    assert find_chain_breaks([first, second, past("2b", "1"), past("3", "2", "2b")]) == fork


def test_claims_that_go_in_both_directions_end_and_are_found() -> None:
    itself = "the release claims to follow itself"
    breaks = find_chain_breaks([past("1", "2"), past("2", "1")])
    assert breaks[:2] == (ChainBreak("1", itself), ChainBreak("2", itself))
    assert list_unfollowed([past("1", "2"), past("2", "1")]) == ()
    assert find_chain_breaks([past("1", "1", sha256="other")]) != ()
