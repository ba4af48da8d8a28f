"""`srpm`: source packages straight from git."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option, rev_option
from altai_build.cli.output import print_rows
from altai_build.model.build import ComponentStatus
from altai_build.model.component import SrpmRow


@click.command()
@click.argument("components", nargs=-1, metavar="[COMPONENT]...")
@rev_option
@click.option(
    "-o",
    "output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Also copy the source packages to DIR.",
)
@json_option
@click.pass_obj
def srpm(app: App, components: tuple[str, ...], rev: str, output: Path | None, as_json: bool) -> int:
    """Make source packages (SRPMs) from pinned commits.

    Without COMPONENT a source package is made for every component. The spec comes from the component's commit, Source0
    is an archive of the repository, and Release: and %changelog name the commit. Specs are evaluated in a sandbox
    without network, home directory or keys. The same commit always gives the same bytes.

    \b
    Examples:
      altai-build srpm
      altai-build srpm nova glance --rev v1.0.2 -o /tmp/srpms
    """
    rows = _make_or_recall_rows(app, components, rev)
    if output is not None:
        from altai_build.tools.files import copy_into, make_directory

        make_directory(output)
        for index, row in enumerate(rows):
            if row.srpm is not None:
                rows[index] = replace(row, srpm=str(copy_into(Path(row.srpm), output)))
    print_rows(
        rows,
        as_json,
        ("status", "component", "commit", "package", "reason"),
        lambda row: (
            row.status.value,
            row.component,
            row.commit[:12],
            row.srpm or "-",
            row.reason.split("\n")[0],
        ),
    )
    for row in rows:
        if row.status is ComponentStatus.FAILED:
            named = row.reason.startswith(row.component)
            app.create_run(app.load_config(needed=False)).story.warn(
                row.reason if named else f"{row.component}: {row.reason}"
            )
    return max((row.exit_code for row in rows), default=0)


def _make_or_recall_rows(app: App, components: tuple[str, ...], rev: str) -> list[SrpmRow]:
    """The rows: as they were answered before where nothing that they depend on has changed."""
    from altai_build.pipeline.build.srpm_cache import SrpmCache
    from altai_build.tools.git.revisions import RepositoryHistory

    superproject = app.read_superproject()
    commit = RepositoryHistory(superproject.path).resolve_revision(rev)
    question = SrpmCache(superproject.path, commit, app.config_path, app.get_workspace())
    known = None if components else question.load_rows()
    if known is not None:
        return known
    from altai_build.tools.spec.reader import SpecReader

    with SpecReader(cache=app.get_workspace().specs) as reader:  # it gets ready while the rest is loaded
        from altai_build.pipeline.build.srpms import make_srpms

        srpm_batch = make_srpms(app.create_run(app.load_config(needed=False)), commit, components, reader)
    if not components:
        question.store_rows(srpm_batch.rows)
    return list(srpm_batch.rows)
