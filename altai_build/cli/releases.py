"""`releases`: the published releases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.options import format_option, json_option, key_option, releases_option
from altai_build.cli.output import Cell, digest_cell, print_json, print_table, size_cell
from altai_build.cli.reading import Reading, open_reading
from altai_build.errors import InputError
from altai_build.model.release import Manifest
from altai_build.stages.page_check import describe_outdated_page


@click.command()
@click.argument("place", required=False, metavar="[DIR|URL]")
@releases_option
@key_option
@format_option
@json_option
@click.pass_obj
def releases(app: App, place: str | None, where: str | None, keys: tuple[str, ...], as_json: bool) -> None:
    """List the published releases, oldest first.

    Those of repos.yaml, or those in a folder or at a URL.

    On a server these are the releases that its page links to, and those that `latest` and its predecessors name.

    \b
    Example:
      altai-build releases --json
      altai-build releases https://repo.example.org/altai
    """
    reading = open_reading(app, place if where is None else where, keys=keys)
    directories = reading.catalog.list_all()
    read = reading.reader.read_readable(directories)
    manifests = [release.manifest for release in read]
    newest = reading.catalog.find_latest()
    shown = _read_channels(reading, keys)
    folder = reading.catalog.folder
    if folder is not None and (text := describe_outdated_page(folder, [one.name for one in directories])):
        app.warn(f"{text}: write it again with `altai-build report --index`")
    if not directories:
        app.info(f"there are no releases in {reading.catalog.location}")
    if as_json:
        print_json(
            [
                {
                    **_summary(release.manifest),
                    "latest": release.manifest.version == newest,
                    "trust": release.trust.level,
                    "channels": None if shown is None else list(shown.get(release.manifest.version, ())),
                }
                for release in read
            ]
        )
    else:
        _print_table(manifests, newest, shown or {})
    reading.reader.refuse_unreadable("releases that cannot be read are not listed")


def _read_channels(reading: Reading, keys: Sequence[str]) -> Mapping[str, Sequence[str]] | None:
    """Version → the channels that show it; None where that is unknown: on a server, and beside a single release.

    None, too, where the channels cannot be listed.

    Warns of a channel that cannot be read or must not be believed.
    """
    from altai_build.pipeline.published.channels import (
        OpenedChannels,
        find_channels_by_release,
        list_channel_keys,
        read_channels,
    )

    folder = reading.catalog.folder
    if folder is None:
        return None
    key_files = [Path(key) for key in keys] or list_channel_keys(reading.run.config)
    try:
        channels = read_channels(OpenedChannels(folder), key_files)
    except InputError as error:
        reading.run.reporter.warn(f"{error.what}: {error.why}")
        return None
    for channel in channels:
        if channel.error is not None:
            reading.run.reporter.warn(f"{channel.error.what}: {channel.error.why}")
    return find_channels_by_release(channels)


def _print_table(
    manifests: Sequence[Manifest], newest: str | None, channels: Mapping[str, Sequence[str]]
) -> None:
    print_table(
        ("release", "created", "commit", "follows", "packages", "size", "latest", "channels"),
        [
            (
                manifest.version,
                Cell(manifest.created[:10], manifest.created),
                digest_cell(manifest.superproject.commit),
                manifest.previous or "-",
                str(len(manifest.packages)),
                size_cell(sum(package.size for package in manifest.packages)),
                "latest" if manifest.version == newest else "",
                ", ".join(channels.get(manifest.version, ())),
            )
            for manifest in manifests
        ],
    )


def _summary(manifest: Manifest) -> dict[str, object]:
    return {
        "release": manifest.version,
        "created": manifest.created,
        "commit": manifest.superproject.commit,
        "previous": manifest.previous,
        "target": manifest.target,
        "packages": len(manifest.packages),
        "size": sum(package.size for package in manifest.packages),
    }
