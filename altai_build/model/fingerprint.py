"""What of a package can matter to those that are built with it, and how much of that a policy lets count."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from altai_build.model.package import Dependency, RpmHeader

# After what a local package's entry in a build's inputs begins with: NEVRA and digest of the file.
_HEADERS_PREFIX, _WHOLE_PREFIX = "headers:", "whole:"


class RebuildPolicy(str, Enum):
    """When a component is built again because a package it is built with was; the words of `build.dependants`."""

    REBUILD = "rebuild"  # when anything of that package that a build could see differs
    HEADERS = "headers"  # when what it provides or requires differs
    NEVER = "never"  # when it is another package


@dataclass(frozen=True)
class Fingerprint:
    """Two digests of a package: of its capabilities and requirements, and of all that can be seen once installed."""

    headers: str
    whole: str

    def to_input_value(self, identity: str) -> str:
        """The value that stands in a build's inputs; `identity` is what the package was exactly, for the record."""
        return f"{identity} {_HEADERS_PREFIX}{self.headers} {_WHOLE_PREFIX}{self.whole}"


def compute_fingerprint(header: RpmHeader) -> Fingerprint:
    """The digests of a package.

    Every commit stamps a release of its own, so the package's own release is left out wherever it stands; the version
    is not: builds ask for it. What only people read (summary, changelog) and times are left out too.
    """
    provides, requires = _plain(header, header.provides), _plain(header, header.requires)
    whole = [
        [header.nevra.name, header.nevra.epoch, header.nevra.version, header.nevra.arch],
        provides,
        requires,
        *(_plain(header, some) for some in (header.conflicts, header.obsoletes, header.recommends)),
        sorted(header.scripts),
        sorted(
            (one.path, one.mode, one.owner, one.group, one.flags, one.digest, one.link_target)
            for one in header.files
        ),
    ]
    return Fingerprint(headers=_digest([header.nevra.name, provides, requires]), whole=_digest(whole))


def get_relevant_part(value: str, policy: RebuildPolicy) -> str:
    """The part of an input's value that a policy lets count; values that are no local package's count as they are."""
    words = value.split(" ")
    if len(words) != 4 or not (words[2].startswith(_HEADERS_PREFIX) and words[3].startswith(_WHOLE_PREFIX)):
        return value
    return {RebuildPolicy.REBUILD: words[3], RebuildPolicy.HEADERS: words[2], RebuildPolicy.NEVER: ""}[policy]


def is_local_package(value: str) -> bool:
    """True for the entry of a package that a component of this superproject made."""
    return get_relevant_part(value, RebuildPolicy.NEVER) != value


def _plain(header: RpmHeader, dependencies: Iterable[Dependency]) -> list[tuple[str, str, str]]:
    own = header.nevra.evr.rpartition(":")[2]
    version = own.rpartition("-")[0]
    return sorted(
        (one.name, one.flags, f"{version}-*" if one.evr.rpartition(":")[2] == own else one.evr)
        for one in dependencies
    )


def _digest(tree: Any) -> str:
    return hashlib.sha256(json.dumps(tree).encode()).hexdigest()
