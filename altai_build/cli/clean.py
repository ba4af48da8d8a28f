"""`clean`: the workspace kept small."""

from __future__ import annotations

import time
from collections.abc import Callable

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option, wait_option
from altai_build.cli.output import print_json, print_table
from altai_build.model.quantity import format_size, parse_duration, parse_size


def _age(value: str) -> float:
    """Seconds out of 12h, 14d, 2w."""
    return _parameter(parse_duration, value)


def _size(value: str) -> float:
    """Bytes out of 500M, 20G."""
    return _parameter(parse_size, value)


def _parameter(read: Callable[[str], float], value: str) -> float:
    try:
        return read(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.option(
    "--older-than", metavar="AGE", type=_age, help="Remove files not used for AGE, such as 12h, 14d or 2w."
)
@click.option(
    "--max-size",
    metavar="SIZE",
    type=_size,
    help="Remove the longest unused files until at most SIZE is left, such as 500M or 20G.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be removed; remove nothing.")
@wait_option
@json_option
@click.pass_obj
def clean(
    app: App, older_than: float | None, max_size: float | None, dry_run: bool, wait: float, as_json: bool
) -> None:
    """Remove files that are no longer needed from the workspace.

    Without options only the remains of killed runs are removed. --older-than and --max-size also remove files that can
    be made again: base buildroots and layers, builds, source packages, signed copies, logs and downloads. Keys, locked
    third-party packages and files that a release links to are never removed.

    \b
    Example:
      altai-build clean --older-than 14d --max-size 20G
    """
    from altai_build.stages.clean import list_workspace_items, plan_cleanup, prune_ledger, remove

    run = app.create_run(app.load_config(needed=False))
    with run.workspace.lock(wait=wait):
        cleanup_plan = plan_cleanup(
            list_workspace_items(run.workspace),
            now=time.time(),
            older_than=older_than,
            max_size=None if max_size is None else int(max_size),
        )
        if not dry_run:
            remove(cleanup_plan)
            prune_ledger(run.workspace, run.ledger)
    rows = [
        {
            "kind": one.item.kind,
            "path": str(one.item.path),
            "bytes": one.item.size,
            "last_used": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one.item.used)),
            "reason": one.reason,
        }
        for one in cleanup_plan.removals
    ]
    if as_json:
        print_json(
            {
                "removed": rows,
                "freed": cleanup_plan.freed_bytes,
                "kept": cleanup_plan.kept,
                "dry_run": dry_run,
            }
        )
        return
    print_table(
        ("kind", "path", "size", "last used", "reason"),
        [
            (
                one.item.kind,
                str(one.item.path),
                format_size(one.item.size),
                time.strftime("%Y-%m-%d", time.gmtime(one.item.used)),
                one.reason,
            )
            for one in cleanup_plan.removals
        ],
    )
    verb = "would free" if dry_run else "freed"
    run.reporter.info(
        f"{verb} {format_size(cleanup_plan.freed_bytes)}; {format_size(cleanup_plan.kept)} stay"
    )
