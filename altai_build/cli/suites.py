"""The suites of unit tests that a plan's components have, for `plan --tests`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altai_build.cli.output import print_json, print_table
from altai_build.model.affected_tests import EverythingRuns, TestSelection
from altai_build.model.unit_tests import NoSuite, Suite, SuiteStatus
from altai_build.pipeline.unit_tests.affected import select_affected
from altai_build.pipeline.unit_tests.plan import find_suites, list_tested

if TYPE_CHECKING:
    from altai_build.pipeline.build.plan import BuildPlan
    from altai_build.pipeline.run import Run


def show_suites(run: Run, build_plan: BuildPlan, *, affected: bool, as_json: bool) -> None:
    """Print the suite of each component that would be tested, and why none is known of others.

    With `affected` also which of its tests a change affects, by the files of its commit; what the buildroot has is not
    looked at.
    """
    sources = list_tested(build_plan)
    suites = find_suites(run, sources)
    selections: dict[str, TestSelection] = {}
    if affected:
        selections = {
            source.component.name: select_affected(run, source, suite)
            for source in sources
            if isinstance(suite := suites[source.component.name], Suite)
        }
    if as_json:
        commits = {source.component.name: source.component.commit for source in sources}
        rows = [_suite_to_json(name, commits[name], suite) for name, suite in suites.items()]
        if affected:
            rows = [
                {**row, "selected": selection_to_json(selections.get(str(row["component"])))} for row in rows
            ]
        print_json({"commit": build_plan.discovery.commit, "components": rows})
        return
    headers = ("component", "suite", "command", "why", "notes")
    table = [_cells(name, suite) for name, suite in suites.items()]
    if affected:
        headers = ("component", "suite", "tests", "why", "notes")
        table = [
            (*cells[:2], *describe_selection(selections.get(cells[0]), cells[3]), cells[4]) for cells in table
        ]
    print_table(headers, table)


def describe_selection(selection: TestSelection | None, why: str) -> tuple[str, str]:
    """How many tests would run, and why."""
    if selection is None:
        return "-", why
    if isinstance(selection, EverythingRuns):
        return "all", selection.reason
    known = len(selection.record.tests)
    run = known - len(selection.carried)
    return (
        f"{run} of {known}",
        f"{selection.describe()}; since {selection.base[:12]}, if its buildroot is the same",
    )


def selection_to_json(selection: TestSelection | None) -> dict[str, object] | None:
    """Which tests would run; null where there is no suite. New tests are not among `tests`, and run."""
    if selection is None:
        return None
    if isinstance(selection, EverythingRuns):
        return {"since": None, "reason": selection.reason, "tests": None, "run": None}
    known = len(selection.record.tests)
    return {
        "since": selection.base,
        "reason": selection.describe(),
        "tests": known,
        "run": known - len(selection.carried),
    }


def _cells(name: str, suite: Suite | NoSuite) -> tuple[str, str, str, str, str]:
    if isinstance(suite, NoSuite):
        return (name, suite.status.value, "-", suite.reason, "-")
    command = " ; ".join(line.strip() for line in suite.command.splitlines() if line.strip())
    asked = f"wants {', '.join((*suite.needs, *suite.wants))}" if suite.needs or suite.wants else ""
    return (name, suite.kind.value, command, suite.why, "; ".join(filter(None, (asked, *suite.notes))) or "-")


def _suite_to_json(name: str, commit: str, suite: Suite | NoSuite) -> dict[str, object]:
    """One component's suite; null with a reason where none is known."""
    if isinstance(suite, NoSuite):
        return {
            "component": name,
            "commit": commit,
            "suite": None,
            "reason": suite.reason,
            "skipped": suite.status is SuiteStatus.SKIPPED,
        }
    return {
        "component": name,
        "commit": commit,
        "suite": {
            "kind": suite.kind,
            "command": suite.command,
            "rerun": suite.rerun or None,
            "after": suite.start,
            "python": suite.python or None,
            "needs": list(suite.needs),
            "wants": list(suite.wants),
            "requires": list(suite.requires),
            "notes": list(suite.notes),
        },
        "reason": suite.why,
        "skipped": False,
    }
