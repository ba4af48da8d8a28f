"""The lock of test requirements: what it lacks for a component is said; what nothing needs is dropped."""

from __future__ import annotations

import pytest

from altai_build.model.test_lock import (
    LockedDistribution,
    LockedTests,
    TestLock,
    find_lock_error,
    is_distribution_file,
)

MOCK = LockedDistribution("mock", "3.0.5", "mock-3.0.5-py2.py3-none-any.whl", "a" * 64)
SIX = LockedDistribution("six", "1.17.0", "six-1.17.0-py2.py3-none-any.whl", "b" * 64)
NOVA = LockedTests("nova", "2.7", ("mock>=1",), {MOCK.file: ("mock>=1",), SIX.file: ("mock",)})
GLANCE = LockedTests("glance", "2.7", ("six",), {SIX.file: ("six",)})
LOCK = TestLock((MOCK, SIX), (GLANCE, NOVA))


def test_the_files_and_versions_of_a_component() -> None:
    assert LOCK.list_files(NOVA) == (MOCK, SIX)
    assert LOCK.list_versions("glance") == {"six": "1.17.0"}
    assert LOCK.list_versions("keystone") == {}


def test_another_entry_replaces_that_of_the_component_and_unused_files_are_dropped() -> None:
    newer = LockedDistribution("mock", "3.1", "mock-3.1-py3-none-any.whl", "c" * 64)
    entry = LockedTests("nova", "3.6", ("mock",), {newer.file: ("mock",)})
    assert LOCK.with_component(entry, [newer]) == TestLock((newer, SIX), (GLANCE, entry))
    assert TestLock().with_component(NOVA, [SIX, MOCK]) == TestLock((MOCK, SIX), (NOVA,))


def test_entries_of_other_components_are_dropped_with_their_files() -> None:
    assert LOCK.without_others(["glance", "keystone"]) == TestLock((SIX,), (GLANCE,))


@pytest.mark.parametrize(
    ("lock", "component", "python", "requires", "error"),
    [
        (LOCK, "nova", "2.7", ["mock>=1"], None),
        (None, "nova", "2.7", ["mock>=1"], "there is no test.lock.yaml"),
        (LOCK, "keystone", "2.7", ["mock>=1"], "test.lock.yaml does not have it"),
        (LOCK, "nova", "2.7", ["mock>=2", "mox"], "test.lock.yaml does not have mock>=2, mox"),
        (LOCK, "nova", "3.6", ["mock>=1"], "test.lock.yaml is for Python 2.7, its target has 3.6"),
        (LOCK, "nova", "2.7", [], "test.lock.yaml has mock>=1, which repos.yaml does not name any more"),
    ],
)
def test_what_the_lock_lacks(
    lock: TestLock | None, component: str, python: str, requires: list[str], error: str | None
) -> None:
    assert find_lock_error(lock, component, python, requires) == error


def test_names_of_files_are_no_paths() -> None:
    names = (
        "a-1.0.tar.gz",
        "A_b-1!2+c-py3-none-any.whl",
        "a-1.zip",
        "../a-1.zip",
        "a/b.zip",
        ".a.zip",
        "a-1.exe",
        "-a.zip",
    )
    assert [is_distribution_file(name) for name in names] == [True, True, True] + [False] * 5
