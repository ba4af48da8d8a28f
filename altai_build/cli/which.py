"""`which`: the releases that have a package, file, checksum or commit."""

from __future__ import annotations

from dataclasses import asdict

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option, key_option
from altai_build.cli.output import print_json, print_table
from altai_build.cli.packages import origin_label, origin_record
from altai_build.errors import InputError
from altai_build.model.inventory import PackageMatch


@click.command()
@click.argument("thing", metavar="NAME|NEVRA|FILE|SHA256|COMMIT")
@key_option
@json_option
@click.pass_obj
def which(app: App, thing: str, keys: tuple[str, ...], as_json: bool) -> None:
    """Find the releases that hold a package, file or commit.

    NAME may be a pattern. FILE is the file name of an RPM, the path of an RPM on this machine (its bytes are compared),
    or the absolute path of a file that packages install. COMMIT is a commit of a component or of the superproject, in
    seven digits or more; releases that contain it only in a component's history are listed too.

    \b
    Examples:
      altai-build which 'python-*client'
      altai-build which /usr/bin/nova
      altai-build which 6f2c1e0
    """
    from altai_build.pipeline.published.inventory import find_matches, suggest_names
    from altai_build.pipeline.published.manifest_trust import open_reader
    from altai_build.pipeline.published.releases import open_releases

    run = app.create_reading_run(app.load_config())
    releases = open_releases(run.config, run.reporter.warn)
    reader = open_reader(run.config, keys, run.reporter.warn)
    matches = find_matches(run, reader, releases, thing)
    if as_json:
        levels = reader.levels
        print_json([{**_match_record(match), "trust": levels[match.release]} for match in matches])
    else:
        print_table(
            ("release", "found by", "package", "repository", "SHA-256", "origin", "note"),
            [_match_cells(match) for match in matches],
        )
    if not matches:
        similar = suggest_names(reader, releases, thing)
        raise InputError(
            f"no release has {thing}",
            why=f"similar names: {', '.join(similar)}" if similar else "",
            todo="`altai-build releases` lists the releases, `altai-build audit VERSION` the packages of one",
        )


_PACKAGE_KEYS = ("name", "arch", "repository", "file", "sha256", "size", "signer", "sourcerpm")


def _match_record(match: PackageMatch) -> dict[str, object]:
    package = match.package
    record: dict[str, object] = {"release": match.release, "matched": match.how, "note": match.note or None}
    if package is None:
        return {**record, "nevra": None}
    fields = asdict(package)
    return {
        **record,
        "nevra": str(package.nevra),
        **{key: fields[key] for key in _PACKAGE_KEYS},
        "origin": origin_record(package.origin),
    }


def _match_cells(match: PackageMatch) -> tuple[str, ...]:
    package = match.package
    if package is None:
        return (match.release, match.how.value, "-", "-", "-", "-", match.note)
    return (
        match.release,
        match.how.value,
        str(package.nevra),
        package.repository,
        package.sha256[:12],
        origin_label(package.origin),
        match.note,
    )
