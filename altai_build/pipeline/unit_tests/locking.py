"""Test requirements from the Python package index: resolve them to exact files, and fetch what is locked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.quantity import format_count
from altai_build.model.test_lock import (
    TEST_LOCK_NAME,
    LockedDistribution,
    LockedTests,
    TestLock,
    find_lock_error,
)
from altai_build.model.unit_tests import Suite
from altai_build.pipeline.build.toolchains import component_target, open_build_environments
from altai_build.pipeline.unit_tests.plan import TestPlan, get_test_settings
from altai_build.regular_files import read_regular_file
from altai_build.stages.unit_tests.wrapper import LockedFile
from altai_build.tools.files import sha256_file, write_atomically
from altai_build.tools.http.pypi import (
    IndexFile,
    fetch_distribution,
    list_index_files,
    read_index_metadata,
)

if TYPE_CHECKING:
    from altai_build.pipeline.run import Run
    from altai_build.tools.pypi.interpreter import Interpreter
    from altai_build.tools.pypi.metadata import Metadata


@dataclass(frozen=True)
class IndexNeeds:
    """What the tests of a component need from the package index, for the Python of its target."""

    component: str
    interpreter: Interpreter
    requires: tuple[str, ...]


@dataclass(frozen=True)
class LockedVersion:
    """A version that a new lock has and the one before did not, or the reverse; None: it has none."""

    component: str
    project: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class MadeTestLock:
    """The lock that was written, and what is new in it."""

    path: Path
    lock: TestLock
    changes: tuple[LockedVersion, ...]
    rewritten: bool


def list_index_needs(run: Run, plan: TestPlan) -> tuple[IndexNeeds, ...]:
    """The components of a plan with `test.pypi`. Raises InputError where the Python of their target is not known."""
    # Only few definitions need it.
    from altai_build.tools.pypi.interpreter import Interpreter, find_python_version

    found = []
    versions: dict[tuple[str, str], str | None] = {}
    for source in plan.build_plan.discovery.sourced:
        component = source.component
        suite = plan.suites.get(component.name)
        requires = get_test_settings(run.config, component.name, component.path).pypi
        if not isinstance(suite, Suite) or not requires:
            continue
        target = component_target(run.config, source)
        key = (target.name, suite.python)
        if key not in versions:
            environment = open_build_environments(run, [source], can_build=False)[target.name]
            versions[key] = (
                find_python_version(suite.python, environment.resolver.list_provided)
                if suite.python
                else None
            )
        version = versions[key]
        if version is None:
            raise InputError(
                f"{component.name}: no package of the target {target.name} provides {suite.python or 'Python'}",
                why=f"repos.yaml names requirements from the Python package index: {', '.join(requires)}",
                todo="add a repository with it to the mock configuration, or remove test.pypi",
            )
        found.append(IndexNeeds(component.name, Interpreter(version, target.arch), requires))
    return tuple(found)


def read_test_lock(run: Run) -> TestLock | None:
    """The lock beside repos.yaml; None when there is none. Raises InputError for one that cannot be read."""
    from altai_build.config.test_lock import load_test_lock

    path = run.config.root / TEST_LOCK_NAME
    return load_test_lock(path) if path.exists() else None


def fetch_locked(run: Run, plan: TestPlan) -> dict[str, tuple[LockedFile, ...]]:
    """The locked files of the components of a plan, downloaded and verified, by component.

    Raises InputError with all that the lock lacks, before anything is downloaded.
    """
    needs = list_index_needs(run, plan)
    lock = read_test_lock(run)
    _warn_of_unused(run, plan, needs, lock)
    if not needs:
        return {}
    errors = [
        f"{one.component}: {error}"
        for one in needs
        if (error := find_lock_error(lock, one.component, one.interpreter.series, one.requires)) is not None
    ]
    if errors or lock is None:
        raise InputError(
            f"the test requirements of {format_count(len(errors), 'component')} are not locked",
            why="\n".join(errors),
            todo=f"`altai-build test --lock` writes {TEST_LOCK_NAME}; review and commit it",
        )
    entries = {one.component: lock.find(one.component) for one in needs}
    return {
        component: tuple(
            LockedFile(one.project, _fetch(run, one.project, one.file, one.sha256))
            for one in lock.list_files(locked)
        )
        for component, locked in entries.items()
        if locked is not None
    }


def _warn_of_unused(run: Run, plan: TestPlan, needs: tuple[IndexNeeds, ...], lock: TestLock | None) -> None:
    needing = {one.component for one in needs}
    unused = [
        one.component
        for one in (lock.components if lock is not None else ())
        if one.component in plan.suites and one.component not in needing
    ]
    if unused:
        run.reporter.warn(
            f"{TEST_LOCK_NAME} has entries that nothing uses, for {', '.join(unused)}: `altai-build test --lock` "
            "removes them"
        )


def make_test_lock(run: Run, plan: TestPlan, *, update: bool, is_whole: bool) -> MadeTestLock:
    """Resolve the test requirements of a plan's components, download every file, and write the lock.

    Locked versions are kept where they still fit, unless `update`. `is_whole`: entries of other components are dropped.
    Raises InputError for requirements that cannot be fulfilled; the lock is then unchanged.
    """
    from altai_build.config.test_lock import write_test_lock

    needs = list_index_needs(run, plan)
    before = read_test_lock(run) or TestLock()
    lock = before.without_others(one.component for one in needs) if is_whole else before
    resolver = _Resolver(run)
    for one in needs:
        kept = {} if update else lock.list_versions(one.component)
        lock = lock.with_component(*resolver.resolve(one, kept))
    path = run.config.root / TEST_LOCK_NAME
    data = write_test_lock(lock)
    is_needed = bool(lock.components) or path.exists()
    rewritten = is_needed and (not path.exists() or read_regular_file(path) != data)
    if rewritten:
        write_atomically(path, data)
    return MadeTestLock(path, lock, _list_changes(before, lock), rewritten)


def _list_changes(before: TestLock, after: TestLock) -> tuple[LockedVersion, ...]:
    names = sorted({one.component for one in (*before.components, *after.components)})
    changes = []
    for name in names:
        old, new = before.list_versions(name), after.list_versions(name)
        changes += [
            LockedVersion(name, project, old.get(project), new.get(project))
            for project in sorted({*old, *new})
            if old.get(project) != new.get(project)
        ]
    return tuple(changes)


class _Resolver:
    """Resolves the needs of several components, and asks the index for each project once."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._files: dict[str, tuple[IndexFile, ...] | None] = {}
        self._metadata: dict[str, Metadata] = {}

    def resolve(
        self, needs: IndexNeeds, kept: Mapping[str, str]
    ) -> tuple[LockedTests, list[LockedDistribution]]:
        """The entry of a component, and its files."""
        from altai_build.tools.pypi.resolve import Index, resolve_distributions

        index = Index(self._list_files, self._read_metadata)
        chosen = resolve_distributions(needs.requires, needs.interpreter, index, kept)
        files = []
        for one in chosen:
            path = _fetch(self._run, one.project, one.file.name, one.file.sha256)
            files.append(LockedDistribution(one.project, one.version, one.file.name, sha256_file(path)))
            if not one.is_certain:
                self._run.reporter.warn(
                    f"{needs.component}: what {one.project} {one.version} requires is not known without running "
                    "its setup.py: name what it needs under test.pypi too"
                )
        entry = LockedTests(
            needs.component,
            needs.interpreter.series,
            needs.requires,
            {one.file.name: one.needed_by for one in chosen},
        )
        return entry, files

    def _list_files(self, project: str) -> tuple[IndexFile, ...] | None:
        if project not in self._files:
            self._files[project] = list_index_files(project)
        return self._files[project]

    def _read_metadata(self, file: IndexFile) -> Metadata:
        from altai_build.tools.pypi.metadata import parse_metadata, read_sdist, read_wheel

        if file.name not in self._metadata:
            try:
                data = read_index_metadata(file)
                if data is not None:
                    found = parse_metadata(data)
                else:
                    path = _fetch(self._run, file.project, file.name, file.sha256)
                    found = read_sdist(path) if file.is_sdist else read_wheel(path)
            except ValueError as error:
                raise InputError(
                    f"what {file.project} {file.version} requires cannot be read",
                    why=str(error),
                    todo="exclude this version under test.pypi in repos.yaml",
                ) from error
            self._metadata[file.name] = found
        return self._metadata[file.name]


def _fetch(run: Run, project: str, file: str, sha256: str) -> Path:
    return fetch_distribution(project, file, sha256, run.workspace.cache / "pypi" / file)
