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
from altai_build.model.release import Manifest, ReleasePart
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

    The report is part of the release and covered by its checksums. With -o the release is verified again, and a new
    report is written to FILE; the released one does not change.

    \b
    Examples:
      altai-build report 1.0.2
      altai-build report 1.0.2 -o /tmp/report.html
    """
    if output is not None:
        from altai_build.tools.output_directory import refuse_release

        refuse_release(output)
        if output.is_dir():
            raise InputError(
                f"cannot write to {output}", why="it is a folder", todo="name a file with -o FILE"
            )
    reading = open_reading(app, where, [version], keys)
    part = ReleasePart.REPORT if output is None else ReleasePart.WHOLE
    directory = reading.catalog.find(version, part)
    release = reading.reader.read(directory)
    manifest = release.manifest
    url = reading.catalog.find_url(directory)
    page: Path | str = directory / REPORT_PATH
    if output is not None:
        # The path of the published page is found without all this.
        from altai_build.pipeline.published.verify import find_project, verify_published
        from altai_build.stages.report import write_report

        verification = verify_published(reading.run, directory, signers=[Path(key) for key in keys])
        previous = _find_previous(reading, directory, manifest)
        page = write_report(
            directory,
            manifest,
            verification,
            project=find_project(reading.run, directory),
            previous=previous.manifest if previous else None,
            page=output.absolute(),
        )
    elif not (directory / REPORT_PATH).exists():
        raise InputError(
            f"release {manifest.version} has no report",
            todo=f"`altai-build report {version} -o FILE` writes one from its manifest",
        )
    else:
        reading.reader.warn_of_changed_files(release, [REPORT_PATH])
        if url is not None:
            page = f"{url}/{REPORT_PATH}"
    if as_json:
        written = {"report": str(page), "written": output is not None}
        print_json({"release": manifest.version, **written, "trust": release.trust.level})
    else:
        print_path(page) if isinstance(page, Path) else print(page)


def _find_previous(reading: Reading, directory: Path, manifest: Manifest) -> CheckedManifest | None:
    """The release that this one follows, if it is where this one is."""
    if manifest.previous is None or reading.catalog.find_url(directory) is not None:
        return None
    beside = directory.parent / manifest.previous
    return reading.reader.read(beside) if beside.is_dir() else None
