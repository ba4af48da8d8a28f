"""What packages built with a package can see of it, and how much of that a rebuild policy compares."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from altai_build.model.package import Dependency, RpmHeader

# Before the two digests of a local package in a build's inputs; NEVRA and digest of the file stand before them.
_HEADERS_PREFIX, _WHOLE_PREFIX = "headers:", "whole:"


class RebuildPolicy(str, Enum):
    """When a component is rebuilt because a package it is built with was rebuilt; the words of `build.dependants`."""

    REBUILD = "rebuild"  # when anything of that package differs that a build can see
    HEADERS = "headers"  # when what it provides or requires differs
    NEVER = "never"  # only when it is a package of another name


@dataclass(frozen=True)
class Fingerprint:
    """Two digests of a package: of what it provides and requires, and of everything visible once it is installed."""

    headers: str
    whole: str

    def to_input_value(self, identity: str) -> str:
        """The package's value among a build's inputs; `identity` says which package it was exactly, for the record."""
        return f"{identity} {_HEADERS_PREFIX}{self.headers} {_WHOLE_PREFIX}{self.whole}"


def compute_fingerprint(header: RpmHeader) -> Fingerprint:
    """The digests of a package.

    Every commit gets a release of its own, so the package's own release is left out wherever it occurs; its version is
    not: builds ask for it. What only people read (summary, changelog) and timestamps are left out too.
    """
    provides, requires = _normalize(header, header.provides), _normalize(header, header.requires)
    others = (header.conflicts, header.obsoletes, header.recommends)
    whole = [
        [header.nevra.name, header.nevra.epoch, header.nevra.version, header.nevra.arch],
        provides,
        requires,
        *(_normalize(header, dependencies) for dependencies in others),
        sorted(header.scripts),
        sorted(
            (file.path, file.mode, file.owner, file.group, file.flags, file.digest, file.link_target)
            for file in header.files
        ),
    ]
    return Fingerprint(
        headers=_compute_digest([header.nevra.name, provides, requires]), whole=_compute_digest(whole)
    )


def get_relevant_part(value: str, policy: RebuildPolicy) -> str:
    """The part of an input's value that a policy compares; the whole value if it is not that of a local package."""
    words = value.split(" ")
    if len(words) != 4 or not (words[2].startswith(_HEADERS_PREFIX) and words[3].startswith(_WHOLE_PREFIX)):
        return value
    return {RebuildPolicy.REBUILD: words[3], RebuildPolicy.HEADERS: words[2], RebuildPolicy.NEVER: ""}[policy]


def is_local_package(value: str) -> bool:
    """True for the value of a package that a component of this superproject made."""
    return get_relevant_part(value, RebuildPolicy.NEVER) != value


def _normalize(header: RpmHeader, dependencies: Iterable[Dependency]) -> list[tuple[str, str, str]]:
    """Dependencies with the package's own release replaced by a `*`."""
    own = header.nevra.evr.rpartition(":")[2]
    version = own.rpartition("-")[0]
    return sorted(
        (
            dependency.name,
            dependency.flags,
            f"{version}-*" if dependency.evr.rpartition(":")[2] == own else dependency.evr,
        )
        for dependency in dependencies
    )


def _compute_digest(tree: Any) -> str:
    return hashlib.sha256(json.dumps(tree).encode()).hexdigest()
