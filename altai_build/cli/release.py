"""`release`: the whole road from a commit to a published release."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import dependants_option, json_option, rev_option, wait_option
from altai_build.cli.output import print_json, print_table
from altai_build.errors import UsageError
from altai_build.model.findings import finding_to_json
from altai_build.model.openpgp import PublicKey
from altai_build.model.quantity import format_size

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
) -> None:
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
    from altai_build.pipeline.release.plan import plan_release
    from altai_build.pipeline.release.run import release as make_release
    from altai_build.stages.tag import push_tags as push
    from altai_build.tools.openpgp.passphrase import choose_passphrase_source

    if push_tags and not tag:
        raise UsageError("--push-tags needs tags to push", todo="say --tag too")
    run = app.create_run(app.load_config(), dependants=dependants)
    if dry_run:
        _print_release_plan(plan_release(run, version, rev, tag=tag, push=push_tags), as_json)
        return
    with run.workspace.lock(wait=wait):
        release_plan = plan_release(run, version, rev, tag=tag, push=push_tags)
        outcome = make_release(
            run, release_plan, choose_passphrase_source(_ask if sys.stdin.isatty() else None)
        )
    _print_release_result(run, outcome, as_json)
    if release_plan.tags is not None and push_tags:
        pushed = push(release_plan.tags)
        run.story.info(f"tag {release_plan.tags.name} pushed to {len(pushed)} remotes")


def _print_release_result(run: Run, outcome: ReleaseResult, as_json: bool) -> None:
    manifest = outcome.manifest
    if as_json:
        print_json(
            {
                **outcome.verification.to_json(),
                "directory": str(outcome.directory),
                "commit": manifest.superproject.commit,
                "tag": manifest.superproject.tag,
                "previous": manifest.previous,
                "packages": len(manifest.packages),
                "builds": [
                    {"component": one.component, "status": one.status, "reason": one.reason}
                    for one in manifest.builds
                ],
                "upgrades": [
                    {"from": old, "outcome": outcome.upgrades.outcome(old)}
                    for old in outcome.upgrades.releases
                ],
                "upgrade_findings": [finding_to_json(one) for one in outcome.upgrades.findings],
            }
        )
        return
    size = sum(package.size for package in manifest.packages)
    print(outcome.directory)
    for finding in (*outcome.verification.findings, *outcome.upgrades.findings):
        run.story.warn(f"{finding.rule}: {finding.subject}: {finding.text}")
    for old in outcome.upgrades.releases:
        run.story.info(f"upgrade from {old}: {outcome.upgrades.outcome(old).value}")
    run.story.info(
        f"release {manifest.version}: {len(manifest.packages)} packages, {format_size(size)}, "
        f"from commit {manifest.superproject.commit[:12]}"
    )
    if manifest.superproject.tag:
        run.story.info(f"tagged {manifest.superproject.tag}")
    run.story.info(f"clients take {Path(outcome.directory) / (run.config.project + '.repo')}")


def _ask(key: PublicKey) -> str:
    return str(click.prompt(f"Passphrase of {key.uid} ({key.key_id})", hide_input=True, err=True))


def _print_release_plan(release_plan: ReleasePlan, as_json: bool) -> None:
    order = release_plan.build_plan.order
    commits = release_plan.build_plan.commits
    reasons = {**release_plan.build_plan.reasons, **release_plan.change_status}
    if as_json:
        print_json(
            {
                "release": release_plan.version,
                "commit": release_plan.commit,
                "previous": release_plan.previous.version if release_plan.previous else None,
                "target": release_plan.target.name,
                "tag": release_plan.tags.name if release_plan.tags else None,
                "waves": [
                    [
                        {
                            "component": name,
                            "commit": commits[name],
                            "needs": order.needs[name],
                            "reason": reasons[name],
                        }
                        for name in wave
                    ]
                    for wave in order.waves
                ],
                "cycles": order.cycles,
                "skipped": [
                    {"component": out.name, "commit": out.commit, "reason": out.reason}
                    for out in release_plan.build_plan.discovery.without_srpm
                ],
            }
        )
        return
    rows = [
        (str(number), name, commits[name][:12], ", ".join(order.needs[name]) or "-", reasons[name])
        for number, wave in enumerate(order.waves, start=1)
        for name in wave
    ]
    rows += [
        ("-", out.name, out.commit[:12], "-", f"skipped: {out.reason}")
        for out in release_plan.build_plan.discovery.without_srpm
    ]
    if release_plan.tags is not None:
        rows += [
            ("-", place.title, place.commit[:12], "-", f"tagged {release_plan.tags.name}")
            for place in release_plan.tags.targets
        ]
    print_table(("wave", "component", "commit", "needs", "reason"), rows)
