"""`release`: from a commit to a published release."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import choose_passphrase, dependants_option, json_option, rev_option, wait_option
from altai_build.cli.output import print_json, print_path, print_table
from altai_build.cli.plan import get_exit_code, list_skipped_rows, list_wave_rows, order_to_json
from altai_build.errors import InputError, UsageError
from altai_build.model.findings import finding_to_json
from altai_build.model.gitlink import require_commit
from altai_build.model.quantity import format_count, format_size
from altai_build.model.release_files import REPORT_PATH

if TYPE_CHECKING:
    from altai_build.pipeline.release.plan import ReleasePlan
    from altai_build.pipeline.release.run import ReleaseResult
    from altai_build.pipeline.run import Run


@click.command()
@click.argument("version")
@rev_option
@click.option("--dry-run", is_flag=True, help="Print the plan; change nothing.")
@click.option("--tag", is_flag=True, help="Make a signed tag in the superproject and in every component.")
@click.option("--push-tags", is_flag=True, help="Push the tags after the release is published.")
@dependants_option
@wait_option
@json_option
@click.pass_obj
def release(
    app: App,
    version: str,
    rev: str,
    dry_run: bool,
    tag: bool,
    push_tags: bool,
    dependants: str | None,
    wait: float,
    as_json: bool,
) -> int:
    """Build, sign, verify and publish release VERSION.

    Everything comes from the superproject commit: pinned components, specs, repos.yaml. Packages that have not changed
    since the previous release are reused byte for byte. A release is published completely or not at all, and never
    changes afterwards.

    --tag makes one annotated tag, PROJECT-VERSION, in the local clones of the superproject and of every component. The
    release is refused before the first build if a clone or its remote already has that tag; no tag is ever forced.

    \b
    Examples:
      altai-build release 1.0.2 --dry-run
      altai-build release 1.0.2
    """
    from altai_build.pipeline.build.work_trees import warn_of_work_trees
    from altai_build.pipeline.release.plan import plan_release
    from altai_build.pipeline.release.run import make_release, read_finished_release, recover_releases
    from altai_build.pipeline.release.tagging import plan_release_tags
    from altai_build.stages.tag import push_tags as push

    if push_tags and not tag:
        raise UsageError("--push-tags needs --tag", todo="add --tag, which makes the tags to push")
    run = app.create_building_run(app.load_config(), dependants=dependants)
    if dry_run:
        plan = plan_release(run, version, rev, tag=tag, push=push_tags)
        _print_plan(plan, as_json)
        return get_exit_code(plan.build_plan)
    with run.lock(wait=wait):
        recovery = recover_releases(run)
        result = read_finished_release(run, version, rev) if version in recovery.finished else None
        if result is not None:
            commit = require_commit(result.manifest.superproject.commit)
            tags = plan_release_tags(run, version, commit, pushing=push_tags) if push_tags else None
        else:
            plan = plan_release(run, version, rev, tag=tag, push=push_tags)
            if rev == "HEAD":
                warn_of_work_trees(
                    run, plan.build_plan.discovery.sourced, taken="only the pinned commit is released"
                )
            result = make_release(run, plan, choose_passphrase())
            tags = plan.tags
    with _published(version, unpushed=tags.name if tags is not None and push_tags else ""):
        _print_result(run, result, as_json)
        sys.stdout.flush()
    if tags is not None and push_tags:
        pushed = push(tags)
        run.reporter.info(f"pushed the tag {tags.name} to {format_count(len(pushed), 'remote')}")
    return 0


@contextmanager
def _published(version: str, *, unpushed: str) -> Iterator[None]:
    """What cannot be printed after a release was published does not hide that it was; nor that a tag is not pushed."""
    try:
        yield
    except OSError as error:
        push = f"; push the tag {unpushed} yourself" if unpushed else ""
        raise InputError(
            f"release {version} is published, but its description cannot be printed",
            why=f"{error.filename or 'output'}: {error.strerror or error}",
            todo=f"see it with `altai-build audit {version}`{push}",
        ) from error


def _print_result(run: Run, result: ReleaseResult, as_json: bool) -> None:
    if as_json:
        print_json(_result_to_json(result))
        return
    manifest = result.manifest
    size = sum(package.size for package in manifest.packages)
    print_path(result.directory)
    for finding in (*result.verification.findings, *result.upgrades.findings):
        run.reporter.warn(f"{finding.rule}: {finding.subject}: {finding.text}")
    for previous in result.upgrades.releases:
        run.reporter.info(f"upgrade from {previous}: {result.upgrades.outcome(previous).value}")
    run.reporter.info(
        f"release {manifest.version}: {format_count(len(manifest.packages), 'package')}, {format_size(size)}, "
        f"from commit {manifest.superproject.commit[:12]}"
    )
    if manifest.superproject.tag:
        run.reporter.info(f"made the tag {manifest.superproject.tag}")
    approvals = run.config.get_release_settings().approvals
    if approvals is not None:
        run.reporter.info(
            f"it needs {format_count(approvals.needed, 'approval')} before a channel shows it: `altai-build approve "
            f"{manifest.version} --key NAME`"
        )
    run.reporter.info(f"clients install from {result.directory / (run.config.project + '.repo')}")
    run.reporter.info(f"its page: {result.directory / REPORT_PATH}")
    if manifest.previous:
        run.reporter.info(
            f"next: `altai-build notes {manifest.previous} {manifest.version}` has what is new in it"
        )


def _result_to_json(result: ReleaseResult) -> dict[str, object]:
    manifest = result.manifest
    return {
        **result.verification.to_json(),
        "directory": str(result.directory),
        "commit": manifest.superproject.commit,
        "tag": manifest.superproject.tag,
        "previous": manifest.previous,
        "packages": len(manifest.packages),
        "builds": [
            {"component": build.component, "status": build.status, "reason": build.reason}
            for build in manifest.builds
        ],
        "upgrades": [
            {"from": previous, "outcome": result.upgrades.outcome(previous)}
            for previous in result.upgrades.releases
        ],
        "upgrade_findings": [finding_to_json(finding) for finding in result.upgrades.findings],
    }


def _print_plan(plan: ReleasePlan, as_json: bool) -> None:
    if as_json:
        print_json(_plan_to_json(plan))
        return
    rows = [*list_wave_rows(plan.build_plan, plan.reasons), *list_skipped_rows(plan.build_plan)]
    if plan.tags is not None:
        rows += [
            ("-", target.path, target.commit[:12], "-", f"tagged {plan.tags.name}")
            for target in plan.tags.targets
        ]
    print_table(("wave", "component", "commit", "needs", "reason"), rows)


def _plan_to_json(plan: ReleasePlan) -> dict[str, object]:
    return {
        "release": plan.version,
        "commit": plan.commit,
        "previous": plan.previous_version,
        "sorts_below": plan.newer_version,
        "follows": plan.follows,
        "expected_by": plan.expected_by,
        "target": plan.target.name,
        "tag": plan.tags.name if plan.tags else None,
        **order_to_json(plan.build_plan, plan.reasons),
    }
