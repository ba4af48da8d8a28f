"""Compare two releases: their packages, and the commits between them."""

from __future__ import annotations

from altai_build.model.release_changes import ReleaseDiff, ReleaseNotes
from altai_build.pipeline.published.manifest_trust import CheckedManifest
from altai_build.pipeline.run import Run
from altai_build.stages.diff import compare_releases
from altai_build.stages.notes import make_release_notes


def compare_published(old: CheckedManifest, new: CheckedManifest) -> ReleaseDiff:
    """The packages that differ between two releases."""
    return compare_releases(old.manifest, new.manifest)


def make_notes(run: Run, old: CheckedManifest, new: CheckedManifest) -> ReleaseNotes:
    """The commits and package changes between two releases.

    Raises InputError when the local superproject does not have the commits of the releases.
    """
    run.workspace.prepare()
    return make_release_notes(
        run.superproject,
        run.config.superproject.components,
        (old.manifest, new.manifest),
        compare_releases(old.manifest, new.manifest),
        jobs=run.jobs,
    )
