"""The key `components.NAME.test` of repos.yaml: how the unit tests of a component are run."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any

from altai_build.config.component_keys import COMMON_TEST, COVERAGE, TEST
from altai_build.config.limits import NONE
from altai_build.config.superproject import check_inner_path
from altai_build.config.yaml_reader import YamlNode
from altai_build.model.dependency import list_dependency_names
from altai_build.model.quantity import parse_duration
from altai_build.model.unit_tests import SuiteStart

COVERAGE_TOOLS = ("coverage.py", "go", "lcov", NONE)
# Seconds.
DEFAULT_TIMEOUT = 3600.0
_MOST_RERUNS = 5
_MOST_PROCESSES = 1024
# As PEP 508 names a project, with extras and a version behind it; no URLs, no markers.
_REQUIREMENT = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\[[A-Za-z0-9._, -]+\])?"
    r"(?:\s*(?:[<>=!~]=?=?\s*[A-Za-z0-9.*+!_-]+\s*,?\s*)+)?"
)


@dataclass(frozen=True)
class CoverageSettings:
    """How coverage is measured. None, or (): what is usual for the suite.

    `goal` is a percentage of lines; `omit` are patterns of paths that do not count.
    """

    tool: str | None = None
    goal: Fraction | None = None
    omit: tuple[str, ...] = ()
    branches: bool | None = None


@dataclass(frozen=True)
class TestSettings:
    """How unit tests are run. None, or (): what is usual, or what is found out from the files of the component.

    `command` is run by sh in `directory` of the unpacked source, behind %prep or %build (`after`). `requires` are
    packages of the target, `pypi` requirements that test.lock.yaml has. `parallel` is a number of processes, `rerun`
    how often failed tests are run again, `timeout` the seconds of one run.
    """

    __test__ = False  # for pytest

    command: str | None = None
    requires: tuple[str, ...] = ()
    pypi: tuple[str, ...] = ()
    after: SuiteStart | None = None
    directory: str | None = None
    skip: str | None = None
    parallel: int | None = None
    rerun: int | None = None
    timeout: float | None = None
    coverage: CoverageSettings = CoverageSettings()

    def with_defaults(self, defaults: TestSettings) -> TestSettings:
        """These settings, and those of all components where these say nothing; the lists of both count."""
        usual = defaults.coverage
        coverage = replace(usual, **_list_given(self.coverage), omit=(*usual.omit, *self.coverage.omit))
        return replace(
            defaults,
            **_list_given(self),
            requires=(*defaults.requires, *self.requires),
            pypi=(*defaults.pypi, *self.pypi),
            coverage=coverage,
        )


def _list_given(settings: TestSettings | CoverageSettings) -> dict[str, Any]:
    """The settings, without lists and records, that are given."""
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {
        name: value
        for name, value in values.items()
        if value is not None and not isinstance(value, (tuple, CoverageSettings))
    }


def read_test_settings(node: YamlNode, *, is_default: bool = False) -> TestSettings:
    """One `test` of a component; with `is_default` that of all components, which names no command."""
    if node.value is False and not is_default:
        return TestSettings(skip="switched off in repos.yaml")
    section = COMMON_TEST if is_default else TEST
    node = node.check_section(section, hints={"test": "write the settings directly below"})
    after = node.get_child("after").read_choice([start.value for start in SuiteStart], "")
    return TestSettings(
        command=_read_command(node.get_child("command")),
        requires=node.get_child("requires").read_texts(check=_check_dependency),
        pypi=node.get_child("pypi").read_texts(check=_check_requirement),
        after=SuiteStart(after) if after else None,
        directory=node.get_child("directory").read_text(check=check_inner_path) or None,
        skip=node.get_child("skip").read_text() or None,
        parallel=_read_count(node.get_child("parallel"), 1, _MOST_PROCESSES),
        rerun=_read_count(node.get_child("rerun"), 0, _MOST_RERUNS),
        timeout=_read_timeout(node.get_child("timeout")),
        coverage=_read_coverage(node.get_child("coverage")),
    )


def _read_command(node: YamlNode) -> str | None:
    """Lines for sh."""
    if node.value is None:
        return None
    if not isinstance(node.value, str) or not node.value.strip():
        node.add_error(f"got {node.describe_value()}; write a command for sh, as in `make check`")
        return None
    if any((ord(char) < 32 and char not in "\t\n") or "\ud800" <= char <= "\udfff" for char in node.value):
        node.add_error("control characters other than tabs and line breaks are not allowed")
        return None
    return node.value.strip("\n")


def _check_dependency(text: str) -> str | None:
    try:
        names = list_dependency_names(text)
    except ValueError as error:
        return f"{error}; write a requirement as in BuildRequires"
    if "%" in text:
        return "macros are not expanded here; write the name of a package"
    return None if len(names) == 1 or text.startswith("(") else "write one requirement an entry"


def _check_requirement(text: str) -> str | None:
    if _REQUIREMENT.fullmatch(text):
        return None
    return "write a project on PyPI, with versions where they count, as in `mock>=1.0,<2`"


def _read_count(node: YamlNode, minimum: int, maximum: int) -> int | None:
    number = node.read_integer(None, minimum=minimum, hint=f"write a number from {minimum} to {maximum}")
    if number is not None and number > maximum:
        node.add_error(f"got {number}; write a number from {minimum} to {maximum}")
    return number


def _read_timeout(node: YamlNode) -> float | None:
    def check(text: str) -> str | None:
        try:
            return None if parse_duration(text) >= 1 else "write at least a second"
        except ValueError:
            return "write a value such as 30m"

    text = node.read_text(check=check)
    return parse_duration(text) if text else None


def _read_coverage(node: YamlNode) -> CoverageSettings:
    if node.value is None:
        return CoverageSettings()
    node = node.check_section(COVERAGE)
    branches = node.get_child("branches")
    return CoverageSettings(
        tool=node.get_child("tool").read_choice(COVERAGE_TOOLS, "") or None,
        goal=_read_goal(node.get_child("goal")),
        omit=node.get_child("omit").read_texts(check=_check_pattern),
        branches=branches.read_flag(False) if branches.value is not None else None,
    )


def _read_goal(node: YamlNode) -> Fraction | None:
    if node.value is None:
        return None
    value = node.value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        node.add_error(f"got {node.describe_value()}; write a percentage from 0 to 100")
        return None
    return Fraction(str(value))


def _check_pattern(text: str) -> str | None:
    if text.startswith(("/", "-")) or "," in text or ".." in text.split("/"):
        return "write a pattern of paths in the component, as in `*/openstack/common/*`"
    return None
