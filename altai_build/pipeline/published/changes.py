"""Compare two releases: their packages, and the commits between them."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.history import ReleaseDiff, ReleaseNotes
from altai_build.pipeline.published.releases import find_release, load_manifest
from altai_build.pipeline.run import Run
from altai_build.stages.diff import compare_releases
from altai_build.stages.notes import make_release_notes


def compare_published(releases: Path, old: str, new: str) -> ReleaseDiff:
    """The packages that differ between two releases; each is named by version or path."""
    old_manifest, new_manifest = (load_manifest(find_release(releases, named)) for named in (old, new))
    return compare_releases(old_manifest, new_manifest)


def make_notes(run: Run, releases: Path, old: str, new: str) -> ReleaseNotes:
    """The commits and package changes between two releases.

    Raises InputError when the local superproject does not have the commits of the releases.
    """
    manifests = (load_manifest(find_release(releases, old)), load_manifest(find_release(releases, new)))
    run.workspace.prepare()
    return make_release_notes(
        run.superproject,
        run.config.superproject.components,
        manifests,
        compare_releases(*manifests),
        jobs=run.jobs,
    )
