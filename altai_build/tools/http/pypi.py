"""Source archives from the Python package index, by name, version and SHA-256; no code of theirs is run."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altai_build.errors import InputError
from altai_build.tools import process
from altai_build.tools.files import make_directory, scratch_directory, sha256_file
from altai_build.tools.http.session import open_session

if TYPE_CHECKING:
    from pypi_simple import DistributionPackage, PyPISimple

    from altai_build.tools.http.least_rate import LeastRate

MAX_ATTEMPTS = 3
# Seconds.
_READ_TIMEOUT = 60
# Bytes of a source archive.
_MAX_SIZE = 8 << 30


def fetch_sdist(project: str, version: str, sha256: str, destination: Path) -> Path:
    """Download the source archive of a version; it gets its final name when its SHA-256 is right.

    Index and certificates are those that pip is configured with (PIP_INDEX_URL and PIP_CERT have precedence). Raises
    InputError; its text never contains the index's URL, which may contain a password.
    """
    if destination.is_file() and sha256_file(destination) == sha256:
        return destination
    # Brings sockets, which a source that is there does not need.
    from altai_build.tools.http.least_rate import LeastRate

    make_directory(destination.parent)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        rate = LeastRate()
        try:
            with rate, open_session(rate, most=_MAX_SIZE) as session:
                return _fetch(session, project, version, sha256, destination)
        except (OSError, InputError) as error:
            process.end_stopped_thread()
            # An answer that was broken off has other bytes, too.
            if isinstance(error, InputError) and not rate.reason:
                raise
            # The library raises OSError for the network, as the disk does.
            if attempt == MAX_ATTEMPTS:
                raise InputError(
                    f"cannot download the source archive of {project} {version}",
                    why=f"{_describe(error, rate)} ({MAX_ATTEMPTS} attempts)",
                    todo="check the network and `pip config list`, or put the file with SHA-256 "
                    f"{sha256} at {destination}",
                ) from error
    raise AssertionError("the last attempt returns or raises")


def _describe(error: Exception, rate: LeastRate) -> str:
    """Why the index gave nothing; its name is not told."""
    if rate.reason:
        return f"the package index that pip is configured with: {rate.reason}"
    return f"{type(error).__name__} from the package index that pip is configured with"


def _fetch(session: Any, project: str, version: str, sha256: str, destination: Path) -> Path:
    # Imported here: its 0.1 s would delay every command that builds.
    from pypi_simple import PYPI_SIMPLE_ENDPOINT, PyPISimple

    index = _pip_setting("index-url", "PIP_INDEX_URL") or PYPI_SIMPLE_ENDPOINT
    with PyPISimple(index, session=session) as client:
        certificates = _pip_setting("cert", "PIP_CERT")
        if certificates:
            client.s.verify = certificates
        candidates = _list_sdists(client, project, version, sha256)
        if not candidates:
            raise InputError(
                f"the package index has no source archive of {project} {version} with SHA-256 {sha256}",
                why="the archive was withdrawn, the index is a partial mirror, or the SHA-256 is wrong",
                todo=f"check `pip config list`; correct sources.yaml, or put the file at {destination}",
            )
        with scratch_directory(destination.parent, ".fetch") as scratch:
            partial = scratch / destination.name
            # Not every index publishes checksums: only the one in sources.yaml counts.
            client.download_package(candidates[0], partial, verify=False, timeout=_READ_TIMEOUT)
            found = sha256_file(partial)
            if found != sha256:
                raise InputError(
                    f"the source archive of {project} {version} has the wrong content",
                    why=f"its SHA-256 is {found} instead of {sha256}",
                    todo="do not use it; ask the owner of the package index",
                )
            os.replace(partial, destination)
    return destination


def _list_sdists(client: PyPISimple, project: str, version: str, sha256: str) -> list[DistributionPackage]:
    """The index's source archives of a version, without those that the index gives another SHA-256 for."""
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
    """A setting of pip, from its environment variable or its configuration files; "" when it is not set."""
    if os.environ.get(variable):
        return os.environ[variable]
    names = ("PIP_CONFIG_FILE", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS")
    result = process.run(
        [sys.executable, "-m", "pip", "config", "get", f"global.{key}"],
        env={name: os.environ[name] for name in names if name in os.environ},
        ok=process.ANY_STATUS,
    )
    return result.text.strip() if result.returncode == 0 else ""
