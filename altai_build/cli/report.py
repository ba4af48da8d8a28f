"""`report`: the HTML report of a release."""

from __future__ import annotations

from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option, key_option
from altai_build.cli.output import print_json, print_path
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
@key_option
@json_option
@click.pass_obj
def report(app: App, version: str, output: Path | None, keys: tuple[str, ...], as_json: bool) -> None:
    """Print the path of the HTML report of release VERSION.

    The report is part of the release and covered by its checksums. With -o the release is verified again, and a new
    report is written to FILE; the released one does not change.

    \b
    Examples:
      altai-build report 1.0.2
      altai-build report 1.0.2 -o /tmp/report.html
    """
    from altai_build.pipeline.published.manifest_trust import open_reader
    from altai_build.pipeline.published.releases import find_release, open_releases
    from altai_build.pipeline.published.verify import verify_published
    from altai_build.stages.report import REPORT_PATH, write_report

    config = app.load_config()
    releases = open_releases(config, app.warn)
    directory = find_release(releases, version)
    reader = open_reader(config, keys, app.warn)
    release = reader.read(directory)
    manifest = release.manifest
    page = directory / REPORT_PATH
    if output is not None:
        verification = verify_published(app.create_reading_run(config), directory)
        folder = releases / manifest.previous if manifest.previous else None
        previous = reader.read(folder).manifest if folder is not None and folder.is_dir() else None
        page = write_report(
            directory,
            manifest,
            verification,
            project=config.project,
            previous=previous,
            page=output.absolute(),
        )
    elif not page.exists():
        raise InputError(
            f"release {manifest.version} has no report",
            todo=f"`altai-build report {version} -o FILE` writes one from its manifest",
        )
    else:
        reader.warn_of_changed_file(release, REPORT_PATH)
    if as_json:
        written = {"report": str(page), "written": output is not None}
        print_json({"release": manifest.version, **written, "trust": release.trust.level})
    else:
        print_path(page)
