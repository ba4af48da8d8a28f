"""`report`: the HTML report of a release."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option, key_option, releases_option
from altai_build.cli.output import print_json, print_path
from altai_build.cli.reading import Reading, open_reading
from altai_build.errors import InputError, UsageError
from altai_build.model.release import ReleasePart
from altai_build.model.release_files import RELEASES_PAGE, REPORT_PATH

if TYPE_CHECKING:
    from altai_build.pipeline.published.catalog import Catalog
    from altai_build.pipeline.published.manifest_trust import CheckedManifest


@click.command()
@click.argument("version", required=False)
@click.option("--index", is_flag=True, help="Write the page of all releases, `index.html` in their folder.")
@click.option(
    "-o",
    "output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Verify the release again and write a new report to FILE; with --index, the page of all releases.",
)
@releases_option
@key_option
@json_option
@click.pass_obj
def report(
    app: App,
    version: str | None,
    index: bool,
    output: Path | None,
    where: str | None,
    keys: tuple[str, ...],
    as_json: bool,
) -> None:
    """Print where the HTML report of release VERSION is.

    That is a path, or a URL for releases on a server.
    VERSION may also be `latest`, the path of a release's folder (with a slash in it), or its URL.

    The report is part of the release and covered by its checksums. With -o the release is verified again, upgrades from
    the releases before it are checked again, and a new report is written to FILE; the released one does not change.

    With --index instead of VERSION the page of all releases is written: into their folder, as each `release` does, or
    to FILE. It says what is latest, how large releases are and what they changed, and which keys they need.

    \b
    Examples:
      altai-build report 1.0.2
      altai-build report 1.0.2 -o /tmp/report.html
      altai-build report --index
    """
    if (version is None) != index:
        raise UsageError(
            "`report` needs the version of a release, or --index", todo="give one of them: `report latest`"
        )
    if output is not None:
        _refuse_output(output)
    if version is None:
        _write_index(open_reading(app, where, keys=keys), output, as_json)
        return
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


def _refuse_output(output: Path) -> None:
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


def _find_root(catalog: Catalog, page: Path) -> str:
    """The folder of all releases, as a page elsewhere links to it."""
    if catalog.url is not None:
        return f"{catalog.url}/"
    # Of a single release the folder that it is in.
    folder = catalog.folder or Path(catalog.location).absolute().parent
    return f"{quote(os.path.relpath(folder, page.parent))}/"


def _write_index(reading: Reading, output: Path | None, as_json: bool) -> None:
    """Write the page of all releases. Raises InputError after that when some could not be read."""
    from altai_build.pipeline.published.releases_page import collect_index, find_project_name, write_page
    from altai_build.stages.report.index import DamagedRelease, format_index
    from altai_build.tools.files import write_atomically

    catalog = reading.catalog
    project = find_project_name(reading.run, catalog)
    if output is not None:
        page = output.absolute()
        inputs = collect_index(catalog, reading.reader, project)
        write_atomically(page, format_index(inputs, _find_root(catalog, page)))
    elif catalog.folder is None:
        raise InputError(
            f"the page cannot be written to {catalog.location}",
            why="it is not a folder of releases on this machine",
            todo="name a file with -o FILE",
        )
    else:
        page = catalog.folder / RELEASES_PAGE
        inputs = write_page(catalog.folder, catalog, reading.reader, project)
    damaged = [release.name for release in inputs.releases if isinstance(release, DamagedRelease)]
    if as_json:
        releases = [release.name for release in inputs.releases if release.name not in damaged]
        print_json({"report": str(page), "written": True, "releases": releases, "damaged": damaged})
    else:
        print_path(page)
    reading.reader.refuse_unreadable("releases that cannot be read are only named on the page")
