"""Collect what the page of a release shows; what cannot be read is unknown there, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from altai_build.errors import AltaiError, InputError, describe_cause
from altai_build.model.findings import VerificationReport
from altai_build.model.release import Manifest, ReleasePart
from altai_build.model.release_files import CYCLONEDX_PATH, KEY_FILE_PREFIX, SPDX_PATH
from altai_build.model.unknown import Unknown
from altai_build.model.upgrade import UpgradeReport
from altai_build.pipeline.published.catalog import Catalog
from altai_build.pipeline.published.changes import make_notes
from altai_build.pipeline.published.manifest_trust import CheckedManifest, ManifestReader
from altai_build.pipeline.published.upgrade import check_upgrades, read_external_repositories
from altai_build.pipeline.published.verify import find_project, verify_published
from altai_build.pipeline.run import Run
from altai_build.regular_files import read_regular_file
from altai_build.stages.diff import compare_releases
from altai_build.stages.report.inputs import (
    ClientFiles,
    Descriptions,
    PreviousRelease,
    ReleaseKey,
    ReportInputs,
)
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.solver.describe import describe_packages
from altai_build.tools.url import is_web_url

_MAX_REPO_FILE = 64 << 10  # bytes
T = TypeVar("T")


@dataclass(frozen=True)
class ReleaseFolder:
    """A release in a folder, with its manifest."""

    directory: Path
    manifest: Manifest


def collect_report(
    run: Run,
    release: ReleaseFolder,
    previous: ReleaseFolder | Unknown | None,
    *,
    project: str,
    verification: VerificationReport,
    upgrades: UpgradeReport | Unknown,
) -> ReportInputs:
    """Everything that the page of a release shows; `previous` is the release that it follows."""
    directory = release.directory
    return ReportInputs(
        project=project,
        manifest=release.manifest,
        verification=verification,
        previous=_compare(run, previous, release) if isinstance(previous, ReleaseFolder) else previous,
        upgrades=upgrades,
        descriptions=known(directory, lambda: _describe(run, release)),
        keys=known(directory, lambda: read_keys(directory)),
        client=known(directory, lambda: _read_client_files(directory, project)),
        documents=tuple(path for path in (SPDX_PATH, CYCLONEDX_PATH) if (directory / path).is_file()),
    )


def known(release: Path, find: Callable[[], T]) -> T | Unknown:
    """What a function that reads the release in a folder returns, or why it fails.

    Pages are published: what they say does not contain where on this machine a release was made.
    """
    try:
        return find()
    except AltaiError as error:
        reason = " ".join(f"{error.what}: {error.why}".strip(": ").split())
        return Unknown(reason.replace(f"{release}/", "").replace(str(release), release.name))


def _compare(run: Run, old: ReleaseFolder, new: ReleaseFolder) -> PreviousRelease:
    return PreviousRelease(
        manifest=old.manifest,
        diff=compare_releases(old.manifest, new.manifest),
        notes=known(new.directory, lambda: make_notes(run, old.manifest, new.manifest)),
        descriptions=known(old.directory, lambda: _describe(run, old)),
    )


def _describe(run: Run, release: ReleaseFolder) -> Descriptions:
    repositories = [
        read_local_metadata(repository.name, release.directory / repository.name)
        for repository in release.manifest.repositories
    ]
    return describe_packages(repositories, cache=run.workspace.cache / "solv")


def read_keys(directory: Path) -> tuple[ReleaseKey, ...]:
    """The public keys in a release. Raises InputError when one cannot be read."""
    return tuple(
        ReleaseKey(
            name=path.name[len(KEY_FILE_PREFIX) :],
            fingerprint=key.fingerprint,
            user_id=key.uid,
            expires=key.expires.strftime("%Y-%m-%d") if key.expires else "",
        )
        for path in sorted(directory.glob(f"{KEY_FILE_PREFIX}*"))
        for key in read_public_keys(path)
    )


def _read_client_files(directory: Path, project: str) -> ClientFiles:
    path = directory / f"{project}.repo"
    try:
        text = read_regular_file(path, limit=_MAX_REPO_FILE).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} cannot be read", why=describe_cause(error)) from error
    # Of the key files, which lie beside it.
    urls = (line.partition("=")[2].strip() for line in text.splitlines() if line.startswith("gpgkey="))
    url = next((url.rpartition("/")[0] for url in urls if is_web_url(url) and KEY_FILE_PREFIX in url), "")
    return ClientFiles(name=path.name, text=text, url=url)


def collect_report_again(
    run: Run, reader: ManifestReader, release: CheckedManifest, others: Catalog, signers: Sequence[Path]
) -> ReportInputs:
    """The same of a published release, verified again; `others` are the releases beside it, `signers` as for verify."""
    directory, manifest = release.directory, release.manifest
    return collect_report(
        run,
        ReleaseFolder(directory, manifest),
        _find_previous(reader, release, others),
        project=find_project(run, directory),
        verification=verify_published(run, directory, signers=signers),
        upgrades=known(directory, lambda: _check_upgrades_again(run, release, others)),
    )


def _find_previous(
    reader: ManifestReader, release: CheckedManifest, others: Catalog
) -> ReleaseFolder | Unknown | None:
    version = release.manifest.previous
    if version is None:
        return None
    previous = known(
        release.directory.parent, lambda: reader.read(others.find(version, ReleasePart.METADATA))
    )
    if isinstance(previous, Unknown):
        return previous
    return ReleaseFolder(previous.directory, previous.manifest)


def _check_upgrades_again(run: Run, release: CheckedManifest, others: Catalog) -> UpgradeReport:
    manifest = release.manifest
    earlier = others.list_before(manifest.version, ReleasePart.METADATA)
    if not earlier and manifest.previous is not None:
        raise InputError(f"no earlier release is in {others.location}")
    urls = {directory: url for directory in earlier if (url := others.find_url(directory)) is not None}
    return check_upgrades(run, earlier, release.directory, read_external_repositories(run), urls=urls)
