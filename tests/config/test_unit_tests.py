"""`components.NAME.test`: what is given, what counts for all, and what is wrong."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from altai_build.config.unit_tests import CoverageSettings, TestSettings, read_test_settings
from altai_build.config.yaml_reader import InputErrors, YamlNode
from altai_build.model.unit_tests import SuiteStart


def read(value: Any, *, is_default: bool = False) -> tuple[TestSettings, list[str]]:
    errors = InputErrors()
    node = YamlNode(value, "components.nova.test", errors)
    return read_test_settings(node, is_default=is_default), errors.lines


def test_every_setting_is_read() -> None:
    found, errors = read(
        {
            "command": "make check\necho done\n",
            "requires": ["python3dist(pytest) >= 3", "(a or b)"],
            "pypi": ["mock>=1.0,<2", "a[b]==1.0"],
            "after": "build",
            "directory": "src/python",
            "parallel": 4,
            "rerun": 0,
            "timeout": "30m",
            "coverage": {"tool": "coverage.py", "goal": 80.5, "omit": ["*/openstack/*"], "branches": True},
        }
    )
    assert errors == []
    assert found == TestSettings(
        command="make check\necho done",
        requires=("python3dist(pytest) >= 3", "(a or b)"),
        pypi=("mock>=1.0,<2", "a[b]==1.0"),
        after=SuiteStart.BUILD,
        directory="src/python",
        parallel=4,
        rerun=0,
        timeout=1800.0,
        coverage=CoverageSettings("coverage.py", Fraction(161, 2), ("*/openstack/*",), True),
    )
    assert read(False)[0].skip == "switched off in repos.yaml"


def test_all_errors_are_reported_with_what_to_write() -> None:
    _, errors = read(
        {
            "command": ["make"],
            "requires": ["a b", "%{name}"],
            "pypi": ["mock @ https://x"],
            "rerun": 9,
            "timeout": "0.001m",
            "paralel": 1,
            "directory": "../up",
            "coverage": {"tool": "gcov", "goal": 180, "omit": ["/x"]},
        }
    )
    assert [line.split(": ", 1) for line in errors] == [
        ["  components.nova.test", "unknown key 'paralel'; did you mean parallel?"],
        ["  components.nova.test.command", "got ['make']; write a command for sh, as in `make check`"],
        ["  components.nova.test.requires[0]", "got 'a b'; write one requirement an entry"],
        [
            "  components.nova.test.requires[1]",
            "got '%{name}'; dependency tokens must begin with alpha-numeric, '_' or '/'; "
            "write a requirement as in BuildRequires",
        ],
        [
            "  components.nova.test.pypi[0]",
            "got 'mock @ https://x'; write a project on PyPI, with versions where they count, as in `mock>=1.0,<2`",
        ],
        ["  components.nova.test.directory", errors[5].split(": ", 1)[1]],
        ["  components.nova.test.rerun", "got 9; write a number from 0 to 5"],
        ["  components.nova.test.timeout", "got '0.001m'; write at least a second"],
        ["  components.nova.test.coverage.tool", "got 'gcov'; did you mean lcov or go?"],
        ["  components.nova.test.coverage.goal", "got 180; write a percentage from 0 to 100"],
        [
            "  components.nova.test.coverage.omit[0]",
            "got '/x'; write a pattern of paths in the component, as in `*/openstack/common/*`",
        ],
    ]


def test_what_counts_for_all_names_no_command() -> None:
    _, errors = read({"command": "make check"}, is_default=True)
    assert len(errors) == 1 and "unknown key 'command'" in errors[0]
    everywhere, _ = read(
        {"rerun": 2, "requires": ["a"], "coverage": {"goal": 80, "omit": ["x"]}}, is_default=True
    )
    own, _ = read({"rerun": 0, "requires": ["b"], "coverage": {"omit": ["y"]}})
    assert own.with_defaults(everywhere) == TestSettings(
        requires=("a", "b"), rerun=0, coverage=CoverageSettings(goal=Fraction(80), omit=("x", "y"))
    )
