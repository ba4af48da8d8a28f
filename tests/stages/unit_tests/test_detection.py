"""The suite of a component: by repos.yaml, else by its files; what is ambiguous is not guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from altai_build.config.unit_tests import TestSettings
from altai_build.model.gitlink import CommitId
from altai_build.model.unit_tests import NoSuite, Suite, SuiteKind, SuiteStart, SuiteStatus
from altai_build.stages.unit_tests.detection import find_suite, open_files
from altai_build.stages.unit_tests.files import MAX_FILE_SIZE, ProjectFiles
from altai_build.tools.git.superproject import Superproject
from tests.kit.git import Repo

BOTH = {"setup.py": "", "tests/test_a.py": "import pytest", "CMakeLists.txt": "enable_testing()"}


def find(
    texts: Mapping[str, str], build_requires: Sequence[str] = (), settings: TestSettings | None = None
) -> Suite | NoSuite:
    files = ProjectFiles(tuple(texts), lambda paths: {path: texts[path] for path in paths})
    return find_suite(files, settings or TestSettings(), build_requires)


def test_repos_yaml_comes_first() -> None:
    found = find(BOTH, settings=TestSettings(command="make x", requires=("y",), after=SuiteStart.BUILD))
    assert found == Suite(
        SuiteKind.COMMAND, "make x", "repos.yaml", python="python3", requires=("y",), start=SuiteStart.BUILD
    )
    assert find(BOTH, settings=TestSettings(skip="needs hardware")) == NoSuite(
        "needs hardware", SuiteStatus.SKIPPED
    )


def test_a_command_of_its_own_gets_what_the_files_ask_for() -> None:
    files = {"setup.py": "", "tox.ini": "[testenv]\ndeps = mock\ncommands = nosetests"}
    found = find(files, settings=TestSettings(command="$PYTHON -m nose a"))
    assert isinstance(found, Suite) and found.kind is SuiteKind.COMMAND
    assert (found.needs, found.wants) == ((), ("nose", "mock"))


def test_of_two_kinds_the_one_that_the_spec_builds_is_meant() -> None:
    found = find(BOTH, ["python3-devel"])
    assert isinstance(found, Suite) and found.kind is SuiteKind.PYTEST
    found = find(BOTH, ["cmake"])
    assert isinstance(found, Suite) and found.kind is SuiteKind.CTEST
    both = NoSuite("it may be one of pytest (tests/test_a.py), ctest (CMakeLists.txt)")
    assert find(BOTH, ["cmake", "python3-devel"]) == find(BOTH) == both


def test_several_processes_where_the_suite_allows_it() -> None:
    several = TestSettings(parallel=4)
    found = find({"tox.ini": "[testenv]\ncommands=pytest"}, ["python3"], several)
    assert isinstance(found, Suite)
    assert found.command.endswith('junit.xml" -n "$JOBS"') and found.needs == ("pytest", "pytest-xdist")
    found = find({"configure.ac": "", "Makefile.am": "TESTS = a"}, [], several)
    assert isinstance(found, Suite) and found.command == 'make -k -j"$JOBS" check VERBOSE=1'
    found = find({"setup.cfg": "[nosetests]"}, ["python3"], several)
    assert isinstance(found, Suite)
    assert found.notes == ("test.parallel has no effect: nose runs one process",)


def test_that_nothing_is_known_is_said() -> None:
    assert find({"README": ""}) == NoSuite("no file of a test suite that is known here")


def test_a_second_interpreter_is_noted() -> None:
    found = find(
        {"setup.py": "", "tox.ini": "[testenv]\ncommands=pytest"}, ["python2-devel", "python3-devel"]
    )
    assert isinstance(found, Suite)
    assert found.notes == ("tests run with python3 only, and the spec builds for python2 too",)


def test_files_are_those_of_the_commit(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    commit = CommitId(repo.commit({"a": "text", "long": "x" * (MAX_FILE_SIZE + 1)}))
    (repo.path / "untracked").write_text("not in the commit")
    store = Superproject(repo.path, state=tmp_path / "state").open_store(commit)
    files = open_files(store, store.read_tree(commit))
    assert files.paths == ("a", "long")
    files.load(["a", "long"])
    assert (files.get_text("a"), files.get_text("long")) == ("text", "")
