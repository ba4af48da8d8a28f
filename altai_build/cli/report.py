"""`report`: the page of a release."""

from __future__ import annotations

from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option
from altai_build.cli.output import print_json
from altai_build.errors import InputError


@click.command()
@click.argument("version")
@click.option(
    "-o",
    "output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Verify the release again and write a new report to FILE.",
)
@json_option
@click.pass_obj
def report(app: App, version: str, output: Path | None, as_json: bool) -> None:
    """Print the path of the HTML report of release VERSION.

    The report is part of the release and covered by its checksums. With -o the release is verified again, and a new
    report is written to FILE; the released one does not change.

    \b
    Examples:
      altai-build report 1.0.2
      altai-build report 1.0.2 -o /tmp/report.html
    """
    from altai_build.pipeline.published.releases import load_manifest, releases_directory
    from altai_build.pipeline.published.verify import verify_published
    from altai_build.stages.report import REPORT_PAGE, write_report

    config = app.load_config()
    releases = releases_directory(config)
    directory = (releases / version).resolve()
    manifest = load_manifest(directory)
    page = directory / REPORT_PAGE
    if output is not None:
        verification = verify_published(app.create_run(config), directory)
        previous = releases / manifest.previous if manifest.previous else None
        before = load_manifest(previous) if previous is not None and previous.is_dir() else None
        page = write_report(
            directory, manifest, verification, project=config.project, previous=before, page=output.absolute()
        )
    elif not page.exists():
        raise InputError(
            f"release {manifest.version} was made without a page",
            todo=f"altai-build report {version} -o FILE makes one from its manifest",
        )
    if as_json:
        print_json({"release": manifest.version, "report": str(page), "written": output is not None})
    else:
        print(page)
