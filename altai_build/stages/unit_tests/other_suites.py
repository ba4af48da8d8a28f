"""The unit tests of projects that are not in Python: autotools, CMake, Meson, Cargo, Go."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from altai_build.model.unit_tests import Suite, SuiteKind, SuiteStart
from altai_build.stages.unit_tests.files import MAX_FILES, ProjectFiles

_AUTOMAKE_TESTS = re.compile(
    r"^\s*(?:(?:X?FAIL_)?TESTS|check_PROGRAMS|check_SCRIPTS|check_LTLIBRARIES|check_LIBRARIES|TESTSUITE|dist_check_SCRIPTS)"
    r"\s*\+?=|^check-(?:local|am|TESTS)\s*:|^check\s*::?[^=]",
    re.MULTILINE,
)
_MAKE_CHECK = re.compile(r"^(?:\.PHONY\s*:.*)?\b(check|test)\s*::?(?!=)", re.MULTILINE)
_CTEST = re.compile(r"^\s*(?:enable_testing|include)\s*\(\s*(?:CTest\s*)?\)", re.MULTILINE | re.IGNORECASE)
_ADD_TEST = re.compile(
    r"^\s*(?:add_test|gtest_discover_tests|catch_discover_tests)\s*\(", re.MULTILINE | re.IGNORECASE
)
_MESON_TEST = re.compile(r"(?:^|[\s.])test\s*\(", re.MULTILINE)


# Older versions of automake have no such target.
_RECHECK = """\
if make -n recheck >/dev/null 2>&1; then
    make -k recheck VERBOSE=1
else
    make -k check VERBOSE=1
fi"""


def _detect_autotools(files: ProjectFiles) -> Suite | None:
    if not (files.has("configure.ac") or files.has("configure.in")):
        return None
    makefiles = files.find("Makefile.am", "Makefile.in", "*.at")[:MAX_FILES]
    files.load(makefiles)
    for path in makefiles:
        name = posixpath.basename(path)
        pattern = _AUTOMAKE_TESTS if name == "Makefile.am" else _MAKE_CHECK
        if name.endswith(".at") or not pattern.search(files.get_text(path)):
            continue
        return Suite(
            kind=SuiteKind.AUTOMAKE,
            command="make -k check VERBOSE=1",
            rerun=_RECHECK,
            why=path,
            start=SuiteStart.BUILD,
        )
    return None


def _detect_cmake(files: ProjectFiles) -> Suite | None:
    if not files.has("CMakeLists.txt"):
        return None
    lists = files.find("CMakeLists.txt")[:MAX_FILES]
    files.load(lists)
    for pattern in (_CTEST, _ADD_TEST):
        for path in lists:
            if pattern.search(files.get_text(path)):
                return Suite(
                    kind=SuiteKind.CTEST,
                    command='ctest --output-on-failure -j "$JOBS" $CTEST_JUNIT',
                    rerun="ctest --output-on-failure --rerun-failed $CTEST_JUNIT",
                    why=path,
                    start=SuiteStart.BUILD,
                )
    return None


def _detect_meson(files: ProjectFiles) -> Suite | None:
    if not files.has("meson.build"):
        return None
    builds = files.find("meson.build")[:MAX_FILES]
    files.load(builds)
    for path in builds:
        if _MESON_TEST.search(re.sub(r"#.*", "", files.get_text(path))):
            return Suite(
                kind=SuiteKind.MESON,
                command='meson test --no-rebuild --print-errorlogs --num-processes "$JOBS"',
                why=path,
                start=SuiteStart.BUILD,
            )
    return None


def _detect_cargo(files: ProjectFiles) -> Suite | None:
    if not files.has("Cargo.toml"):
        return None
    return Suite(
        kind=SuiteKind.CARGO,
        command='cargo test --offline --no-fail-fast --jobs "$JOBS"',
        why="Cargo.toml",
        start=SuiteStart.BUILD,
    )


def _detect_go(files: ProjectFiles) -> Suite | None:
    tests = files.find("*_test.go")
    if not tests:
        return None
    return Suite(
        kind=SuiteKind.GO,
        command="go test -v $GO_COVERAGE ./...",
        why="go.mod" if files.has("go.mod") else tests[0],
        start=SuiteStart.BUILD,
    )


OTHER_SUITES: tuple[Callable[[ProjectFiles], Suite | None], ...] = (
    _detect_autotools, _detect_cmake, _detect_meson, _detect_cargo, _detect_go,
)  # fmt: skip


def detect_make_suite(files: ProjectFiles) -> Suite | None:
    """A handwritten Makefile with a target for tests; only where there is nothing else."""
    for path in ("Makefile", "GNUmakefile", "makefile"):
        targets = _MAKE_CHECK.findall(files.get_text(path))
        if targets:
            target = "check" if "check" in targets else "test"
            return Suite(SuiteKind.COMMAND, f"make {target}", path, start=SuiteStart.BUILD)
    return None
