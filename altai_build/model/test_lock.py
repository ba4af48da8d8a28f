"""test.lock.yaml: the exact files of Python projects that unit tests need, by component."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

# Raised when a file of this version cannot be read as one of the next.
FORMAT = 1
TEST_LOCK_NAME = "test.lock.yaml"


@dataclass(frozen=True)
class LockedDistribution:
    """One file of a project in the package index."""

    project: str
    version: str
    file: str
    sha256: str


@dataclass(frozen=True)
class LockedTests:
    """What the tests of a component need, in all, for a version of Python; `requires` is what repos.yaml says.

    `files` are names of files, with the projects or requirements that need each.
    """

    component: str
    python: str  # 2.7
    requires: tuple[str, ...]
    files: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class TestLock:
    """The whole lock: every file once, and the components that need them."""

    __test__ = False  # for pytest

    distributions: tuple[LockedDistribution, ...] = ()
    components: tuple[LockedTests, ...] = ()

    def find(self, component: str) -> LockedTests | None:
        """What is locked for a component."""
        return next((one for one in self.components if one.component == component), None)

    def list_files(self, locked: LockedTests) -> tuple[LockedDistribution, ...]:
        """The files of a component."""
        return tuple(one for one in self.distributions if one.file in locked.files)

    def list_versions(self, component: str) -> dict[str, str]:
        """Project → version of what is locked for a component."""
        locked = self.find(component)
        return {} if locked is None else {one.project: one.version for one in self.list_files(locked)}

    def with_component(self, locked: LockedTests, files: Iterable[LockedDistribution]) -> TestLock:
        """The lock with another entry of a component; files that nothing needs any more are gone."""
        others = [one for one in self.components if one.component != locked.component]
        return _tidy(TestLock((*self.distributions, *files), (*others, locked)))

    def without_others(self, components: Iterable[str]) -> TestLock:
        """The lock with the entries of these components only."""
        wanted = set(components)
        return _tidy(
            replace(self, components=tuple(one for one in self.components if one.component in wanted))
        )


def _tidy(lock: TestLock) -> TestLock:
    needed = {file for one in lock.components for file in one.files}
    by_file = {one.file: one for one in lock.distributions if one.file in needed}
    return TestLock(
        tuple(by_file[file] for file in sorted(by_file)),
        tuple(sorted(lock.components, key=lambda one: one.component)),
    )


def find_lock_error(
    lock: TestLock | None, component: str, python: str, requires: Iterable[str]
) -> str | None:
    """Why the lock does not have what a component's tests need; None where it does."""
    if lock is None:
        return f"there is no {TEST_LOCK_NAME}"
    locked = lock.find(component)
    if locked is None:
        return f"{TEST_LOCK_NAME} does not have it"
    missing = sorted(set(requires) - set(locked.requires))
    if missing:
        return f"{TEST_LOCK_NAME} does not have {', '.join(missing)}"
    if locked.python != python:
        return f"{TEST_LOCK_NAME} is for Python {locked.python}, its target has {python}"
    superfluous = sorted(set(locked.requires) - set(requires))
    if superfluous:
        return f"{TEST_LOCK_NAME} has {', '.join(superfluous)}, which repos.yaml does not name any more"
    return None


def is_distribution_file(name: str) -> bool:
    """Whether a text can be the name of a wheel or source archive, and not a path."""
    return (
        re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+!-]*\.(?:whl|zip|tar\.gz|tar\.bz2|tar\.xz|tgz)", name)
        is not None
    )
