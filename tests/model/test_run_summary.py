"""The end of a run: every failure with its cause, and no more lines than a screen has."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.model.run_summary import describe_failures, describe_rest, list_failures


def row(name: str, status: ComponentStatus, reason: str = "", *causes: str) -> BuildResult:
    log = Path("/ws/logs", name, "build.log") if status is ComponentStatus.FAILED else None
    return BuildResult(component=name, commit="0" * 40, status=status, reason=reason, log=log, causes=causes)


def test_a_failure_has_its_causes_and_its_log() -> None:
    rows = [
        row("a", ComponentStatus.BUILT),
        row(
            "b", ComponentStatus.FAILED, "x.c:1: error: no y", "x.c:1: error: no y", "make: *** [all] Error 1"
        ),
        row("c", ComponentStatus.BLOCKED, "needs b, which failed"),
        row("d", ComponentStatus.BLOCKED, "needs b, which failed"),
        row("e", ComponentStatus.SKIPPED, "no spec"),
    ]
    assert (
        describe_failures(list_failures(rows), brief=True)
        == describe_failures(list_failures(rows), brief=False)
        == ["b: x.c:1: error: no y\n  make: *** [all] Error 1\n  log: /ws/logs/b/build.log"]
    )
    assert describe_rest(rows, 75.0) == [
        "blocked: c and d: needs b, which failed",
        "5 components in 1:15: 1 built, 1 skipped, 2 blocked, 1 failed",
    ]


def test_a_failure_names_its_component_once() -> None:
    failed = [row("b", ComponentStatus.FAILED, "b: rpm refuses b.spec")]
    assert describe_failures(list_failures(failed), brief=False) == [
        "b: rpm refuses b.spec\n  log: /ws/logs/b/build.log"
    ]


def test_a_run_without_failures_has_one_line() -> None:
    rows = [row("a", ComponentStatus.REUSED)]
    assert (describe_failures(list_failures(rows), brief=False), describe_rest(rows, 0.4)) == (
        [],
        ["1 component in 0:00: 1 reused"],
    )


def test_a_hundred_failures_fit_a_screen_and_a_pipe_gets_all_of_them() -> None:
    causes = [f"line {number}" for number in range(20)]
    rows = [row(f"c{number}", ComponentStatus.FAILED, "bad", *causes) for number in range(100)]
    brief = describe_failures(list_failures(rows), brief=True)
    assert sum(text.count("\n") + 1 for text in brief) <= 16
    assert brief[0] == "c0: bad\n  log: /ws/logs/c0/build.log"
    assert brief[-1] == "94 more failed: c6, c7, c8, c9, c10, c11, c12, c13 and 86 more"
    whole = describe_failures(list_failures(rows), brief=False)
    assert len(whole) == 100 and "line 19" in whole[99]
