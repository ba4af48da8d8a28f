"""Releases for Python programs: what is released, by whom it was signed, what differs, and whether it can be trusted.

    from altai_build import api

    with api.open_releases("https://repo.example.org/altai", keys=["RPM-GPG-KEY-altai"]) as releases:
        for entry in releases.list_packages("latest").packages:
            print(entry.package.nevra, entry.license)

The command line uses these functions too. They raise `AltaiError` for whatever is wrong with a release, a place or the
machine, print nothing, and write only to a temporary folder, which is removed at the end. Names and texts in releases
are chosen by others: escape them where they are shown.

Importing this module loads nothing else; what a function needs, it loads when it is called.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altai_build.errors import AltaiError

if TYPE_CHECKING:
    from altai_build.model.findings import VerificationReport
    from altai_build.model.inventory import InventoryEntry, PackageMatch
    from altai_build.model.release import ReleasePart
    from altai_build.model.release_changes import ReleaseDiff
    from altai_build.pipeline.published.catalog import Catalog
    from altai_build.pipeline.published.manifest_trust import CheckedManifest, ManifestReader
    from altai_build.pipeline.run import Run

__all__ = [
    "AltaiError",
    "CheckedManifest",
    "Comparison",
    "Inventory",
    "InventoryEntry",
    "PackageMatch",
    "ReleaseDiff",
    "Releases",
    "VerificationReport",
    "open_releases",
]

# The types of results, which are in other modules; loaded on first use.
_TYPES = {
    "CheckedManifest": "altai_build.pipeline.published.manifest_trust",
    "InventoryEntry": "altai_build.model.inventory",
    "PackageMatch": "altai_build.model.inventory",
    "ReleaseDiff": "altai_build.model.release_changes",
    "VerificationReport": "altai_build.model.findings",
}


def __getattr__(name: str) -> Any:
    if name not in _TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_TYPES[name]), name)


@dataclass(frozen=True)
class Inventory:
    """The packages of a release, with licenses and what needs them; `release`: its manifest, and who vouches for it."""

    release: CheckedManifest
    packages: tuple[InventoryEntry, ...]


@dataclass(frozen=True)
class Comparison:
    """The packages that differ between two releases."""

    old: CheckedManifest
    new: CheckedManifest
    diff: ReleaseDiff


class Releases:
    """Releases in a folder or on a web server; `open_releases` makes it.

    A release is named by its version, `latest`, the path of its folder (with a slash in it), or its URL. Every function
    raises InputError for one that is not there or cannot be read. A release that no key of `keys` signed is read all
    the same: `trust` of its CheckedManifest says so, and a warning.
    """

    def __init__(
        self, run: Run, catalog: Catalog, reader: ManifestReader, where: str | None, keys: Sequence[Path]
    ) -> None:
        self._run = run
        self._catalog = catalog
        self._reader = reader
        self._where = where
        self._keys = tuple(keys)

    @property
    def location(self) -> str:
        """The folder or URL of the releases."""
        return self._catalog.location

    @property
    def latest(self) -> str | None:
        """The version that `latest` points to; None when there is no such link."""
        return self._catalog.find_latest()

    def read_all(self) -> tuple[CheckedManifest, ...]:
        """The manifests of all releases, lowest version first."""
        return self._reader.read_all(self._catalog.list_all())

    def read(self, version: str = "latest") -> CheckedManifest:
        """The manifest of a release: commits, repositories, packages with origin and signer, builds."""
        return self._read(version)

    def list_packages(self, version: str = "latest") -> Inventory:
        """The packages of a release, with license, name of the signer, and the packages that need each.

        Warns of repodata that is not what the signed checksums of the release list.
        """
        from altai_build.model.release import ReleasePart
        from altai_build.pipeline.published.inventory import list_packages
        from altai_build.tools.repo.repomd import REPOMD

        release = self._read(version, ReleasePart.METADATA)
        repodata = [f"{repository.name}/{REPOMD}" for repository in release.manifest.repositories]
        self._reader.warn_of_changed_files(release, repodata)
        return Inventory(release=release, packages=list_packages(self._run, release))

    def find(self, query: str) -> tuple[PackageMatch, ...]:
        """The packages and releases that a query means, oldest first; nothing where no release has such.

        The query is a name or pattern, a NEVRA, a range (`nova < 2012.2`), the file name or path of an RPM, the path of
        an installed file, a SHA-256, a capability, or a commit.
        """
        from altai_build.pipeline.published.inventory import find_matches

        return find_matches(self._run, self._reader, self._catalog, query)

    def compare(self, old: str, new: str) -> Comparison:
        """The packages that differ between two releases."""
        from altai_build.pipeline.published.changes import compare_published

        before, after = self._reader.read_all(map(self._catalog.find, (old, new)))
        return Comparison(old=before, new=after, diff=compare_published(before, after))

    def verify(self, version: str = "latest") -> VerificationReport:
        """All findings about a release as a client sees it; a release on a server is downloaded for that.

        `is_ok` of the report is true when no finding is an error; `trust` says whether a key of `keys` signed it.
        """
        from altai_build.pipeline.published.verify import get_expected_version, open_release, verify_published

        with open_release(self._run, version, self._where) as directory:
            return verify_published(
                self._run, directory, signers=self._keys, version=get_expected_version(version)
            )

    def _read(self, version: str, part: ReleasePart | None = None) -> CheckedManifest:
        directory = self._catalog.find(version) if part is None else self._catalog.find(version, part)
        return self._reader.read(directory)


@contextmanager
def open_releases(
    where: str | Path,
    *,
    keys: Sequence[str | Path] = (),
    warn: Callable[[str], None] | None = None,
    max_download: int = 16 << 30,
) -> Iterator[Releases]:
    """The releases at `where`: the folder or URL of all of them, or of one.

    `keys` are the files of the public keys that must have signed them: get them from elsewhere than from the releases.
    `warn` is called with each warning, by default the logger `altai_build`; `max_download` limits the bytes of one
    download. Raises InputError for a place that is no folder or a key file that cannot be read, MissingToolError where
    a needed program is missing.
    """
    from altai_build.config import default_config
    from altai_build.pipeline.published.catalog import open_catalog
    from altai_build.pipeline.published.manifest_trust import open_reader
    from altai_build.pipeline.run import Run
    from altai_build.tools import processors
    from altai_build.tools.leftovers import temporary_directory
    from altai_build.tools.openpgp.keyfile import read_public_keys
    from altai_build.tools.progress import SilentReporter
    from altai_build.workspace import Workspace

    if warn is None:
        import logging

        warn = logging.getLogger("altai_build").warning
    for key in keys:
        read_public_keys(Path(key))
    with ExitStack() as stack:
        run = Run(
            config=default_config(Path.cwd()),
            workspace=Workspace(stack.enter_context(temporary_directory("workspace"))),
            jobs=processors.available(),
            builder="auto",
            reporter=SilentReporter(warn),
            max_download=max_download,
        )
        catalog = stack.enter_context(open_catalog(run, str(where)))
        reader = open_reader(run.config, [str(key) for key in keys], warn, catalog.find_url)
        yield Releases(run, catalog, reader, str(where), [Path(key) for key in keys])
