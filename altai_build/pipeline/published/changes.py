"""Compare two releases: their packages, and the commits between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.stages.diff import compare_releases

if TYPE_CHECKING:
    from altai_build.model.release import Manifest
    from altai_build.model.release_changes import ReleaseDiff, ReleaseNotes
    from altai_build.pipeline.published.manifest_trust import CheckedManifest
    from altai_build.pipeline.run import Run


def compare_published(old: CheckedManifest, new: CheckedManifest) -> ReleaseDiff:
    """The packages that differ between two releases."""
    return compare_releases(old.manifest, new.manifest)


def make_notes(run: Run, old: Manifest, new: Manifest) -> ReleaseNotes:
    """The commits and package changes between two releases.

    Without repos.yaml, where no superproject has the commits of the releases, the notes are those that the manifests
    give, with a warning. With it that is an InputError.
    """
    # Reads git, which `diff` does not need.
    from altai_build.stages.notes import make_notes_of_manifests, make_release_notes

    manifests = (old, new)
    comparison = compare_releases(*manifests)
    try:
        superproject = run.superproject
        for manifest in manifests:
            superproject.resolve_revision(manifest.superproject.commit)
    except InputError as error:
        if run.config.file is not None:
            raise
        run.reporter.warn(f"the commits between the releases are not listed: {error.what}")
        return make_notes_of_manifests(manifests, comparison)
    run.workspace.prepare()
    return make_release_notes(
        superproject, run.config.superproject.components, manifests, comparison, jobs=run.jobs
    )
