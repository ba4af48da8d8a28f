"""verify: a release in a folder or behind a URL, judged with all that the configuration knows around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from altai_build.config import Config
from altai_build.errors import InputError
from altai_build.model.audit import Verification
from altai_build.pipeline.earlier import find_release, releases_of
from altai_build.pipeline.run import Run
from altai_build.rules.view import Surroundings
from altai_build.stages.copy import fetch_copy
from altai_build.stages.deps import read_upstreams, target_of, upstreams_of
from altai_build.stages.publish import list_releases
from altai_build.stages.verify import Unsealed, verify_release, verify_unsealed
from altai_build.tools.files import scratch_directory
from altai_build.tools.metadata import RepositoryMetadata
from altai_build.tools.rpmfile import compare_versions


@contextmanager
def located(run: Run, named: str) -> Iterator[Path]:
    """The folder of a release: a version, `latest`, the path of a folder, or a URL, of which a copy is fetched.

    Raises InputError when there is none.
    """
    if not is_url(named):
        yield place_of(run, named)
        return
    version = named.rstrip("/").rpartition("/")[2]
    run.workspace.prepare()
    with scratch_directory(run.workspace.scratch, "copy") as scratch:
        directory = scratch / version
        with run.story.step(f"copy of {named}"):
            fetch_copy(named, directory, jobs=run.jobs)
        yield directory


def judge(run: Run, directory: Path) -> Verification:
    """Every finding about the release in a folder that is called by its version."""
    around = surroundings(run, directory.name)
    return verify_release(directory, trusted=trusted_keys(run.config), around=around)


def judge_unsealed(run: Run, directory: Path, version: str) -> Unsealed:
    """Every finding about a staged release but for its seal."""
    return verify_unsealed(directory, trusted=trusted_keys(run.config), around=surroundings(run, version))


def is_url(named: str) -> bool:
    """True for what names a release by its URL."""
    return named.startswith(("http://", "https://"))


def place_of(run: Run, named: str) -> Path:
    """The folder of a release, whether or not it is a sound one. Raises InputError."""
    place = Path(named) if "/" in named else releases_of(run.config) / named
    if place.is_dir():
        return place.resolve()
    if "/" in named:
        raise InputError(
            f"there is no release in {named}", why="it is no folder", todo="give the folder of a release"
        )
    return find_release(releases_of(run.config), named)


def trusted_keys(config: Config) -> list[tuple[str, Path]]:
    """(name, file) of every key that the configuration names."""
    return [(key.name, key.file) for key in config.keys.values()]


def surroundings(run: Run, version: str) -> Surroundings:
    """What this configuration and the published releases say around a release."""
    config = run.config
    if not config.repositories:
        return Surroundings()
    target = target_of(config)
    return Surroundings(
        compat=target.compat,
        arch=target.arch,
        base=(lambda: _base(run)) if target.base else None,
        earlier=_earlier(config, version),
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
    system = [one for one in upstreams_of(run.config) if one.offer is None]
    return read_upstreams(system, cache=run.workspace.cache / "metadata", known=None, jobs=run.jobs)


def _earlier(config: Config, version: str) -> tuple[Path, ...]:
    """The published releases below a version, oldest first."""
    if config.release is None:
        return ()
    releases = config.release.directory
    below = [one for one in list_releases(releases) if compare_versions(one, version) < 0]
    return tuple(releases / one for one in below)
