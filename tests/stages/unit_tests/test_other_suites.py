"""Suites of autotools, CMake, Meson, Cargo, Go, and handwritten Makefiles."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from altai_build.model.unit_tests import SuiteKind
from altai_build.stages.unit_tests.files import ProjectFiles
from altai_build.stages.unit_tests.other_suites import OTHER_SUITES, detect_make_suite


def detect(texts: Mapping[str, str]) -> list[tuple[SuiteKind, str]]:
    files = ProjectFiles(tuple(texts), lambda paths: {path: texts[path] for path in paths})
    return [(suite.kind, suite.why) for detect in OTHER_SUITES if (suite := detect(files)) is not None]


@pytest.mark.parametrize(
    ("files", "kind", "why"),
    [
        ({"configure.ac": "", "src/Makefile.am": "TESTS = a"}, SuiteKind.AUTOMAKE, "src/Makefile.am"),
        ({"configure.in": "", "Makefile.in": "check: all\n"}, SuiteKind.AUTOMAKE, "Makefile.in"),
        ({"CMakeLists.txt": "enable_testing()"}, SuiteKind.CTEST, "CMakeLists.txt"),
        ({"CMakeLists.txt": "", "t/CMakeLists.txt": "ADD_TEST(a a)"}, SuiteKind.CTEST, "t/CMakeLists.txt"),
        ({"meson.build": "# test('x')", "t/meson.build": "test('a', b)"}, SuiteKind.MESON, "t/meson.build"),
        ({"Cargo.toml": ""}, SuiteKind.CARGO, "Cargo.toml"),
        ({"go.mod": "", "a_test.go": ""}, SuiteKind.GO, "go.mod"),
    ],
)
def test_what_has_tests(files: Mapping[str, str], kind: SuiteKind, why: str) -> None:
    assert detect(files) == [(kind, why)]


@pytest.mark.parametrize(
    "files",
    [
        {"configure.ac": "", "Makefile.am": "bin_PROGRAMS = a"},
        {"Makefile.am": "TESTS = a"},
        {"CMakeLists.txt": "project(x)"},
        {"meson.build": "# test('x')"},
        {"go.mod": "", "a.go": ""},
    ],
)
def test_what_has_none(files: Mapping[str, str]) -> None:
    assert detect(files) == []


def test_a_makefile_with_a_target_for_tests() -> None:
    files = ProjectFiles(("Makefile",), lambda paths: {"Makefile": "all:\n\ntest: all\n\t./t\n"})
    suite = detect_make_suite(files)
    assert suite is not None and (suite.command, suite.why) == ("make test", "Makefile")
    assert detect_make_suite(ProjectFiles(("Makefile",), lambda paths: {"Makefile": "test := x\n"})) is None
