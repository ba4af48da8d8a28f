"""`changed`: which pinned components differ between two superproject commits."""

from __future__ import annotations

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option
from altai_build.cli.output import print_json, print_table
from altai_build.tools.git.revisions import RepositoryHistory


@click.command()
@click.argument("old", required=False)
@click.argument("new", required=False)
@json_option
@click.pass_obj
def changed(app: App, old: str | None, new: str | None, as_json: bool) -> None:
    """List the gitlinks that differ between OLD and NEW (default: HEAD^ and HEAD).

    Added, modified and removed pins below superproject.components; a moved pin is one removed and one added. A merge
    is compared with its first parent, the first commit of all with nothing. Work trees are never looked at.

    \b
    Example:
      altai-build changed v1.0.1 HEAD --json
    """
    superproject = app.read_superproject()
    rows = RepositoryHistory(superproject.folder).list_changed_gitlinks(old, new, superproject.components)
    if as_json:
        print_json(rows)
    else:
        print_table(
            ("status", "path", "old", "new"),
            [(row.status.value, row.path, (row.old or "-")[:12], (row.new or "-")[:12]) for row in rows],
        )
