"""`srpm`: source packages straight from git."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from altai_build.cli.app import App, json_option, print_rows
from altai_build.model.plan import Status


@click.command()
@click.argument("components", nargs=-1, metavar="[COMPONENT]...")
@click.option("--rev", metavar="REV", default="HEAD", help="The superproject commit; default: HEAD.")
@click.option(
    "-o", "output", metavar="DIR", type=click.Path(path_type=Path), help="Also put the files in DIR."
)
@json_option
@click.pass_obj
def srpm(app: App, components: tuple[str, ...], rev: str, output: Path | None, as_json: bool) -> int:
    """Make source packages from the pinned commits; all components when none is named.

    The spec comes from the component's commit, Source0 is the repository itself, Release: and %changelog carry the
    commit. Specs are evaluated in a sandbox without network, home or keys. The same commit gives the same bytes.

    \b
    Example:
      altai-build srpm nova glance --rev v1.0.2 -o /tmp/srpms
    """
    from altai_build.pipeline.srpms import make_srpms
    from altai_build.tools.files import link_or_copy, make_directory

    run = app.run(app.config(needed=False))
    sourcing = make_srpms(run, rev, components)
    rows = list(sourcing.rows)
    if output is not None:
        make_directory(output)
        for _, made in sourcing.made:
            place = output / made.path.name
            place.unlink(missing_ok=True)
            link_or_copy(made.path, place)
        places = {str(made.path): str(output / made.path.name) for _, made in sourcing.made}
        rows = [replace(row, srpm=places.get(row.srpm or "", row.srpm)) for row in rows]
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
        if row.status is Status.FAILED:
            named = row.reason.startswith(row.component)
            run.story.warn(row.reason if named else f"{row.component}: {row.reason}")
    return max((row.exit_code for row in rows), default=0)
