"""What files of Python projects say about tests."""

from __future__ import annotations

import pytest

from altai_build.stages.unit_tests.python_files import (
    list_requirements,
    list_tox_commands,
    read_ini,
    read_pyproject_lists,
    read_setup_lists,
    read_stestr_folders,
    read_testr_folders,
)


def test_requirements_are_names_without_tools_and_other_systems() -> None:
    text = """\
# comment
-r requirements.txt
hacking>=0.1
PyYAML>=5  # why
oslo.utils[extra]>=1,<2
enum34; python_version < '3.4'
pywin32 ; sys_platform == 'win32'
git+https://example.org/x
mock
"""
    assert list_requirements(text, "python3") == ["pyyaml", "oslo-utils", "mock"]
    assert "enum34" in list_requirements(text, "python2")


def test_commands_of_tox_have_no_substitutions() -> None:
    commands = "commands =\n  py27: {envbindir}/pytest {posargs:tests} \\\n    -v\n  - true\n"
    tox = read_ini(f"[testenv]\n{commands}[testenv:pep8]\ncommands = flake8")
    assert [" ".join(line.split()) for line in list_tox_commands(tox)] == ["{envbindir}/pytest -v", "true"]
    for broken in ("no section\n", "[testenv]\ndeps\n  mock\n"):
        assert read_ini(broken).sections() == []


@pytest.mark.parametrize(
    ("command", "folders"),
    [
        (
            "${PYTHON:-python} -m subunit.run discover -t ./ ${OS_TEST_PATH:-./nova/tests} $LISTOPT",
            ("./", "./nova/tests"),
        ),
        ("python -m subunit.run discover -s x/tests -t . $IDOPTION", (".", "x/tests")),
        ("python -m subunit.run x.tests.test_suite $IDOPTION", ("", "")),
        ("python -m 'unclosed", ("", "")),
    ],
)
def test_folders_of_testr(command: str, folders: tuple[str, str]) -> None:
    assert read_testr_folders(f"[DEFAULT]\ntest_command={command}\n") == folders


def test_folders_of_stestr() -> None:
    assert read_stestr_folders("[DEFAULT]\ntest_path=${P:-./a/tests}\ntop_dir=./\n") == ("./", "./a/tests")


def test_lists_in_setup_py_and_pyproject_toml() -> None:
    setup = (
        "setup(install_requires=['six', \"mock>=1\"], extras_require={'test': ['pytest']}, tests_require=REQ)"
    )
    assert read_setup_lists(setup) == ["six\nmock>=1", "pytest"]
    pyproject = '[project]\ndependencies = [\n  "six[x]>=1",  # why\n]\n[x.optional]\ntest = ["mock"]\n'
    assert read_pyproject_lists(pyproject) == ["six[x]>=1", "mock"]
