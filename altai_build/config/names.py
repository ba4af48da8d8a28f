"""Names and URLs that repos.yaml gives to what clients see: they become paths, URLs and sections of the .repo file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from altai_build.config.yaml_reader import YamlNode
from altai_build.model.release_files import (
    CHECKSUMS_NAME,
    KEY_FILE_PREFIX,
    MANIFEST_NAME,
    PROVENANCE,
    make_repo_section_name,
)

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_MAX_LENGTH = 100
# What else a release contains at its top; the rest is recognized by its beginning or end.
_RESERVED = (PROVENANCE, "report", "index.html", MANIFEST_NAME, CHECKSUMS_NAME)
_RESERVED_STARTS = (KEY_FILE_PREFIX,)
_RESERVED_ENDS = (".repo", ".asc")
# RFC 3986, without what begins a query or a fragment; $ begins a variable of yum and dnf.
_ARCH = re.compile(r"[a-z][a-z0-9_]*")
_BASEURL = re.compile(r"(?:[A-Za-z0-9._~:/\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")


def check_plain_name(value: str) -> str | None:
    """What is wrong with the name of a target, key, package or other entry of repos.yaml."""
    return None if _SEGMENT.fullmatch(value) and ".." not in value else "write letters, digits and _ . + -"


def check_arch(value: str) -> str | None:
    """What is wrong with an architecture: rpm takes `x86-64` for the operating system 64 on the architecture x86."""
    return None if _ARCH.fullmatch(value) else "write an architecture as rpm calls it, such as x86_64"


def check_repository_name(name: str) -> str | None:
    """What is wrong with the name of a repository, which is also its directory and its URL in a release."""
    parts = name.split("/")
    if not all(_SEGMENT.fullmatch(part) and ".." not in part for part in parts):
        return "write letters, digits and _ . + - (and / between folders), as in deps/epel"
    if len(name) > _MAX_LENGTH:
        return f"write at most {_MAX_LENGTH} characters"
    first = parts[0]
    if first in _RESERVED or first.startswith(_RESERVED_STARTS) or first.endswith(_RESERVED_ENDS):
        return f"a release has other files named {first}; choose another name"
    if any(part == "repodata" or part.endswith(".rpm") for part in parts):
        return "a folder of repodata or packages is no repository; choose another name"
    return None


def check_repository_names(node: YamlNode, project: str, source_names: Mapping[str, str | None]) -> None:
    """Report repositories that would share a folder, or a section of the .repo file.

    `source_names` maps each repository to the name of the one that has its source packages.
    """
    folders: dict[str, str] = {name: f"the repository {name}" for name in source_names}
    for name, sources in source_names.items():
        if sources is not None:
            other = folders.setdefault(sources, f"the source packages of {name}")
            if other != f"the source packages of {name}":
                node.get_child(name).get_child("source_rpms").add_error(
                    f"{sources!r} is already the folder of {other}; each has a folder of its own"
                )
    sections: dict[str, str] = {}
    for name in source_names:
        section = make_repo_section_name(project, name)
        other = sections.setdefault(section, name)
        if other != name:
            node.get_child(name).add_error(
                f"{other} has the same section in the .repo file, [{section}]; rename one"
            )


def check_baseurl(value: str) -> str | None:
    """What is wrong with the URL under which clients find releases; paths are appended to it."""
    if not _BASEURL.fullmatch(value):
        return "write the URL of a folder, without blanks, quotes, ? and #; other characters as %XX"
    return None
