"""A run that made no results, or results that cannot be read, is told from tests that failed."""

from __future__ import annotations

from pathlib import Path

from altai_build.ledger import Ledger
from altai_build.model.build import BuildResult, FailureKind
from altai_build.model.component_status import ComponentStatus
from altai_build.model.package import LocalRpm
from altai_build.model.unit_tests import Suite, SuiteKind, SuiteStatus
from altai_build.pipeline.unit_tests.judgement import judge_failed_run, judge_run
from altai_build.stages.build.cache import BuildCache
from altai_build.tools.rpm.header import read_header
from altai_build.workspace import Workspace
from tests.kit.rpms import build_rpm

SUITE = Suite(SuiteKind.COMMAND, "make check", "repos.yaml")


def judge(tmp_path: Path, files: dict[str, str]) -> tuple[SuiteStatus, str, tuple[str, ...]]:
    built = build_rpm(tmp_path, files={f"/unit-tests/{name}": text for name, text in files.items()})
    rpm = LocalRpm(path=built.binary, header=read_header(built.binary), sha256="")
    workspace = Workspace(tmp_path / "ws")
    result = BuildResult("x//unit-tests", "1" * 40, ComponentStatus.BUILT, "", rpms=(rpm,))
    cache = BuildCache(workspace, Ledger(workspace.ledger))
    judged = judge_run("x", SUITE, result, cache, workspace.logs / "x")
    assert judged.log is None or judged.log.read_text() == files["1/log"]
    return judged.status, judged.reason, judged.causes


def test_without_cases_the_log_says_why(tmp_path: Path) -> None:
    log = "cc -c a.c\na.c:3:1: error: unknown type name 'x'\nmake: *** [a.o] Error 1\n"
    status, reason, causes = judge(tmp_path, {"1/status": "2 1\n", "1/log": log})
    assert (status, reason) == (SuiteStatus.FAILED, "the suite ended with exit status 2")
    assert causes[0] == "a.c:3:1: error: unknown type name 'x'"


def test_a_package_without_results(tmp_path: Path) -> None:
    assert judge(tmp_path, {"other": ""}) == (SuiteStatus.NOT_RUN, "the results of the suite are missing", ())


def test_a_run_that_failed_says_which_part_did() -> None:
    failed = BuildResult(
        "x//unit-tests",
        "1" * 40,
        ComponentStatus.FAILED,
        "nothing provides y",
        failure=FailureKind.DEPENDENCIES,
    )
    judged = judge_failed_run("x", SUITE, failed)
    assert judged.reason == "its buildroot could not be made: nothing provides y"
    assert (judged.component, judged.status) == ("x", SuiteStatus.NOT_RUN)
