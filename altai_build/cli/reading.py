"""What commands that read releases work with: which releases, who must have signed them, a context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from altai_build.errors import InputError

if TYPE_CHECKING:
    from altai_build.api import Releases
    from altai_build.cli.app import App
    from altai_build.pipeline.published.catalog import Catalog
    from altai_build.pipeline.published.manifest_trust import ManifestReader
    from altai_build.pipeline.published.released_builds import ReleasedBuilds
    from altai_build.pipeline.run import Run


@dataclass(frozen=True)
class Reading:
    """The releases, as programs have them too, a reader of their manifests, and the context of the run."""

    run: Run
    catalog: Catalog
    reader: ManifestReader
    releases: Releases


def open_reading(app: App, where: str | None, named: Sequence[str] = (), keys: Sequence[str] = ()) -> Reading:
    """What a command reads, until it ends.

    `where` is the value of --releases, `named` are the releases in its arguments. repos.yaml is needed only where
    neither these nor the current folder tell where the releases are. Raises InputError when it is missing then.
    """
    from pathlib import Path

    from altai_build.api import Releases
    from altai_build.pipeline.published.catalog import is_location, open_catalog
    from altai_build.pipeline.published.manifest_trust import open_reader

    is_told = where is not None or (bool(named) and all(map(is_location, named)))
    run = app.create_reading_run(app.load_config(needed=False))
    if not is_told and run.config.file is None:
        where = find_releases_here(app)
    catalog = click.get_current_context().with_resource(open_catalog(run, where))
    reader = open_reader(run.config, keys, run.reporter.warn, catalog.find_url)
    releases = Releases(run, catalog, reader, where, [Path(key) for key in keys])
    return Reading(run=run, catalog=catalog, reader=reader, releases=releases)


def open_released_builds(run: Run, named: str | None, *, with_packages: bool = True) -> ReleasedBuilds | None:
    """The builds of the release that --against names, until the command ends; None without that option.

    Without `with_packages` only what the manifest says of them can be used: nothing else of a release on a server is
    downloaded. Raises InputError when there is no such release, or nobody vouches for it.
    """
    if named is None:
        return None
    from altai_build.model.release import ReleasePart
    from altai_build.pipeline.published.catalog import open_catalog
    from altai_build.pipeline.published.manifest_trust import open_reader
    from altai_build.pipeline.published.released_builds import ReleasedBuilds

    catalog = click.get_current_context().with_resource(open_catalog(run, None))
    directory = catalog.find(named, ReleasePart.WHOLE if with_packages else ReleasePart.MANIFEST)
    return ReleasedBuilds(
        run, open_reader(run.config, (), run.reporter.warn, catalog.find_url).read(directory)
    )


def find_releases_here(app: App) -> str:
    """The folder of releases in the current one, or that itself. Raises InputError where there is none."""
    from pathlib import Path

    from altai_build.cli.app import CONFIG_NAME
    from altai_build.stages.publish import is_release, list_releases

    here = Path(app.directory)
    for folder in (here / "releases", here):
        if list_releases(folder) or is_release(folder):
            return str(folder)
    raise InputError(
        f"there are no releases in {app.directory}, and no {CONFIG_NAME} that names their folder",
        todo="name the folder or the URL of a release, or of all with --releases DIR|URL; or name the superproject "
        "with -C DIR",
    )
