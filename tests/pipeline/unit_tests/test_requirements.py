"""What is installed for a suite, and what nothing provides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from altai_build.config.unit_tests import CoverageSettings, TestSettings
from altai_build.model.package import LocalRpm
from altai_build.model.unit_tests import Suite, SuiteKind
from altai_build.pipeline.unit_tests.requirements import (
    SuiteNeeds,
    drop_uninstallable,
    find_suite_needs,
    list_runtime_requires,
)
from altai_build.tools.rpm.header import read_header
from altai_build.tools.solver.resolve import Unsatisfiable
from tests.kit.rpms import build_rpm

MODULE = "/usr/lib/python3/dist-packages/x.py"


@pytest.fixture
def packages(tmp_path: Path) -> list[LocalRpm]:
    """A package with Python modules, and one without."""
    modules = build_rpm(
        tmp_path / "a", "python3-x", files={MODULE: ""}, requires=["python3-six >= 1", "x-data"]
    )
    data = build_rpm(tmp_path / "b", "x-data", requires=["mysql-server"])
    return [LocalRpm(path=one.binary, header=read_header(one.binary), sha256="") for one in (modules, data)]


def provided(*names: str) -> object:
    def find(wanted: Iterable[str]) -> frozenset[str]:
        return frozenset(wanted) & frozenset(names)

    return find


SUITE = Suite(
    SuiteKind.PYTEST,
    "",
    "tox.ini",
    python="python3",
    needs=("pytest",),
    wants=("mock", "ddt", "x"),
    requires=("gpg",),
)


def test_packages_with_modules_say_what_their_modules_need(packages: list[LocalRpm]) -> None:
    assert list_runtime_requires(packages) == ["python3-six >= 1"]


def test_what_is_installed_and_what_is_absent(packages: list[LocalRpm]) -> None:
    find = provided("python3-six >= 1", "python3dist(pytest)", "python3-mock", "python3-x")
    needs = find_suite_needs(SUITE, TestSettings(), ["gcc", "rpmlib(X) <= 1"], packages, find)  # type: ignore[arg-type]
    assert needs.requires == ("gcc", "gpg", "python3dist(pytest)")
    assert needs.optional == ("python3-six >= 1", "python3-mock")
    assert (needs.missing, needs.absent) == ((), ("ddt",))
    assert needs.unmeasured == "no package of the target provides coverage for python3"
    nothing = find_suite_needs(SUITE, TestSettings(), [], packages, provided())  # type: ignore[arg-type]
    assert (nothing.missing, nothing.requires) == (("pytest",), ("gpg",))
    assert nothing.absent == ("python3-six >= 1", "mock", "ddt", "x")


def test_what_cannot_be_installed_is_left_out_and_named() -> None:
    needs = SuiteNeeds(("gcc",), ("a", "b", "c"), (), (), "", "")
    asked: list[list[str]] = []

    def resolve(wanted: Sequence[str]) -> None:
        asked.append(list(wanted))
        if "b" in wanted:
            raise Unsatisfiable(["nothing provides x needed by b"])

    kept = drop_uninstallable(needs, resolve)
    assert kept.optional == ("a", "c")
    assert kept.uninstallable == (("b", "nothing provides x needed by b"),)
    assert asked == [["gcc", "a", "b", "c"], ["gcc", "a"], ["gcc", "a", "b"], ["gcc", "a", "c"]]
    assert drop_uninstallable(kept, resolve) == kept


def test_locked_projects_need_no_package(packages: list[LocalRpm]) -> None:
    find = provided()
    locked = ["pytest", "coverage"]
    needs = find_suite_needs(SUITE, TestSettings(), [], packages, find, locked)  # type: ignore[arg-type]
    assert (needs.missing, needs.coverage) == ((), "coverage.py")


def test_what_measures_coverage() -> None:
    plain = Suite(SuiteKind.AUTOMAKE, "", "")

    def choose(suite: Suite, tool: str | None, *names: str) -> tuple[str, str]:
        settings = TestSettings(coverage=CoverageSettings(tool=tool))
        needs = find_suite_needs(suite, settings, [], [], provided(*names))  # type: ignore[arg-type]
        return needs.coverage, needs.unmeasured

    assert choose(SUITE, None, "python3-coverage") == ("coverage.py", "")
    assert choose(SUITE, "none", "python3-coverage") == ("", "switched off in repos.yaml")
    assert choose(plain, None) == ("", "no tool is configured (test.coverage.tool)")
    assert choose(plain, "lcov") == ("lcov", "")
    assert choose(Suite(SuiteKind.GO, "", ""), None) == ("go", "")
