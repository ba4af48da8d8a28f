"""Where the sources of a third-party package come from: specs/NAME/sources.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

SOURCES_FILE_NAME = "sources.yaml"


@dataclass(frozen=True)
class UrlOrigin:
    """A file at an https URL."""

    url: str


@dataclass(frozen=True)
class PypiOrigin:
    """The source archive of one version of a project on the Python package index, whichever mirror is configured."""

    project: str
    version: str


@dataclass(frozen=True)
class UpstreamSource:
    """One source file; the digest decides, whoever delivers it."""

    file: str
    sha256: str
    origin: Union[UrlOrigin, PypiOrigin]  # noqa: UP007 - Python 3.9 evaluates it
