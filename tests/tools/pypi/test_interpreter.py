"""The Python of a target: its version by what packages provide, and what it accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from packaging.markers import Marker
from packaging.version import Version

from altai_build.tools.pypi.interpreter import Interpreter, find_python_version

PY2, PY3 = Interpreter("2.7.18", "x86_64"), Interpreter("3.11.2", "aarch64")


def packages(**versions: str) -> Callable[[Iterable[str]], frozenset[str]]:
    """What rpm says of `NAME >= VERSION` for packages of these versions."""

    def list_provided(questions: Iterable[str]) -> frozenset[str]:
        found = set()
        for question in questions:
            name, _, version = question.partition(" >= ")
            if name in versions and Version(versions[name]) >= Version(version):
                found.add(question)
        return frozenset(found)

    return list_provided


@pytest.mark.parametrize(
    ("python", "versions", "found"),
    [
        ("python3", {"python3": "3.11.2"}, "3.11.2"),
        ("python3", {"python3": "3.6"}, "3.6.0"),
        ("python3", {"python": "2.7.5"}, None),
        ("python2", {"python": "2.6.6"}, "2.6.6"),
        ("python2", {"python2": "2.7.18", "python": "3.9.1"}, "2.7.18"),
        ("python2", {"python": "3.9.1"}, None),
        ("python", {"python": "3.9.1"}, "3.9.1"),
        ("python", {"python": "2.7.5"}, "2.7.5"),
        ("python", {"python2": "2.7.18"}, "2.7.18"),
    ],
)
def test_the_version_of_a_target(python: str, versions: dict[str, str], found: str | None) -> None:
    assert find_python_version(python, packages(**versions)) == found


@pytest.mark.parametrize(
    ("marker", "python2", "python3"),
    [
        ("python_version < '3'", True, False),
        ("python_full_version >= '2.7.9'", True, True),
        ("python_version >= '3.2'", False, True),
        ("sys_platform == 'linux2'", True, False),
        ("sys_platform == 'win32'", False, False),
        ("platform_machine == 'aarch64' and os_name == 'posix'", False, True),
        ("platform_python_implementation == 'PyPy'", False, False),
        ("extra == 'test'", False, False),
    ],
)
def test_markers_are_evaluated_for_the_target(marker: str, python2: bool, python3: bool) -> None:
    assert [one.applies(Marker(marker), "") for one in (PY2, PY3)] == [python2, python3]
    assert PY2.applies(Marker("extra == 'test'"), "test")


@pytest.mark.parametrize(
    ("requires_python", "accepted"),
    [
        ("", [True, True]),
        (">=3.6", [False, True]),
        ("<3", [True, False]),
        ("!=3.0.*,>=2.7", [True, True]),
        ("two", [True, True]),
    ],
)
def test_distributions_for_a_python(requires_python: str, accepted: list[bool]) -> None:
    assert [one.accepts(requires_python) for one in (PY2, PY3)] == accepted
    assert [one.series for one in (PY2, PY3)] == ["2.7", "3.11"]
