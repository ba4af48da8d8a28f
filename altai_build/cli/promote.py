"""`promote`: a channel shows another release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import choose_passphrase, json_option, wait_option
from altai_build.cli.output import print_json, print_path
from altai_build.errors import UsageError
from altai_build.model.channel import promotion_to_json
from altai_build.model.findings import Severity, finding_to_json

if TYPE_CHECKING:
    from altai_build.pipeline.release.promote import PromotionPlan
    from altai_build.pipeline.run import Run


@click.command()
@click.argument("version")
@click.option("--to", "channel", metavar="CHANNEL", required=True, help="The channel, such as stable.")
@click.option("--dry-run", is_flag=True, help="Check everything and print the plan; change nothing.")
@click.option("--why", metavar="TEXT", default="", help="Why, for the history of the channel.")
@click.option("--back", metavar="REASON", help="Go back to an older release, and why.")
@wait_option
@json_option
@click.pass_obj
def promote(
    app: App,
    version: str,
    channel: str,
    dry_run: bool,
    why: str,
    back: str | None,
    wait: float,
    as_json: bool,
) -> int:
    """Let a channel show release VERSION.

    Machines that have the .repo file of a channel get each release that it shows with their next `dnf upgrade`. The
    release is verified, and updates from the release that the channel showed before are checked; with an error nothing
    changes. The switch is one rename of the link channels/CHANNEL beside the releases. Who, when, from, to and why are
    recorded there in history.json, which the release's key signs.

    --back goes to an older release: the check is then that `dnf distro-sync` gets there from every newer release that
    the channel has shown. Machines go back with distro-sync only; `upgrade` keeps newer packages.

    \b
    Examples:
      altai-build promote 1.0.2 --to stable
      altai-build promote 1.0.1 --to stable --back "1.0.2 loses guests on migration"
    """
    from altai_build.pipeline.release.promote import plan_promotion
    from altai_build.pipeline.release.promote import promote as make_promotion

    if back is not None and not back.strip():
        raise UsageError("--back needs a reason", todo="say why, for the history of the channel")
    if back is not None and why:
        raise UsageError("--back and --why exclude each other", todo="the reason to go back is the why")
    run = app.create_run(app.load_config(), builds=False)
    with run.lock(wait=wait):
        plan = plan_promotion(run, version, channel, why=why, reason_to_go_back=back)
        path = plan.directory.parent / "channels" / channel
        if plan.is_needed and not dry_run:
            path = make_promotion(run, plan, choose_passphrase())
    if as_json:
        print_json({**_document(plan), "directory": str(path), "dry_run": dry_run})
        return 0
    print_path(path)
    _print_story(run, plan, dry_run=dry_run)
    return 0


def _print_story(run: Run, plan: PromotionPlan, *, dry_run: bool) -> None:
    upgrades = plan.upgrades
    found = (*plan.verification.findings, *(upgrades.findings if upgrades is not None else ()))
    for finding in found:
        # What is accepted, and each package that goes back, is in the JSON.
        if finding.severity is not Severity.NOTE:
            run.reporter.warn(f"{finding.rule}: {finding.subject}: {finding.text}")
    for previous in upgrades.releases if upgrades is not None else ():
        assert upgrades is not None
        run.reporter.info(f"upgrade from {previous}: {upgrades.outcome(previous).value}")
    if upgrades is None:
        run.reporter.info("the channel showed no other release before: there is no upgrade to check")
    promotion = plan.promotion
    if not plan.is_needed:
        run.reporter.info(
            f"the channel {plan.channel} shows {promotion.version} already; nothing was changed"
        )
        return
    verb = "would show" if dry_run else "shows"
    since = f" (before: {promotion.previous})" if promotion.previous else ""
    run.reporter.info(f"the channel {plan.channel} {verb} {promotion.version}{since}")
    if promotion.is_back:
        run.reporter.info("machines go back with `dnf distro-sync`; yum needs `yum clean metadata` before it")


def _document(plan: PromotionPlan) -> dict[str, object]:
    upgrades = plan.upgrades
    return {
        "channel": plan.channel,
        "changed": plan.is_needed,
        **promotion_to_json(plan.promotion),
        "files": sorted(plan.files),
        "findings": [finding_to_json(finding) for finding in plan.verification.findings],
        "upgrades": [
            {"from": previous, "outcome": upgrades.outcome(previous)}
            for previous in (upgrades.releases if upgrades is not None else ())
            if upgrades is not None
        ],
        "upgrade_findings": [
            finding_to_json(finding) for finding in (upgrades.findings if upgrades is not None else ())
        ],
    }
