"""`log`: the log of a component's build, in the workspace or in a release."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.options import component_argument, json_option, key_option, releases_option
from altai_build.cli.output import print_json, print_path
from altai_build.cli.reading import open_reading
from altai_build.cli.streams import is_reader_gone
from altai_build.errors import InputError, UsageError, describe_cause
from altai_build.regular_files import open_regular_file


@click.command()
@component_argument
@click.argument("version", required=False)
@click.option("-f", "--follow", is_flag=True, help="Print what the log gains, until the build ends.")
@click.option("--path", "only_path", is_flag=True, help="Print where the log is instead of the log.")
@click.option("--no-pager", is_flag=True, help="Print on the terminal itself, not in a pager ($PAGER).")
@releases_option
@key_option
@json_option
@click.pass_obj
def log(
    app: App,
    component: str,
    version: str | None,
    follow: bool,
    only_path: bool,
    no_pager: bool,
    where: str | None,
    keys: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the log of a component's build.

    That of the build that runs now, else that of the last run: the log of the failure where it failed. With VERSION
    (`latest`, the path of a release's folder with a slash in it, or its URL) the log that this release has.

    On a terminal the log is shown in a pager. --follow ends when the build ends. Control characters that a build
    printed are left out or escaped.

    \b
    Examples:
      altai-build log nova
      altai-build log nova --follow
      altai-build log nova 1.0.2
    """
    if version is not None or where is not None:
        if follow:
            raise UsageError("--follow needs a build that runs; one of a release has ended")
        _show_released(app, component, version or "latest", where, keys, only_path, no_pager, as_json)
        return
    if follow and (only_path or as_json):
        raise UsageError("--follow prints the log itself: leave out --path and --json")
    if follow and _follow(app, component):
        return
    from altai_build.pipeline.build.logs import RUNNING, find_log

    found = find_log(app.get_workspace(), component)
    if as_json:
        print_json(
            {
                "component": component,
                "release": None,
                "status": found.status,
                "reason": found.reason,
                "log": str(found.path),
                "trust": None,
            }
        )
    elif only_path:
        print_path(found.path)
    else:
        if found.status == RUNNING:
            app.info(f"{component} is being built; `altai-build log {component} --follow` shows what follows")
        else:
            app.info(f"{component}: {found.status} in the last run: {found.reason}")
        _print_log(found.path, no_pager or follow)


def _show_released(
    app: App,
    component: str,
    version: str,
    where: str | None,
    keys: tuple[str, ...],
    only_path: bool,
    no_pager: bool,
    as_json: bool,
) -> None:
    from altai_build.pipeline.published.logs import fetch_released_log

    reading = open_reading(app, where, [version], keys)
    release = reading.reader.read(reading.catalog.find(version))
    path = fetch_released_log(reading.catalog, reading.reader, release, component)
    url = reading.catalog.find_url(release.directory)
    place = f"{url}/{path.relative_to(release.directory)}" if url is not None else str(path)
    build = next(build for build in release.manifest.builds if build.component == component)
    if as_json:
        print_json(
            {
                "component": component,
                "release": release.manifest.version,
                "status": build.status,
                "reason": build.reason,
                "log": place,
                "trust": release.trust.level,
            }
        )
    elif only_path:
        print(place) if url is not None else print_path(path)
    else:
        _print_log(path, no_pager)


def _follow(app: App, component: str) -> bool:
    """Print the log of a build while it runs; False where none ran, so that its log is complete already."""
    from altai_build.pipeline.build.logs import follow_log
    from altai_build.tools.progress import ProgressReporter

    has_printed = False
    for text in follow_log(app.get_workspace(), component, is_wanted=lambda: not is_reader_gone()):
        if text:
            sys.stdout.write(text)
            sys.stdout.flush()
            has_printed = True
    if has_printed:
        ProgressReporter(quiet=app.quiet).info(f"the build of {component} has ended")
    return has_printed


def _print_log(path: Path, no_pager: bool) -> None:
    """Raises InputError for a log that cannot be read, also in the middle."""
    if sys.stdout.isatty() and not no_pager:
        click.echo_via_pager(_read(path))
        return
    for text in _read(path):
        sys.stdout.write(text)


def _read(path: Path) -> Iterator[str]:
    from altai_build.tools.buildlog.display import read_clean

    try:
        with open_regular_file(path) as stream:
            yield from read_clean(stream, is_compressed=path.suffix == ".gz")
    except OSError as error:
        raise InputError(f"the log {path} cannot be read", why=describe_cause(error)) from error
