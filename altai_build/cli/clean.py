"""`clean`: remove files from the workspace that are not needed or can be made again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import format_option, json_option, wait_option
from altai_build.cli.output import print_json, print_table, size_cell
from altai_build.errors import InputError
from altai_build.model.quantity import format_size, parse_duration, parse_size

if TYPE_CHECKING:
    from altai_build.pipeline.run import Run
    from altai_build.stages.clean import WorkspaceItem


def _parse_age(value: str) -> float:
    """Seconds out of 12h, 14d, 2w."""
    return _parse_parameter(parse_duration, value)


def _parse_bytes(value: str) -> float:
    """Bytes out of 500M, 20G."""
    return _parse_parameter(parse_size, value)


def _parse_parameter(parse: Callable[[str], float], value: str) -> float:
    try:
        return parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@contextmanager
def _listing_items(run: Run) -> Iterator[list[WorkspaceItem]]:
    """What can be removed of the workspace and of the channels, which no other run changes until the block ends."""
    from altai_build.stages.channel import list_channel_remains
    from altai_build.stages.clean import list_channel_items, list_workspace_items
    from altai_build.stages.publish import lock_releases

    items = list(list_workspace_items(run.workspace))
    releases = run.config.release.directory if run.config.release is not None else None
    if releases is None or not releases.is_dir():
        yield items
        return
    with lock_releases(releases):
        remains = list_channel_remains(releases)
        yield [*items, *list_channel_items(remains.earlier, remains.unfinished)]


@click.command()
@click.option(
    "--older-than",
    metavar="AGE",
    type=_parse_age,
    help="Remove files not used for AGE, such as 12h, 14d or 2w.",
)
@click.option(
    "--max-size",
    metavar="SIZE",
    type=_parse_bytes,
    help="Remove the longest unused files until at most SIZE is left, such as 500M or 20G.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be removed; remove nothing.")
@wait_option
@format_option
@json_option
@click.pass_obj
def clean(
    app: App, older_than: float | None, max_size: float | None, dry_run: bool, wait: float, as_json: bool
) -> None:
    """Remove files that are no longer needed from the workspace.

    Without options only the remains of killed runs are removed. --older-than and --max-size also remove files that can
    be made again: base buildroots and layers, builds, source packages, signed copies, logs and downloads; and the
    folders that a channel showed before. Keys, locked third-party packages, releases, files that a release links to,
    and what a channel shows are never removed.

    \b
    Example:
      altai-build clean --older-than 14d --max-size 20G
    """
    from altai_build.stages.clean import clean_up, plan_cleanup, prune_ledger

    run = app.create_run(app.load_config(needed=False), builds=False)
    # Files of buildroots may have ids that belong to a user namespace.
    app.become_root()
    if not run.workspace.root.is_dir():
        raise InputError(
            f"there is no workspace {run.workspace.root}",
            why="nothing has been built there yet, or it is another folder",
            todo="name the superproject's folder with -C DIR, or the workspace with --workspace DIR",
        )
    with run.lock(wait=wait), _listing_items(run) as items:
        cleanup_plan = plan_cleanup(
            items,
            now=time.time(),
            older_than=older_than,
            max_size=None if max_size is None else int(max_size),
        )
        if not dry_run:
            clean_up(cleanup_plan)
            prune_ledger(run.workspace, run.ledger)
    rows = [
        {
            "kind": removal.item.kind,
            "path": str(removal.item.path),
            "bytes": removal.item.size,
            "last_used": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(removal.item.used)),
            "reason": removal.reason,
        }
        for removal in cleanup_plan.removals
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
                removal.item.kind,
                str(removal.item.path),
                size_cell(removal.item.size),
                time.strftime("%Y-%m-%d", time.gmtime(removal.item.used)),
                removal.reason,
            )
            for removal in cleanup_plan.removals
        ],
    )
    verb = "would free" if dry_run else "freed"
    freed, kept = format_size(cleanup_plan.freed_bytes), format_size(cleanup_plan.kept)
    run.reporter.info(f"{verb} {freed}; kept {kept}")
