"""Two releases side by side: their packages, and the commits between them."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.history import ReleaseDiff, ReleaseNotes
from altai_build.pipeline.published.releases import find_release, load_manifest
from altai_build.pipeline.run import Run
from altai_build.stages.diff import compare_releases
from altai_build.stages.notes import make_release_notes


def compare_published(releases: Path, old: str, new: str) -> ReleaseDiff:
    """What differs between the packages of two releases, each named by version or path."""
    before, after = (load_manifest(find_release(releases, one)) for one in (old, new))
    return compare_releases(before, after)


def make_notes(run: Run, releases: Path, old: str, new: str) -> ReleaseNotes:
    """The commits and packages that lead from one release to another.

    Raises InputError when the superproject at hand does not have the releases' commits.
    """
    before, after = (load_manifest(find_release(releases, one)) for one in (old, new))
    run.workspace.prepare()
    return make_release_notes(
        run.superproject,
        run.config.superproject.components,
        (before, after),
        compare_releases(before, after),
        jobs=run.jobs,
    )
