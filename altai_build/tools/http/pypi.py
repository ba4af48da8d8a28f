"""Distributions from the Python package index, by name, version and SHA-256; no code of theirs is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

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
# Bytes of a distribution.
_MAX_SIZE = 8 << 30

T = TypeVar("T")


@dataclass(frozen=True)
class IndexFile:
    """A file of a project in the index; `sha256` is "" where the index gives none.

    `requires_python` are the versions of Python that it is for, as PEP 440 writes them, "" for any.
    """

    project: str
    version: str
    name: str
    sha256: str
    requires_python: str
    is_sdist: bool
    is_yanked: bool
    package: DistributionPackage  # of the library that downloads it


def fetch_sdist(project: str, version: str, sha256: str, destination: Path) -> Path:
    """Download the source archive of a version; it gets its final name when its SHA-256 is right.

    Index and certificates are those that pip is configured with (PIP_INDEX_URL and PIP_CERT have precedence). Raises
    InputError; its text never contains the index's URL, which may contain a password.
    """

    def is_candidate(package: DistributionPackage) -> bool:
        return package.package_type == "sdist" and package.version == version

    return _fetch_one(project, f"source archive of {project} {version}", is_candidate, sha256, destination)


def fetch_distribution(project: str, name: str, sha256: str, destination: Path) -> Path:
    """Download the file `name` of a project, as `fetch_sdist` does; "" for its SHA-256 takes any content."""

    def is_candidate(package: DistributionPackage) -> bool:
        return package.filename == name

    return _fetch_one(project, f"file {name} of {project}", is_candidate, sha256, destination)


def list_index_files(project: str) -> tuple[IndexFile, ...] | None:
    """The source archives and wheels of a project, in the order of the index; None when it has no such project.

    Raises InputError when the index does not answer.
    """

    def list_them(client: PyPISimple) -> tuple[IndexFile, ...] | None:
        packages = _list_packages(client, project)
        return (
            None
            if packages is None
            else tuple(
                IndexFile(
                    project=project,
                    version=package.version,
                    name=package.filename,
                    sha256=package.digests.get("sha256", ""),
                    requires_python=package.requires_python or "",
                    is_sdist=package.package_type == "sdist",
                    is_yanked=package.is_yanked,
                    package=package,
                )
                for package in packages
                if package.package_type in ("sdist", "wheel") and package.version is not None
            )
        )

    return _with_index(
        list_them, f"the list of files of {project}", todo="check the network and `pip config list`"
    )


def read_index_metadata(file: IndexFile) -> bytes | None:
    """The metadata of a wheel, which some indexes have beside it; None where this one has none."""
    if not file.package.has_metadata:
        return None

    def read(client: PyPISimple) -> bytes | None:
        from pypi_simple import DigestMismatchError, NoMetadataError

        try:
            return client.get_package_metadata_bytes(
                file.package, verify=bool(file.package.metadata_digests), timeout=_READ_TIMEOUT
            )
        except NoMetadataError:
            return None
        except DigestMismatchError as error:
            raise InputError(
                f"the metadata of {file.name} has the wrong content",
                why="it has another SHA-256 than the package index says",
                todo="do not use it; ask the owner of the package index",
            ) from error

    return _with_index(read, f"the metadata of {file.name}", todo="check the network and `pip config list`")


def _with_index(action: Callable[[PyPISimple], T], subject: str, *, todo: str) -> T:
    """What `action` returns, in a few attempts. Raises InputError that `subject` cannot be downloaded."""
    # Brings sockets, which what is there does not need.
    from altai_build.tools.http.least_rate import LeastRate

    for attempt in range(1, MAX_ATTEMPTS + 1):
        rate = LeastRate()
        try:
            with rate, _open_client(rate) as client:
                return action(client)
        except (OSError, InputError) as error:
            process.end_stopped_thread()
            # An answer that was broken off has other bytes, too.
            if isinstance(error, InputError) and not rate.reason:
                raise
            # The library raises OSError for the network, as the disk does.
            if attempt == MAX_ATTEMPTS:
                raise InputError(
                    f"cannot download {subject}",
                    why=f"{_describe(error, rate)} ({MAX_ATTEMPTS} attempts)",
                    todo=todo,
                ) from error
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def _open_client(rate: LeastRate) -> Iterator[PyPISimple]:
    # Imported here: its 0.1 s would delay every command that builds.
    from pypi_simple import PYPI_SIMPLE_ENDPOINT, PyPISimple

    index = _pip_setting("index-url", "PIP_INDEX_URL") or PYPI_SIMPLE_ENDPOINT
    with open_session(rate, most=_MAX_SIZE) as session, PyPISimple(index, session=session) as client:
        certificates = _pip_setting("cert", "PIP_CERT")
        if certificates:
            client.s.verify = certificates
        yield client


def _describe(error: Exception, rate: LeastRate) -> str:
    """Why the index gave nothing; its name is not told."""
    if rate.reason:
        return f"the package index that pip is configured with: {rate.reason}"
    return f"{type(error).__name__} from the package index that pip is configured with"


def _fetch_one(
    project: str,
    subject: str,
    is_candidate: Callable[[DistributionPackage], bool],
    sha256: str,
    destination: Path,
) -> Path:
    """Download the file that `is_candidate` and the SHA-256 name."""
    if sha256 and destination.is_file() and sha256_file(destination) == sha256:
        return destination
    make_directory(destination.parent)

    def fetch(client: PyPISimple) -> Path:
        candidates = [
            package
            for package in _list_packages(client, project) or ()
            if is_candidate(package) and package.digests.get("sha256", sha256) == sha256
        ]
        if not candidates:
            raise InputError(
                f"the package index has no {subject} with SHA-256 {sha256}",
                why="the file was withdrawn, the index is a partial mirror, or the SHA-256 is wrong",
                todo=f"check `pip config list`; correct the SHA-256, or put the file at {destination}",
            )
        with scratch_directory(destination.parent, ".fetch") as scratch:
            partial = scratch / destination.name
            # Not every index publishes checksums: only the known one counts.
            client.download_package(candidates[0], partial, verify=False, timeout=_READ_TIMEOUT)
            found = sha256_file(partial)
            if sha256 and found != sha256:
                raise InputError(
                    f"the {subject} has the wrong content",
                    why=f"its SHA-256 is {found} instead of {sha256}",
                    todo="do not use it; ask the owner of the package index",
                )
            os.replace(partial, destination)
        return destination

    return _with_index(
        fetch,
        f"the {subject}",
        todo="check the network and `pip config list`, or put the file with SHA-256 "
        f"{sha256} at {destination}",
    )


def _list_packages(client: PyPISimple, project: str) -> list[DistributionPackage] | None:
    """The files of a project; None when the index has no such project."""
    from pypi_simple import NoSuchProjectError

    try:
        return client.get_project_page(project, timeout=_READ_TIMEOUT).packages
    except NoSuchProjectError:
        return None


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
