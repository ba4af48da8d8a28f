"""Which program runs the tests of a Python project."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from altai_build.model.unit_tests import Suite
from altai_build.stages.unit_tests.files import ProjectFiles
from altai_build.stages.unit_tests.python_suites import choose_python, detect_python_suite, list_interpreters


def detect(texts: Mapping[str, str], python: str = "python3") -> Suite | str:
    files = ProjectFiles(tuple(texts), lambda paths: {path: texts[path] for path in paths})
    return detect_python_suite(files, python)


PYTEST = '$PYTHON -m pytest --junitxml="$ALTAI_TEST_RESULTS/junit.xml"'
NOSE = '$PYTHON -m nose --with-id --with-xunit --xunit-file="$ALTAI_TEST_RESULTS/junit.xml"'
PACKAGE = {
    "setup.py": "",
    "x/__init__.py": "",
    "x/tests/__init__.py": "",
    "x/tests/test_a.py": "import unittest",
}
IN_PACKAGE = "$DISCOVER -v -t . -s x/tests"


@pytest.mark.parametrize(
    ("files", "command", "why"),
    [
        ({"tox.ini": "[testenv]\ncommands = pytest {posargs}"}, PYTEST, "tox.ini"),
        ({**PACKAGE, "tox.ini": "[testenv]\ncommands = python -m unittest discover -s x/tests"}, IN_PACKAGE, "tox.ini"),
        ({**PACKAGE, ".stestr.conf": "[DEFAULT]\ntest_path=./x/tests"}, IN_PACKAGE, ".stestr.conf"),
        (
            {"tox.ini": "[testenv]\ncommands = stestr run", ".stestr.conf": "[DEFAULT]\ntest_path=./t"},
            "$DISCOVER -v -s t",
            ".stestr.conf",
        ),
        ({"setup.cfg": "[tool:pytest]\naddopts = -ra", "tests/test_a.py": ""}, PYTEST, "setup.cfg"),
        ({"setup.cfg": "[nosetests]\ndetailed-errors=1"}, NOSE, "setup.cfg"),
        ({"run_tests.sh": "python run_tests.py", "run_tests.py": "from nose import config"}, NOSE, "run_tests.py"),
        ({"setup.py": "", "test-requirements.txt": "nose>=1\n"}, NOSE, "test-requirements.txt"),
        ({**PACKAGE, "setup.py": "setup(test_suite='x.tests')"}, IN_PACKAGE, "setup.py"),
        (PACKAGE, IN_PACKAGE, "x/tests/test_a.py"),
        ({"setup.py": "", "t/a_test.py": "import unittest"}, "$DISCOVER -v -s t -p '*_test.py'", "t/a_test.py"),
        ({"setup.py": "", "tests/test_a.py": "import pytest, unittest"}, PYTEST, "tests/test_a.py"),
    ],
)  # fmt: skip
def test_the_first_file_that_says_it_decides(files: Mapping[str, str], command: str, why: str) -> None:
    suite = detect(files)
    assert isinstance(suite, Suite), suite
    assert (suite.command, suite.why, suite.python) == (command, why, "python3")


def test_options_that_need_plugins_are_left_out_and_that_is_said() -> None:
    suite = detect({"pytest.ini": "[pytest]\naddopts = --cov=x -ra"})
    assert isinstance(suite, Suite)
    assert suite.command == f'{PYTEST} --override-ini="addopts="'
    assert suite.rerun == f"{suite.command} --last-failed"
    assert suite.notes == ("addopts of pytest.ini are left out, because they need plugins: --cov=x -ra",)


def test_settings_of_nose_that_need_plugins_are_left_out_but_not_the_choice_of_tests() -> None:
    settings = "[nosetests]\nverbosity=2\nwith-openstack=1\nopenstack-red=0.05\nexclude=slow\ntests=a b\n"
    suite = detect({"setup.cfg": settings})
    assert isinstance(suite, Suite)
    assert suite.command == f"NOSE_IGNORE_CONFIG_FILES=1 {NOSE} --exclude=slow '--tests=a b'"
    assert suite.rerun == f"{suite.command} --failed"
    assert suite.notes == (
        "[nosetests] of setup.cfg is left out, because it needs plugins: openstack-red, with-openstack",
    )
    known = detect({"setup.cfg": "[nosetests]\ncover-package = x\nwith-xunit=1\nno-path-adjustment=1"})
    assert isinstance(known, Suite) and (known.command, known.notes) == (NOSE, ())


def test_what_the_suite_cannot_do_without_and_what_files_ask_for() -> None:
    suite = detect(
        {"tox.ini": "[testenv]\ndeps = pytest\n  mock\ncommands = pytest", "requirements.txt": "six"}
    )
    assert isinstance(suite, Suite)
    assert (suite.needs, suite.wants) == (("pytest",), ("six", "mock"))


def test_nothing_is_guessed() -> None:
    assert detect({"setup.py": ""}) == "no file of a test suite (test_*.py, tox.ini, .stestr.conf, …)"
    missing = {"setup.py": "setup(test_suite='tests')", "x/__init__.py": ""}
    assert detect(missing) == "no file of a test suite (test_*.py, tox.ini, .stestr.conf, …)"
    assert (
        detect({"setup.py": "", "test.py": "print(1)"})
        == "there are tests, and no file says which program runs them"
    )
    assert (
        detect({"tox.ini": "[testenv]\ncommands = trial x"}) == "tox.ini runs trial, which is not known here"
    )


def test_the_interpreter_is_that_of_the_spec() -> None:
    assert choose_python(["gcc", "python3-devel"]) == "python3"
    assert choose_python(["python2-devel"]) == "python2"
    assert choose_python(["python-setuptools"]) == "python"
    assert choose_python(["gcc", "pythonia"]) == ""
    assert list(list_interpreters(["python2-devel", "python3-devel"])) == ["python3", "python2"]
