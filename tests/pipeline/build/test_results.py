"""What a whole run shows about single results: duplicates, bootstrap builds, the record, the rows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from altai_build.errors import AltaiError, InputError
from altai_build.ledger import read_outcomes
from altai_build.model.build import BuildResult, FailureKind
from altai_build.model.component_status import ComponentStatus
from altai_build.model.gitlink import CommitId
from altai_build.model.srpm import Srpm, SrpmResult
from altai_build.pipeline.build.package_names import describe_shared_name_fix
from altai_build.pipeline.build.results import (
    describe_selection,
    fail_duplicate_packages,
    fail_with_bootstrap_builds,
    list_rows,
    record_outcomes,
)
from altai_build.pipeline.build.selection import ALL_COMPONENTS_REASON
from altai_build.workspace import Workspace

BUILT, FAILED, BLOCKED = ComponentStatus.BUILT, ComponentStatus.FAILED, ComponentStatus.BLOCKED


def result(name: str, status: ComponentStatus = BUILT, *rpms: str, **more: Any) -> BuildResult:
    packages: Any = tuple(
        SimpleNamespace(path=Path(rpm), header=SimpleNamespace(nevra=SimpleNamespace(name=rpm[:-4])))
        for rpm in rpms
    )
    settings = {"component": name, "commit": "c", "status": status, "reason": "why", "rpms": packages, **more}
    return BuildResult(**settings)


def judge(results: dict[str, BuildResult], bootstrap_builds: Any = ()) -> dict[str, BuildResult]:
    config: Any = SimpleNamespace(waivers=())
    return fail_duplicate_packages(results, bootstrap_builds, config, dict.fromkeys(results, "t"))


def test_components_that_produce_one_file_have_both_failed() -> None:
    results = {
        "a": result("a", BUILT, "a.rpm", "common.rpm"),
        "b": result("b", BUILT, "common.rpm"),
        "c": result("c", BUILT, "c.rpm"),
    }
    judged = judge(results)
    assert {name: row.status for name, row in judged.items()} == {"a": FAILED, "b": FAILED, "c": BUILT}
    reason = "a and b both produce common.rpm: give one of the packages another name or version"
    assert judged["a"].reason == judged["b"].reason == reason and judged["a"].rpms == ()


def test_components_that_produce_packages_of_one_name_have_both_failed() -> None:
    results = {
        "a": result("a", BUILT, "a.rpm"),
        "b": result("b", BUILT, "b.rpm"),
        "c": result("c", BUILT, "c.rpm"),
    }
    results["b"].rpms[0].header.nevra.name = "a"  # type: ignore[misc]
    judged = judge(results)
    assert {name: row.status for name, row in judged.items()} == {"a": FAILED, "b": FAILED, "c": BUILT}
    assert judged["b"].reason == f"a and b both produce packages of the name a: {describe_shared_name_fix()}"


def test_a_bootstrap_build_and_the_second_build_are_no_duplicates() -> None:
    results = {"hen": result("hen", BUILT, "x.rpm"), "hen (bootstrap)": result("hen", BUILT, "x.rpm")}
    judged = judge(results, {"hen (bootstrap)": "hen"})
    assert {row.status for row in judged.values()} == {BUILT}


def test_a_component_fails_for_the_reason_of_its_bootstrap_build() -> None:
    log = Path("/log")
    results = {
        "hen (bootstrap)": result("hen (bootstrap)", FAILED, log=log),
        "hen": result("hen", BLOCKED, reason="needs hen (bootstrap), which failed"),
    }
    hen = fail_with_bootstrap_builds(results, {"hen (bootstrap)": "hen"})["hen"]
    assert (hen.component, hen.status, hen.log) == ("hen", FAILED, log)
    assert hen.reason == "bootstrap build: why"


def test_the_next_run_knows_which_build_the_packages_came_from(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    results = {
        "built": result("built", BUILT, "x.rpm", key="new"),
        "failed": result("failed", FAILED, key="never stored"),
        "hen (bootstrap)": result("hen (bootstrap)", BUILT, "y.rpm", key="bootstrap"),
    }
    record_outcomes(workspace, results, {"hen (bootstrap)"}, {"built": "old", "failed": "older"})
    outcomes = read_outcomes(workspace.outcomes)
    assert {name: (outcome.before, outcome.key) for name, outcome in outcomes.items()} == {
        "built": ("old", "new"),
        "failed": ("older", "older"),
    }
    assert {outcome.status for outcome in outcomes.values()} == {"built", "failed"}


def test_a_reason_says_why_the_component_was_in_a_plan_of_some_components() -> None:
    results = {
        "built": result("built"),
        "reused": result("reused", ComponentStatus.REUSED),
        "unmet": result("unmet", FAILED, failure=FailureKind.DEPENDENCIES),
        "whole": result("whole"),
    }
    selected = dict.fromkeys(("built", "reused", "unmet"), "requested")
    described = describe_selection(results, {**selected, "whole": ALL_COMPONENTS_REASON})
    assert {name: row.reason for name, row in described.items()} == {
        "built": "requested; why",
        "reused": "why",
        "unmet": "why; components outside this plan were not considered",
        "whole": "why",
    }


def srpm_result(name: str, file: str | None = None, error: AltaiError | None = None) -> SrpmResult:
    srpm = None if file is None else Srpm(path=Path(file), sha256="", nevra="", key="", reused=False)
    return SrpmResult(component=name, commit=CommitId("c"), reason="none", srpm=srpm, error=error)


def test_rows_are_in_the_superprojects_order_and_hold_components_without_a_source_package() -> None:
    rows = (
        srpm_result("b", "b.src.rpm"),
        srpm_result("none"),
        srpm_result("a", "a.src.rpm"),
        # Unreadable, and of the name of another component: it does not hide that one's result.
        srpm_result("a", error=InputError("unreadable")),
    )
    found = list(list_rows(rows, {"a": result("a"), "b": result("b")}))
    assert [(row.component, row.status) for row in found] == [
        ("b", BUILT),
        ("none", ComponentStatus.SKIPPED),
        ("a", BUILT),
        ("a", FAILED),
    ]
    assert found[-1].exit_code == 3
