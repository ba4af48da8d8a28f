"""`bisect`: the commit that broke a component."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import against_option, component_argument, json_option, wait_option
from altai_build.cli.output import print_json, print_table, print_text
from altai_build.cli.reading import open_released_builds
from altai_build.model.quantity import format_count

if TYPE_CHECKING:
    from altai_build.model.bisection import Bisection, CommitTest, FirstBad


@click.command()
@component_argument
@click.option(
    "--good", metavar="REV", required=True, help="A commit of the superproject where COMPONENT is good."
)
@click.option(
    "--bad",
    metavar="REV",
    default="HEAD",
    help="A later one where it is bad, with the good one among its first parents; default: HEAD.",
)
@click.option(
    "--test",
    "command",
    metavar="CMD",
    help="Have CMD, a command for /bin/sh, decide about the packages, instead of whether they can be built. Its exit "
    "status is 0 for good, 125 for a commit that cannot be tested, another up to 127 for bad. "
    "$ALTAI_BUILD_PACKAGES is a folder with copies of the packages of COMPONENT, $ALTAI_BUILD_NEEDS one with "
    "those of the components that it needs, $ALTAI_BUILD_COMMIT the commit. CMD runs outside of any sandbox.",
)
@against_option
@wait_option
@json_option
@click.pass_obj
def bisect(
    app: App,
    component: str,
    good: str,
    bad: str,
    command: str | None,
    against: str | None,
    wait: float,
    as_json: bool,
) -> None:
    """Find the commit that broke COMPONENT.

    First the superproject's commits between --good and --bad are searched, then the commits of the component whose pin
    changed there, be it COMPONENT or one that it needs. With n commits from good to bad, both counted, that takes at
    most log2(n) + 1 builds each, rounded up; what was built before is not built again, and neither is what failed.
    Commits that cannot be tested are skipped. All are built with the repos.yaml and the mock configurations of now.

    \b
    Examples:
      altai-build bisect nova --good v1.0.1
      altai-build bisect nova --good v1.0.1 --bad v1.0.2 --test 'rpm -K "$ALTAI_BUILD_PACKAGES"/*.rpm'
      altai-build bisect nova --good v1.0.1 --test ./install-and-try.sh
    """
    from altai_build.pipeline.bisect.run import bisect as find_commit

    run = app.create_building_run(app.load_config())
    with run.lock(wait=wait):
        released = open_released_builds(run, against)
        result = find_commit(
            run,
            component,
            good,
            bad,
            command=command,
            find_released=released.find if released is not None else None,
        )
    if as_json:
        print_json(bisection_to_json(result))
    else:
        _print(result)
    _print_evidence(app, result)


def _print(result: Bisection) -> None:
    for found in (result.first_bad, result.inner):
        if found is not None:
            where = found.place or "the superproject"
            names = "first bad commit" if len(found.commits) == 1 else "one of these is the first bad commit"
            print_text(f"{names} of {where}, of {found.searched}:")
            print_table(
                ("commit", "subject"), [(f"  {commit.id}", commit.subject) for commit in found.commits]
            )
    if result.pins:
        print("pins that changed there:")
    print_table(
        ("path", "old", "new", "needed"),
        [
            (
                f"  {pin.path}",
                (pin.old or "-")[:12],
                (pin.new or "-")[:12],
                "needed" if pin.path in result.needed else "not needed",
            )
            for pin in result.pins
        ],
    )
    if result.note:
        print_text(result.note)
    print_text(f"tested, with {format_count(result.builds, 'build')}:")
    print_table(
        ("result", "commit", "of", "known from", "seconds", "subject", "reason"),
        [
            (
                f"  {test.answer.value}",
                test.commit[:12],
                test.place or "superproject",
                test.source.value,
                f"{test.seconds:.1f}",
                test.subject,
                test.reason,
            )
            for test in result.tests
        ],
    )


def _print_evidence(app: App, result: Bisection) -> None:
    """Why the first bad commit is bad, and what to do next."""
    found = result.inner or result.first_bad
    (commit, *others) = found.commits
    evidence = _find_evidence(result, found)
    if evidence is not None:
        app.info("\n  ".join(filter(None, (f"{evidence.commit[:12]}: {evidence.reason}", *evidence.causes))))
        if evidence.log is not None:
            app.info(f"log: {evidence.log}")
    if others or (result.inner is None and result.note):
        app.info("next: look at what changed there, or name other commits with --good and --bad")
    elif result.inner is not None:
        app.info(
            f"next: `git show {commit.id}` in {found.place}; pin a commit without it, or one that fixes it"
        )
    else:
        app.info(f"next: `git show {commit.id}` in the superproject")


def _find_evidence(result: Bisection, found: FirstBad) -> CommitTest | None:
    """The test of the first bad commit, else the last that was bad: that of the whole range."""
    bad = [test for test in result.tests if test.answer.value == "bad"]
    ids = {commit.id for commit in found.commits}
    return next((test for test in bad if test.commit in ids), bad[-1] if bad else None)


def bisection_to_json(result: Bisection) -> dict[str, object]:
    """The result as `bisect --json` prints it."""
    return {
        "component": result.component,
        "good": result.good,
        "bad": result.bad,
        "builds": result.builds,
        "superproject": _found_to_json(result.first_bad),
        "pins": [
            {
                "path": pin.path,
                "status": pin.status,
                "old": pin.old,
                "new": pin.new,
                "needed": pin.path in result.needed,
            }
            for pin in result.pins
        ],
        "files": list(result.files),
        "inner": _found_to_json(result.inner) if result.inner is not None else None,
        "note": result.note,
        "tests": [
            {
                "of": test.place or None,
                "commit": test.commit,
                "subject": test.subject,
                "result": test.answer,
                "known_from": test.source,
                "seconds": test.seconds,
                "reason": test.reason,
                "causes": list(test.causes),
                "log": test.log and str(test.log),
            }
            for test in result.tests
        ],
    }


def _found_to_json(found: FirstBad) -> dict[str, object]:
    return {
        "of": found.place or None,
        "searched": found.searched,
        "first_bad": [{"commit": commit.id, "subject": commit.subject} for commit in found.commits],
    }
