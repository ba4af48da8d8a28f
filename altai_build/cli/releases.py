"""`releases`: the published releases."""

from __future__ import annotations

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option, key_option
from altai_build.cli.output import print_json, print_table
from altai_build.model.quantity import format_size
from altai_build.model.release import LATEST_LINK, Manifest


@click.command()
@key_option
@json_option
@click.pass_obj
def releases(app: App, keys: tuple[str, ...], as_json: bool) -> None:
    """List the published releases, oldest first.

    \b
    Example:
      altai-build releases --json
    """
    from altai_build.pipeline.published.manifest_trust import open_reader
    from altai_build.pipeline.published.releases import open_releases
    from altai_build.stages.publish import list_releases

    config = app.load_config()
    directory = open_releases(config, app.warn)
    read = open_reader(config, keys, app.warn).read_all(directory / name for name in list_releases(directory))
    manifests = [release.manifest for release in read]
    latest = directory / LATEST_LINK
    newest = latest.readlink().name if latest.is_symlink() else None
    if as_json:
        print_json(
            [
                {
                    **_summary(release.manifest),
                    "latest": release.manifest.version == newest,
                    "trust": release.trust.level,
                }
                for release in read
            ]
        )
        return
    print_table(
        ("release", "created", "commit", "follows", "packages", "size", "latest"),
        [
            (
                manifest.version,
                manifest.created[:10],
                manifest.superproject.commit[:12],
                manifest.previous or "-",
                str(len(manifest.packages)),
                format_size(sum(package.size for package in manifest.packages)),
                "latest" if manifest.version == newest else "",
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
