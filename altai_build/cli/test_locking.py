"""`test --lock`: the exact files of Python projects that unit tests need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altai_build.cli.output import print_json, print_table
from altai_build.model.quantity import format_count

if TYPE_CHECKING:
    from altai_build.pipeline.run import Run
    from altai_build.pipeline.unit_tests.plan import TestPlan


def lock_requirements(run: Run, plan: TestPlan, *, update: bool, is_whole: bool, as_json: bool) -> int:
    """Write test.lock.yaml and print what is new in it."""
    from altai_build.pipeline.unit_tests.locking import make_test_lock

    made = make_test_lock(run, plan, update=update, is_whole=is_whole)
    if as_json:
        print_json(
            {
                "file": str(made.path),
                "rewritten": made.rewritten,
                "components": len(made.lock.components),
                "files": len(made.lock.distributions),
                "changes": made.changes,
            }
        )
    else:
        print_table(
            ("component", "project", "from", "to"),
            [(one.component, one.project, one.old or "-", one.new or "-") for one in made.changes],
        )
    if not made.lock.components:
        run.reporter.info("no component names requirements from the Python package index (test.pypi)")
    else:
        run.reporter.info(
            f"{made.path.name}: {format_count(len(made.lock.distributions), 'file')} for "
            f"{format_count(len(made.lock.components), 'component')}, "
            + ("written; review and commit it" if made.rewritten else "unchanged")
        )
    return 0
