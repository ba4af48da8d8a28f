"""verify: a release in a folder or behind a URL, judged with all that the configuration knows around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from altai_build.config import Config
from altai_build.errors import InputError
from altai_build.model.findings import VerificationReport
from altai_build.pipeline.published.releases import find_release, list_releases_before, releases_directory
from altai_build.pipeline.run import Run
from altai_build.rules.view import VerifyContext
from altai_build.stages.copy import download_release
from altai_build.stages.deps import list_upstreams, read_upstreams
from altai_build.stages.verify import StagedVerification, verify_before_checksums, verify_release
from altai_build.tools.files import scratch_directory
from altai_build.tools.repo.metadata import RepositoryMetadata


@contextmanager
def open_release(run: Run, named: str) -> Iterator[Path]:
    """The folder of a release: a version, `latest`, the path of a folder, or a URL, of which a copy is fetched.

    Raises InputError when there is none.
    """
    if not is_url(named):
        yield find_release_directory(run, named)
        return
    version = named.rstrip("/").rpartition("/")[2]
    run.workspace.prepare()
    with scratch_directory(run.workspace.scratch, "copy") as scratch:
        directory = scratch / version
        with run.story.run_step(f"copy of {named}"):
            download_release(named, directory, jobs=run.jobs)
        yield directory


def verify_published(run: Run, directory: Path) -> VerificationReport:
    """Every finding about the release in a folder that is called by its version."""
    context = make_verify_context(run, directory.name)
    return verify_release(directory, trusted_keys=trusted_keys(run.config), context=context)


def verify_staged(run: Run, directory: Path, version: str) -> StagedVerification:
    """Every finding about a staged release but for its seal."""
    return verify_before_checksums(
        directory, trusted_keys=trusted_keys(run.config), context=make_verify_context(run, version)
    )


def is_url(named: str) -> bool:
    """True for what names a release by its URL."""
    return named.startswith(("http://", "https://"))


def find_release_directory(run: Run, named: str) -> Path:
    """The folder of a release, whether or not it is a sound one. Raises InputError."""
    place = Path(named) if "/" in named else releases_directory(run.config) / named
    if place.is_dir():
        return place.resolve()
    if "/" in named:
        raise InputError(
            f"there is no release in {named}", why="it is no folder", todo="give the folder of a release"
        )
    return find_release(releases_directory(run.config), named)


def trusted_keys(config: Config) -> list[tuple[str, Path]]:
    """(name, file) of every key that the configuration names."""
    return [(key.name, key.file) for key in config.keys.values()]


def make_verify_context(run: Run, version: str) -> VerifyContext:
    """What this configuration and the published releases say around a release."""
    config = run.config
    if not config.repositories:
        return VerifyContext()
    target = config.get_target()
    return VerifyContext(
        compat=target.compat,
        arch=target.arch,
        base=(lambda: _base(run)) if target.base else None,
        previous_releases=list_releases_before(releases_directory(config), version),
        source_repositories=tuple(
            (one.name, one.source_rpms) for one in config.repositories.values() if one.source_rpms
        ),
        horizon_days=config.verify.expiry_horizon_days,
        waivers=config.waivers,
        cache=run.workspace.cache / "solv",
    )


def _base(run: Run) -> Sequence[RepositoryMetadata]:
    """The target's own repositories as they are today. Raises InputError when one cannot be had."""
    run.workspace.prepare()
    system = [one for one in list_upstreams(run.config) if one.offer is None]
    return read_upstreams(system, cache=run.workspace.cache / "metadata", known=None, jobs=run.jobs)
