"""`verify`: check a release in a folder or at a URL with what the configuration knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from altai_build.config import Config
from altai_build.config.upstreams import list_upstreams
from altai_build.errors import InputError
from altai_build.model.findings import VerificationReport
from altai_build.model.nevra import is_safe_name
from altai_build.model.release import ReleasePart
from altai_build.model.release_files import LATEST_LINK
from altai_build.pipeline.published.catalog import is_location, open_catalog
from altai_build.pipeline.published.releases import (
    find_release,
    list_releases_before,
    load_manifest,
    open_releases,
    refuse_folder_of_releases,
    releases_directory,
)
from altai_build.pipeline.run import Run
from altai_build.regular_files import resolve_links
from altai_build.rules.view import ReleaseView, VerifyContext
from altai_build.stages.upstreams import read_upstreams
from altai_build.stages.verify import StagedVerification, verify_before_checksums, verify_view
from altai_build.tools.files import scratch_directory
from altai_build.tools.repo.metadata import RepositoryMetadata
from altai_build.tools.url import is_web_url, name_location


@contextmanager
def open_release(run: Run, named: str, where: str | None = None) -> Iterator[Path]:
    """The folder of a release: a version, `latest`, the path of a folder, or a URL, which is downloaded.

    `where` is the folder or URL of all releases, or of one, in place of that in repos.yaml. Raises InputError when
    there is no such release.
    """
    named = name_location(named)
    if where is not None and not is_location(named):
        with open_catalog(run, where) as catalog:
            yield catalog.find(named, ReleasePart.WHOLE)
        return
    if not is_web_url(named):
        yield find_release_directory(run, named)
        return
    # A release in a folder needs nothing that downloads.
    from altai_build.stages.download_release import DownloadBudget, download_release

    name = urlsplit(named).path.rstrip("/").rpartition("/")[2]
    run.workspace.prepare()
    with scratch_directory(run.workspace.scratch, "copy") as scratch:
        # A server's root and `latest` name no version.
        directory = scratch / (name if is_safe_name(name) else LATEST_LINK)
        with run.reporter.run_step(f"download of {named}"):
            download_release(
                named,
                directory,
                jobs=run.jobs,
                budget=DownloadBudget(run.max_download),
                announce=run.reporter.info,
            )
        yield directory


def get_expected_version(named: str) -> str:
    """The version that a release must have, from what the user called it; "" where that is no version."""
    return "" if is_location(named) or named == LATEST_LINK else named


def open_view(run: Run, directory: Path, *, signers: Sequence[Path] = (), version: str = "") -> ReleaseView:
    """The release in a folder, with what the configuration knows.

    `signers` are the key files one of which must have signed it, in place of the configured keys. `version` is what it
    must be; by default what its folder is called.
    """
    try:
        actual = load_manifest(directory).version
    except InputError:
        actual = directory.name  # the rule `manifest` reports it
    context = replace(make_verify_context(run, actual), signers=tuple(signers), version=version)
    return ReleaseView(directory, () if signers else trusted_keys(run.config), context)


def verify_published(
    run: Run, directory: Path, *, signers: Sequence[Path] = (), version: str = ""
) -> VerificationReport:
    """All findings about the release in a folder; arguments as for `open_view`."""
    return verify_view(open_view(run, directory, signers=signers, version=version))


def verify_staged(run: Run, directory: Path, version: str) -> StagedVerification:
    """All findings about a staged release except those on its checksums, which it does not have yet."""
    context = replace(make_verify_context(run, version), known_packages=run.workspace.known_packages)
    return verify_before_checksums(directory, trusted_keys=trusted_keys(run.config), context=context)


def find_release_directory(run: Run, named: str) -> Path:
    """The folder of a release, even one that has no readable manifest. Raises InputError when there is none."""
    if not is_location(named):
        releases = open_releases(run.config, run.reporter.warn)
        folder = releases / named
        return resolve_links(folder) if folder.is_dir() else find_release(releases, named)
    folder = Path(named)
    if folder.is_dir():
        refuse_folder_of_releases(named)
        return resolve_links(folder)
    raise InputError(
        f"there is no release in {named}",
        why="it is not a folder",
        todo="give the path of a release's folder",
    )


def find_project(run: Run, directory: Path) -> str:
    """The name of the project: that in repos.yaml, else that of the release's .repo file, else its folder's."""
    if run.config.file is not None:
        return run.config.project
    names = sorted(path.stem for path in directory.glob("*.repo"))
    return names[0] if names else directory.name


def trusted_keys(config: Config) -> list[tuple[str, Path]]:
    """(name, file) of every key in the configuration."""
    return [(key.name, key.file) for key in config.keys.values()]


def make_verify_context(run: Run, version: str) -> VerifyContext:
    """What the configuration and the published releases tell about a release."""
    config = run.config
    if not config.repositories:
        return VerifyContext()
    target = config.get_target()
    return VerifyContext(
        compat=target.compat,
        arch=target.arch,
        # Several rules ask for them.
        base=cache(lambda: read_base_repositories(run)) if target.base else None,
        previous_releases=list_releases_before(releases_directory(config), version),
        source_repositories=tuple(
            (repository.name, repository.source_rpms)
            for repository in config.repositories.values()
            if repository.source_rpms
        ),
        release_keys=_list_release_keys(config),
        horizon_days=config.verify.expiry_horizon_days,
        waivers=config.waivers,
        cache=run.workspace.cache / "solv",
        packages=run.workspace.cache / "packages",
    )


def _list_release_keys(config: Config) -> tuple[str, ...]:
    """The keys that sign releases, and those that they replace, which signed earlier ones."""
    signing = [key.name for key in config.keys.values() if key.is_signing_key]
    return tuple(dict.fromkeys(name for key in signing for name in (key, *config.get_related_keys(key))))


def read_base_repositories(run: Run) -> Sequence[RepositoryMetadata]:
    """The repositories of the target's operating system as they are today. Raises InputError without access."""
    run.workspace.prepare()
    base = [upstream for upstream in list_upstreams(run.config) if upstream.is_base]
    cache = run.workspace.cache / "metadata"
    return read_upstreams(base, cache=cache, known=run.known_lock, jobs=run.jobs, accept_older=True)
