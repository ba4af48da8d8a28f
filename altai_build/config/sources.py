"""sources.yaml read into typed records; all errors are reported at once."""

from __future__ import annotations

import re

from altai_build.config.yaml_reader import InputErrors, YamlNode, parse_yaml
from altai_build.model.checksum import SHA256, Checksum, is_sha256
from altai_build.model.sources import PypiOrigin, UpstreamSource, UrlOrigin, is_source_file_name

_KEYS = ("file", "sha256", "from")
_PROJECT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def read_sources(data: bytes, file: str) -> tuple[UpstreamSource, ...]:
    """The sources that the text of `file` lists. Raises InputError naming all errors in it."""
    errors = InputErrors()
    top = YamlNode(parse_yaml(data, file), "", errors).check_keys(("sources",), needed=("sources",))
    sources = tuple(_read_source(node) for node in top.get_child("sources").read_list())
    names = [source.file for source in sources if source.file]
    for name in sorted({name for name in names if names.count(name) > 1}):
        errors.add("sources", f"{name} is listed twice")
    errors.raise_if_any(
        file, todo="each source has file, sha256 and from: an https URL or {pypi: NAME, version: V}"
    )
    return sources


def _read_source(node: YamlNode) -> UpstreamSource:
    node = node.check_keys(_KEYS, needed=_KEYS)
    return UpstreamSource(
        file=node.get_child("file").read_text(check=_check_file_name),
        checksum=Checksum(SHA256, node.get_child("sha256").read_text(check=_check_sha256)),
        origin=_read_origin(node.get_child("from")),
    )


def _read_origin(node: YamlNode) -> UrlOrigin | PypiOrigin:
    if isinstance(node.value, dict):
        node = node.check_keys(("pypi", "version"), needed=("pypi", "version"))
        return PypiOrigin(
            project=node.get_child("pypi").read_text(check=_check_project),
            version=node.get_child("version").read_text(),
        )
    return UrlOrigin(url=node.read_text(check=_check_url))


def _check_file_name(value: str) -> str | None:
    return None if is_source_file_name(value) else "a source is a plain file name, without folders"


def _check_sha256(value: str) -> str | None:
    return None if is_sha256(value) else "write 64 hexadecimal digits, lower case"


def _check_project(value: str) -> str | None:
    return None if _PROJECT.fullmatch(value) else "write the name of a project of the Python package index"


def _check_url(value: str) -> str | None:
    if not re.fullmatch(r"https://[^\s/@]+/\S+", value):
        return "write an https URL without user and password, or {pypi: NAME, version: V}"
    return None
