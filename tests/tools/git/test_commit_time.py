"""Times of commits: those that packages can have, and an error for every other one."""

from __future__ import annotations

import pytest

from altai_build.errors import InputError
from altai_build.tools.git.commit_time import convert_time, parse_commit_time


def _commit(*committers: str) -> bytes:
    lines = [
        "tree 0",
        *(f"committer {text}" for text in committers),
        "",
        "committer in the message > 1 +0000",
    ]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("committer", "time"),
    [("A <a> 0 +0000", 0), ("A <a>  1354320000", 1354320000), ("> 4294967295 x", 2**32 - 1)],
)
def test_the_time_is_the_committers(committer: str, time: int) -> None:
    assert parse_commit_time(_commit(committer), "x") == time


@pytest.mark.parametrize(
    "committers",
    [
        (),
        ("A <a> 1 +0000", "B <b> 1 +0000"),
        ("A <a> yesterday +0000",),
        ("A <a> 4294967296 +0000",),
        ("A 1",),
    ],
)
def test_a_commit_without_a_time_for_packages_is_refused(committers: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="x has no time that a package could have"):
        parse_commit_time(_commit(*committers), "x")


def test_times_that_git_prints_may_be_anything() -> None:
    texts = ("0", "4294967295", "4294967296", "", "-1", "9" * 5000)
    assert [convert_time(text) for text in texts] == [0, 2**32 - 1, None, None, None, None]
