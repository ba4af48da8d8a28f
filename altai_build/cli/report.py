"""`report`: the HTML report of a release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option, key_option, releases_option
from altai_build.cli.output import print_json, print_path
from altai_build.cli.reading import Reading, open_reading
from altai_build.errors import InputError
from altai_build.model.release import ReleasePart
from altai_build.model.release_files import REPORT_PATH

if TYPE_CHECKING:
    from altai_build.pipeline.published.manifest_trust import CheckedManifest


@click.command()
@click.argument("version")
@click.option(
    "-o",
    "output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Verify the release again and write a new report to FILE.",
)
@releases_option
@key_option
@json_option
@click.pass_obj
def report(
    app: App, version: str, output: Path | None, where: str | None, keys: tuple[str, ...], as_json: bool
) -> None:
    """Print where the HTML report of release VERSION is.

    That is a path, or a URL for releases on a server.
    VERSION may also be `latest`, the path of a release's folder (with a slash in it), or its URL.

    The report is part of the release and covered by its checksums. With -o the release is verified again, upgrades from
    the releases before it are checked again, and a new report is written to FILE; the released one does not change.

    \b
    Examples:
      altai-build report 1.0.2
      altai-build report 1.0.2 -o /tmp/report.html
    """
    if output is not None:
        refuse_output(output)
    reading = open_reading(app, where, [version], keys)
    part = ReleasePart.REPORT if output is None else ReleasePart.WHOLE
    directory = reading.catalog.find(version, part)
    release = reading.reader.read(directory)
    page: Path | str
    if output is not None:
        page = _write(reading, release, version, where, keys, output)
    else:
        page = _find(reading, release, version)
    if as_json:
        written = {"report": str(page), "written": output is not None}
        print_json({"release": release.manifest.version, **written, "trust": release.trust.level})
    else:
        print_path(page) if isinstance(page, Path) else print(page)


def refuse_output(output: Path) -> None:
    """Raise InputError for a folder, and for a file in a release."""
    from altai_build.tools.output_directory import refuse_release

    refuse_release(output)
    if output.is_dir():
        raise InputError(f"cannot write to {output}", why="it is a folder", todo="name a file with -o FILE")


def _find(reading: Reading, release: CheckedManifest, version: str) -> Path | str:
    """The path or URL of the page that is part of a release."""
    page = release.directory / REPORT_PATH
    if not page.exists():
        raise InputError(
            f"release {release.manifest.version} has no report",
            todo=f"`altai-build report {version} -o FILE` writes one from its manifest",
        )
    reading.reader.warn_of_changed_files(release, [REPORT_PATH])
    url = reading.catalog.find_url(release.directory)
    return page if url is None else f"{url}/{REPORT_PATH}"


def _write(
    reading: Reading,
    release: CheckedManifest,
    version: str,
    where: str | None,
    keys: tuple[str, ...],
    output: Path,
) -> Path:
    """Write a new page."""
    # The path of the published page is found without all this.
    from altai_build.pipeline.published.catalog import locate_releases, open_catalog
    from altai_build.pipeline.published.report import collect_report_again
    from altai_build.stages.report.page import write_report

    directory = release.directory
    others = locate_releases(directory, version, where)
    with open_catalog(reading.run, others) as catalog:
        inputs = collect_report_again(
            reading.run, reading.reader, release, catalog, [Path(key) for key in keys]
        )
    return write_report(directory, inputs, page=output.absolute(), url=reading.catalog.find_url(directory))
