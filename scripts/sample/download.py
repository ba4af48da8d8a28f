"""Source archives from a package index through pypi-simple, which runs nothing of what it downloads."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from errors import SampleError
from pypi_simple import PYPI_SIMPLE_ENDPOINT, NoSuchProjectError, PyPISimple

if TYPE_CHECKING:
    from catalogue import Sdist
    from pypi_simple import DistributionPackage

ATTEMPTS = 3
SECONDS_WITHOUT_DATA = 60


def fetch(cache: Path, sdists: Sequence[Sdist], index: str | None, certificates: str | None) -> None:
    """Download every archive into `cache`, each renamed into place only when its digest is right.

    `index` is a PEP 503 base URL (the library's own default when None), `certificates` a CA bundle.
    Raises SampleError.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with requests.Session() as session:
        if certificates:
            session.verify = certificates
        client = PyPISimple(index or PYPI_SIMPLE_ENDPOINT, session=session)
        for sdist in sdists:
            _fetch_patiently(client, cache, sdist)


def _fetch_patiently(client: PyPISimple, cache: Path, sdist: Sdist) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _fetch_one(client, cache, sdist)
            return
        except requests.RequestException as error:
            if attempt == ATTEMPTS:
                # Only the kind: the text may hold the index's URL, and that may hold a password.
                raise SampleError(
                    f"Cannot download the source archive of {sdist.project} {sdist.version}: "
                    f"{type(error).__name__}, {ATTEMPTS} times.\n"
                    "  The package index that pip is configured for was asked.\n"
                    f"  Check the network and `pip config list`, or put {sdist.file} (sha256 {sdist.sha256}) "
                    f"into {cache} yourself."
                ) from error


def _fetch_one(client: PyPISimple, cache: Path, sdist: Sdist) -> None:
    candidates = _candidates(client, sdist)
    if not candidates:
        raise SampleError(
            f"The package index has no source archive of {sdist.project} {sdist.version} "
            f"with sha256 {sdist.sha256}.\n"
            "  It was withdrawn there, or the index is a partial mirror.\n"
            "  `pip config list` shows which index is asked; use another, "
            f"or put {sdist.file} into {cache} yourself."
        )
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as beside:
        part = Path(beside) / sdist.file
        # Our own digest is the judge: not every index publishes one.
        client.download_package(candidates[0], part, verify=False, timeout=SECONDS_WITHOUT_DATA)
        digest = hashlib.sha256(part.read_bytes()).hexdigest()
        if digest != sdist.sha256:
            raise SampleError(
                f"The source archive of {sdist.project} {sdist.version} has the wrong content.\n"
                f"  Expected sha256 {sdist.sha256}, got {digest}.\n"
                "  Do not use it; ask whoever runs the package index."
            )
        os.replace(part, cache / sdist.file)


def _candidates(client: PyPISimple, sdist: Sdist) -> list[DistributionPackage]:
    """The index's source archives of that version, without those known to be other bytes."""
    try:
        page = client.get_project_page(sdist.project, timeout=SECONDS_WITHOUT_DATA)
    except NoSuchProjectError:
        return []
    return [
        package
        for package in page.packages
        if package.package_type == "sdist"
        and package.version == sdist.version
        and package.digests.get("sha256", sdist.sha256) == sdist.sha256
    ]
