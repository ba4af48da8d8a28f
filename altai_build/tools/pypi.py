"""Source archives from the Python package index, by name, version and SHA-256; nothing of what comes is run."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.tools import process
from altai_build.tools.files import make_directory, scratch_directory, sha256_file

if TYPE_CHECKING:
    from pypi_simple import DistributionPackage, PyPISimple

MAX_ATTEMPTS = 3
_READ_TIMEOUT = 60


def fetch_sdist(project: str, version: str, sha256: str, destination: Path) -> Path:
    """Bring the source archive of a version here, under its final name once its digest is right.

    The index and the certificates are those that pip is configured with (PIP_INDEX_URL and PIP_CERT win). Raises
    InputError; its text never holds the index's address, which may contain a password.
    """
    if destination.is_file() and sha256_file(destination) == sha256:
        return destination
    make_directory(destination.parent)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            return _fetch(project, version, sha256, destination)
        except OSError as error:  # what the library raises for the network, and the disk's own
            if attempt == MAX_ATTEMPTS:
                raise InputError(
                    f"the source archive of {project} {version} could not be downloaded",
                    why=f"{type(error).__name__}, {MAX_ATTEMPTS} times, from the package index pip is configured for",
                    todo="check the network and `pip config list`, or put the file with SHA-256 "
                    f"{sha256} at {destination} yourself",
                ) from error
    raise AssertionError("the last attempt returns or raises")


def _fetch(project: str, version: str, sha256: str, destination: Path) -> Path:
    # Here, because its 0.1 s would be felt by every verb that builds.
    from pypi_simple import PYPI_SIMPLE_ENDPOINT, PyPISimple

    with PyPISimple(_pip_setting("index-url", "PIP_INDEX_URL") or PYPI_SIMPLE_ENDPOINT) as client:
        certificates = _pip_setting("cert", "PIP_CERT")
        if certificates:
            client.s.verify = certificates
        candidates = _list_sdists(client, project, version, sha256)
        if not candidates:
            raise InputError(
                f"the package index has no source archive of {project} {version} with SHA-256 {sha256}",
                why="it was withdrawn there, or the index is a partial mirror, or the digest is wrong",
                todo=f"see `pip config list`; correct sources.yaml, or put the file at {destination} yourself",
            )
        with scratch_directory(destination.parent, ".fetch") as beside:
            part = beside / destination.name
            # Our own digest is the judge: not every index publishes one.
            client.download_package(candidates[0], part, verify=False, timeout=_READ_TIMEOUT)
            found = sha256_file(part)
            if found != sha256:
                raise InputError(
                    f"the source archive of {project} {version} has the wrong content",
                    why=f"its SHA-256 is {found} instead of {sha256}",
                    todo="do not use it; ask whoever runs the package index",
                )
            os.replace(part, destination)
    return destination


def _list_sdists(client: PyPISimple, project: str, version: str, sha256: str) -> list[DistributionPackage]:
    """The index's source archives of that version, without those known to be other bytes."""
    from pypi_simple import NoSuchProjectError

    try:
        page = client.get_project_page(project, timeout=_READ_TIMEOUT)
    except NoSuchProjectError:
        return []
    return [
        package
        for package in page.packages
        if package.package_type == "sdist"
        and package.version == version
        and package.digests.get("sha256", sha256) == sha256
    ]


@cache
def _pip_setting(key: str, variable: str) -> str:
    """A setting of pip, from its environment variable or its files; "" where neither says."""
    if os.environ.get(variable):
        return os.environ[variable]
    names = ("PIP_CONFIG_FILE", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS")
    asked = process.run(
        [sys.executable, "-m", "pip", "config", "get", f"global.{key}"],
        env={name: os.environ[name] for name in names if name in os.environ},
        ok=process.ANY_STATUS,
    )
    return asked.text.strip() if asked.returncode == 0 else ""
