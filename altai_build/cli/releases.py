"""`releases`: what is published."""

from __future__ import annotations

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option
from altai_build.cli.output import print_json, print_table
from altai_build.model.quantity import format_size
from altai_build.model.release import LATEST_LINK, Manifest


@click.command()
@json_option
@click.pass_obj
def releases(app: App, as_json: bool) -> None:
    """List the published releases, oldest first.

    \b
    Example:
      altai-build releases --json
    """
    from altai_build.pipeline.published.releases import load_manifest, releases_directory
    from altai_build.stages.publish import list_releases

    directory = releases_directory(app.load_config())
    manifests = [load_manifest(directory / name) for name in list_releases(directory)]
    latest = directory / LATEST_LINK
    newest = latest.readlink().name if latest.is_symlink() else None
    if as_json:
        print_json([{**_summary(one), "latest": one.version == newest} for one in manifests])
        return
    print_table(
        ("release", "created", "commit", "follows", "packages", "size", ""),
        [
            (
                one.version,
                one.created[:10],
                one.superproject.commit[:12],
                one.previous or "-",
                str(len(one.packages)),
                format_size(sum(package.size for package in one.packages)),
                "latest" if one.version == newest else "",
            )
            for one in manifests
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
