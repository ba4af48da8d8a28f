"""The suites of unit tests that a plan's components have, for `plan --tests`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altai_build.cli.output import print_json, print_table
from altai_build.model.unit_tests import NoSuite, Suite, SuiteStatus
from altai_build.pipeline.unit_tests.plan import find_suites, list_tested

if TYPE_CHECKING:
    from altai_build.pipeline.build.plan import BuildPlan
    from altai_build.pipeline.run import Run


def show_suites(run: Run, build_plan: BuildPlan, *, as_json: bool) -> None:
    """Print the suite of each component that would be tested, and why none is known of others."""
    sources = list_tested(build_plan)
    suites = find_suites(run, sources)
    if as_json:
        commits = {source.component.name: source.component.commit for source in sources}
        rows = [_suite_to_json(name, commits[name], suite) for name, suite in suites.items()]
        print_json({"commit": build_plan.discovery.commit, "components": rows})
        return
    print_table(
        ("component", "suite", "command", "why", "notes"),
        [_cells(name, suite) for name, suite in suites.items()],
    )


def _cells(name: str, suite: Suite | NoSuite) -> tuple[str, ...]:
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
