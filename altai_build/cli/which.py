"""`which`: the releases that have a package, file, checksum or commit."""

from __future__ import annotations

from dataclasses import asdict

import click

from altai_build.cli.app import App
from altai_build.cli.options import format_option, json_option, key_option, releases_option
from altai_build.cli.output import digest_cell, print_json, print_table
from altai_build.cli.packages import origin_label, origin_record
from altai_build.cli.reading import open_reading
from altai_build.errors import InputError, UsageError
from altai_build.model.inventory import PackageMatch


@click.command()
@click.argument("thing", metavar="NAME|NEVRA|RANGE|FILE|SHA256|CAPABILITY|COMMIT")
@releases_option
@key_option
@format_option
@json_option
@click.pass_obj
def which(app: App, thing: str, where: str | None, keys: tuple[str, ...], as_json: bool) -> None:
    """Find the releases that hold a package, file or commit.

    NAME may be a pattern, NEVRA may end after the version. RANGE compares versions by rpm's rules. FILE is the file
    name of an RPM or of a source package, the path of an RPM on this machine (its bytes are compared), or the absolute
    path of a file that packages install. COMMIT is a commit of a component or of the superproject, in four digits or
    more; releases that contain it only in a component's history are listed too, as far as local clones show it.

    \b
    Examples:
      altai-build which 'python-*client'
      altai-build which 'nova < 2012.2'
      altai-build which /usr/bin/nova
      altai-build which 6f2c1e0
    """
    from altai_build.pipeline.published.inventory import suggest_package

    if not thing.strip():
        raise UsageError("an empty text names no package, file or commit")
    reading = open_reading(app, where, keys=keys)
    reader = reading.reader
    matches = reading.releases.find(thing)
    if as_json and matches:
        levels = reader.levels
        print_json([{**_match_record(match), "trust": levels[match.release]} for match in matches])
    elif matches:
        print_table(
            ("release", "found by", "package", "repository", "SHA-256", "origin", "note"),
            [_match_cells(match) for match in matches],
        )
    reader.refuse_unreadable("releases that cannot be read were not searched")
    if not matches:
        suggestion = suggest_package(reader, reading.catalog, thing)
        raise InputError(
            f"no release has {thing}",
            why=suggestion,
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
        digest_cell(package.sha256),
        origin_label(package.origin),
        match.note,
    )
