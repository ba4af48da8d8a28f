"""sources.yaml → typed records, all faults at once."""

from __future__ import annotations

import re

from altai_build.config.reader import InputErrors, YamlNode, parse_yaml
from altai_build.errors import InputError
from altai_build.model.checksum import is_sha256
from altai_build.model.nevra import is_safe_name
from altai_build.model.sources import PypiOrigin, UpstreamSource, UrlOrigin

_KEYS = ("file", "sha256", "from")
_PROJECT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def read_sources(data: bytes, where: str) -> tuple[UpstreamSource, ...]:
    """The sources that a file (known as `where`) lists. Raises InputError naming all its faults."""
    faults = InputErrors()
    top = YamlNode(parse_yaml(data, where), "", faults).known(("sources",), needed=("sources",))
    sources = tuple(_source(node) for node in top.child("sources").elements())
    names = [one.file for one in sources if one.file]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.add("sources", f"{name} is there twice")
    if faults.lines:
        count = len(faults.lines)
        raise InputError(
            f"{where} has {count} fault{'s' if count > 1 else ''}",
            why="\n".join(faults.lines),
            todo="each source has file, sha256 and from: an https URL or {pypi: NAME, version: V}",
        )
    return sources


def _source(node: YamlNode) -> UpstreamSource:
    node = node.known(_KEYS, needed=_KEYS)
    return UpstreamSource(
        file=node.child("file").text(check=_file),
        sha256=node.child("sha256").text(check=_sha256),
        origin=_origin(node.child("from")),
    )


def _origin(node: YamlNode) -> UrlOrigin | PypiOrigin:
    if isinstance(node.value, dict):
        node = node.known(("pypi", "version"), needed=("pypi", "version"))
        return PypiOrigin(
            project=node.child("pypi").text(check=_project), version=node.child("version").text()
        )
    return UrlOrigin(url=node.text(check=_url))


def _file(value: str) -> str | None:
    return None if is_safe_name(value) else "a source is a plain file name, without folders"


def _sha256(value: str) -> str | None:
    return None if is_sha256(value) else "write 64 hexadecimal digits, lower case"


def _project(value: str) -> str | None:
    return None if _PROJECT.fullmatch(value) else "write the name of a project of the Python package index"


def _url(value: str) -> str | None:
    if not re.fullmatch(r"https://[^\s/@]+/\S+", value):
        return "write an https URL without user and password, or {pypi: NAME, version: V}"
    return None
