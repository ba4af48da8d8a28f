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
    """The source archive of one version of a project, from the Python package index that pip is configured for."""

    project: str
    version: str


@dataclass(frozen=True)
class UpstreamSource:
    """One source file; its digest is checked, wherever it comes from."""

    file: str
    sha256: str
    # Not `UrlOrigin | PypiOrigin`, which Python 3.9 cannot evaluate.
    origin: Union[UrlOrigin, PypiOrigin]  # noqa: UP007
