"""The words for what differs between the inputs of two builds."""

from __future__ import annotations

import pytest

from altai_build.model.package_fingerprint import RebuildPolicy
from altai_build.model.rebuild_reason import describe_differences, describe_reuse
from tests.model.test_build_inputs import BEFORE, local, with_lib


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (BEFORE, ""),
        (with_lib(local("2")), ""),
        ((("tool", "2"), *BEFORE[1:]), "tool changed"),
        (with_lib(local("2", whole="x")), "packages in its buildroot changed: lib.noarch"),
        (BEFORE[:1], "source package changed; packages in its buildroot changed: lib.noarch"),
        (
            (*BEFORE, *((f"buildroot p{number}", "x") for number in range(5))),
            "packages in its buildroot changed: p0, p1, p2 and 2 more",
        ),
    ],
)
def test_differences_in_words(now: tuple[tuple[str, str], ...], words: str) -> None:
    assert describe_differences(BEFORE, now) == words


def test_a_reuse_names_the_rebuilt_packages_that_do_not_count() -> None:
    unchanged = "source package, target, builder and buildroot are unchanged"
    assert describe_reuse(BEFORE, BEFORE, RebuildPolicy.REBUILD) == unchanged
    now = with_lib(local("2"))
    assert [describe_reuse(BEFORE, now, policy) for policy in RebuildPolicy] == [
        f"{unchanged}; lib.noarch was rebuilt with the same version, dependencies, scripts and files",
        f"{unchanged}; lib.noarch was rebuilt with the same provides and requires (dependants: headers)",
        f"{unchanged}; lib.noarch was rebuilt, which is ignored (dependants: never)",
    ]
