"""`which`: the releases that have a package, file, checksum or commit."""

from __future__ import annotations

from dataclasses import asdict

import click

from altai_build.cli.app import App
from altai_build.cli.audit import origin_line, origin_record
from altai_build.cli.options import json_option
from altai_build.cli.output import print_json, print_table
from altai_build.errors import InputError
from altai_build.model.inventory import PackageMatch
from altai_build.model.release import ReleasedPackage


@click.command()
@click.argument("thing", metavar="NAME|NEVRA|FILE|SHA256|COMMIT")
@json_option
@click.pass_obj
def which(app: App, thing: str, as_json: bool) -> None:
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
    from altai_build.pipeline.published.inventory import near_names
    from altai_build.pipeline.published.inventory import which as find
    from altai_build.pipeline.published.releases import releases_directory

    run = app.create_run(app.load_config())
    releases = releases_directory(run.config)
    matches = find(run, releases, thing)
    if as_json:
        print_json([_match_record(one) for one in matches])
    else:
        print_table(
            ("release", "found by", "package", "repository", "SHA-256", "origin", ""),
            [_match_cells(one) for one in matches],
        )
    if not matches:
        near = near_names(releases, thing)
        raise InputError(
            f"no release has {thing}",
            why=f"near names: {', '.join(near)}" if near else "",
            todo="`altai-build releases` lists the releases, `altai-build audit VERSION` what is in one",
        )


def _match_record(match: PackageMatch) -> dict[str, object]:
    package = match.package
    told: dict[str, object] = {"release": match.release, "matched": match.how, "note": match.note or None}
    if package is None:
        return {**told, "nevra": None}
    known = asdict(package)
    kept = ("name", "arch", "repository", "file", "sha256", "size", "signer", "sourcerpm")
    return {
        **told,
        "nevra": str(package.nevra),
        **{key: known[key] for key in kept},
        "origin": origin_record(package.origin),
    }


def _match_cells(match: PackageMatch) -> tuple[str, ...]:
    package: ReleasedPackage | None = match.package
    if package is None:
        return (match.release, match.how.value, "-", "-", "-", "-", match.note)
    return (
        match.release,
        match.how.value,
        str(package.nevra),
        package.repository,
        package.sha256[:12],
        origin_line(package.origin),
        match.note,
    )
