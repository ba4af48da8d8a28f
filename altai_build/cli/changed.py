"""`changed`: which pinned components differ between two superproject commits."""

from __future__ import annotations

import click

from altai_build.cli.app import App
from altai_build.cli.options import format_option, json_option
from altai_build.cli.output import digest_cell, print_json, print_table
from altai_build.tools.git.changed_gitlinks import list_changed_gitlinks
from altai_build.tools.git.revisions import RepositoryHistory


@click.command()
@click.argument("old", required=False)
@click.argument("new", required=False)
@format_option
@json_option
@click.pass_obj
def changed(app: App, old: str | None, new: str | None, as_json: bool) -> None:
    """List the gitlinks that differ between OLD and NEW.

    The default is HEAD^ and HEAD. Only gitlinks below superproject.components are listed: added, modified or removed; a
    gitlink with a new path is one removed and one added. A merge is compared with its first parent, and the first
    commit with an empty tree. Only commits are compared, never work trees.

    \b
    Examples:
      altai-build changed
      altai-build changed v1.0.1 HEAD --json
    """
    superproject = app.read_superproject()
    history = RepositoryHistory(superproject.folder)
    rows = list_changed_gitlinks(history, old, new, superproject.components)
    if as_json:
        print_json(rows)
    else:
        print_table(
            ("status", "path", "old", "new"),
            [(row.status.value, row.path, digest_cell(row.old), digest_cell(row.new)) for row in rows],
        )
        if not rows:
            below = ", ".join(superproject.components) or "nothing: superproject.components is empty"
            app.info(f"no gitlinks differ between {old or 'HEAD^'} and {new or 'HEAD'}, below {below}")
