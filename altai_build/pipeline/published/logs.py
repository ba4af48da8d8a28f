"""The log of a component's build in a release."""

from __future__ import annotations

from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.release_files import make_log_path
from altai_build.model.suggestion import suggest
from altai_build.pipeline.published.catalog import Catalog
from altai_build.pipeline.published.manifest_trust import CheckedManifest, ManifestReader
from altai_build.tools.buildlog.reading import KEPT_SIZE


def fetch_released_log(
    catalog: Catalog, reader: ManifestReader, release: CheckedManifest, component: str
) -> Path:
    """The compressed log; of a release on a server it alone is downloaded. Warns of one that is not as it was signed.

    Raises InputError with the reason why there is none.
    """
    manifest = release.manifest
    build = next((build for build in manifest.builds if build.component == component), None)
    if build is None:
        skipped = next((one for one in manifest.skipped if one.component == component), None)
        names = [build.component for build in manifest.builds]
        names += [one.component for one in manifest.skipped]
        raise InputError(
            f"release {manifest.version} has no build of {component}",
            why=f"skipped: {skipped.reason}" if skipped is not None else suggest(component, names),
            todo="" if skipped is not None else f"`altai-build audit {manifest.version}` lists its packages",
        )
    if not build.log:
        raise InputError(
            f"release {manifest.version} has no log of {component}",
            why=f"{build.status}: {build.reason}",
            todo="its packages may come from an earlier release, which has the log",
        )
    # The manifest says where it is, and may come from anybody.
    if build.log != make_log_path(component) or ".." in component.split("/"):
        raise InputError(
            f"the manifest of release {manifest.version} names another file as the log of {component}",
            why=build.log,
            todo="check the release with `altai-build verify`",
        )
    path = release.directory / build.log
    url = catalog.find_url(release.directory)
    if url is not None:
        from altai_build.tools.http.download import fetch_file
        from altai_build.tools.url import join_url

        path.parent.mkdir(parents=True, exist_ok=True)
        fetch_file(join_url(url, build.log), path, limit=KEPT_SIZE)
    elif not path.is_file():
        raise InputError(
            f"the log of {component} is missing in release {manifest.version}",
            why=f"{path} does not exist",
            todo="restore it from another copy of the release; `altai-build verify` finds what else is missing",
        )
    reader.warn_of_changed_files(release, [build.log])
    return path
