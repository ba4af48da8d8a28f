"""What one CI job leaves for the next: files with the paths that they have in a workspace, and a list of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from altai_build.model.untrusted_json import parse_json

INDEX_NAME = "cache.json"
SIGNATURE_NAME = f"{INDEX_NAME}.asc"
_FORMAT = 1
# Of a file name: what rpm, git and repositories use. No name begins with a dot or a dash.
_NAME = r"[A-Za-z0-9_+~^%][A-Za-z0-9_+~^%.,:=@()-]{0,250}"
_KEY = "[0-9a-f]{64}"


class CacheKind(str, Enum):
    """What is cached; the value is its name for people."""

    BUILD = "builds"
    SRPM = "source packages"
    ROOT = "base buildroots"
    NEEDS = "needs that builds revealed"
    PACKAGE = "downloaded packages"
    SOURCE = "downloaded sources"
    LOCKED = "locked packages"
    METADATA = "metadata"
    MIRROR = "git repositories"
    COVERAGE = "coverage"
    TEST_RECORD = "records of tests"

    @property
    def is_trusted_by_signature(self) -> bool:
        """Whether nothing but a signature of the list shows that it is what it seems.

        The path of the others holds the SHA-256 of their content, and git computes the name of each object.
        """
        documents = (CacheKind.NEEDS, CacheKind.COVERAGE, CacheKind.TEST_RECORD)
        return self in (CacheKind.BUILD, CacheKind.SRPM, CacheKind.ROOT, *documents)


# The paths of each kind. The first group is the unit that is taken as a whole; `sha256` is that of the content.
_PATTERNS = {
    CacheKind.BUILD: re.compile(rf"(builds/{_KEY})/{_NAME}"),
    CacheKind.SRPM: re.compile(rf"(srpms/{_KEY})/{_NAME}"),
    CacheKind.ROOT: re.compile(r"(roots/base/[0-9a-f]{40})\.(?:tar\.zst|files|packages)"),
    CacheKind.NEEDS: re.compile(r"(needs\.json)"),
    CacheKind.PACKAGE: re.compile(rf"(cache/packages/[0-9a-f]{{2}}/(?P<sha256>{_KEY})/{_NAME})"),
    CacheKind.SOURCE: re.compile(rf"(cache/sources/[0-9a-f]{{2}}/(?P<sha256>{_KEY})/{_NAME})"),
    CacheKind.LOCKED: re.compile(rf"(packages/[0-9a-f]{{2}}/(?P<sha256>{_KEY})/{_NAME})"),
    CacheKind.METADATA: re.compile(rf"(cache/metadata/[0-9a-f]{{24}}/(?P<sha256>{_KEY})-{_NAME})"),
    CacheKind.COVERAGE: re.compile(rf"(coverage/{_NAME}/(?:[0-9a-f]{{40}}|{_KEY})\.json)"),
    CacheKind.TEST_RECORD: re.compile(rf"(test-records/{_NAME}/(?:[0-9a-f]{{40}}|{_KEY})\.json)"),
    CacheKind.MIRROR: re.compile(r"(git/mirrors/[0-9a-f]{24})\.bundle"),
}


@dataclass(frozen=True)
class CachedFile:
    """A file of a cache: its path, in the cache as in a workspace, its content, and when it was used last.

    Sizes are in bytes, times in seconds since the epoch.
    """

    path: str
    sha256: str
    size: int
    used: int


@dataclass(frozen=True)
class CacheUnit:
    """Files that are useful together only, such as the packages of one build; `name` begins their paths."""

    kind: CacheKind
    name: str
    files: tuple[CachedFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def used(self) -> int:
        """When it was used last."""
        return max(file.used for file in self.files)


@dataclass(frozen=True)
class CacheIndex:
    """The list of a cache; `records` are those of the ledger, as JSON has them."""

    files: tuple[CachedFile, ...]
    records: tuple[Mapping[str, Any], ...]

    def dump(self) -> bytes:
        """The list as a JSON document."""
        document = {
            "format": _FORMAT,
            "files": [asdict(file) for file in self.files],
            "records": list(self.records),
        }
        return f"{json.dumps(document, indent=1)}\n".encode()

    def list_units(self) -> list[CacheUnit]:
        """The files in units, those first that were used last."""
        return group_files(self.files)

    def compute_key(self) -> str:
        """A name for the content: caches with the same files have the same, whenever these were used."""
        lines = sorted(f"{file.sha256} {file.path}" for file in self.files)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def parse_index(data: bytes) -> CacheIndex:
    """The list of a cache, whoever wrote it. Raises ValueError for one that names other files than a cache has."""
    try:
        document = parse_json(data.decode("utf-8"))
        if document["format"] != _FORMAT:
            raise ValueError(f"its format is {document['format']!r}, not {_FORMAT}")
        files = tuple(map(_parse_file, document["files"]))
        records = tuple(document["records"])
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError("it is no list of a cache") from error
    if len({file.path for file in files}) < len(files):
        raise ValueError("it names a file twice")
    if not all(isinstance(record, dict) for record in records):
        raise ValueError("it is no list of a cache")
    return CacheIndex(files=files, records=records)


def _parse_file(row: Mapping[str, Any]) -> CachedFile:
    path, sha256, size, used = row["path"], row["sha256"], row["size"], row["used"]
    if not isinstance(path, str) or get_kind(path) is None:
        raise ValueError(f"it names the file {str(path)[:200]!r}, which no cache has")
    is_named_right = isinstance(sha256, str) and re.fullmatch(_KEY, sha256)
    numbers = all(type(number) is int and 0 <= number < 1 << 53 for number in (size, used))
    if not is_named_right or not numbers:
        raise ValueError(f"what it says of {path} is no SHA-256, size and time")
    return CachedFile(path=path, sha256=sha256, size=size, used=used)


def get_kind(path: str) -> CacheKind | None:
    """What the file with this path is; None for one that no cache has."""
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.fullmatch(path)), None)


def get_named_digest(path: str) -> str | None:
    """The SHA-256 of the content that a path names; None for a path without one."""
    kind = get_kind(path)
    match = _PATTERNS[kind].fullmatch(path) if kind is not None else None
    return match.groupdict().get("sha256") if match is not None else None


def group_files(files: Iterable[CachedFile]) -> list[CacheUnit]:
    """Files in units, those first that were used last."""
    found: dict[tuple[CacheKind, str], list[CachedFile]] = {}
    for file in files:
        kind = get_kind(file.path)
        match = _PATTERNS[kind].fullmatch(file.path) if kind is not None else None
        if kind is not None and match is not None:
            found.setdefault((kind, match[1]), []).append(file)
    units = [CacheUnit(kind, name, tuple(members)) for (kind, name), members in found.items()]
    return sorted(units, key=lambda unit: (-unit.used, unit.name))


def choose_units(units: Iterable[CacheUnit], max_size: int) -> tuple[list[CacheUnit], list[CacheUnit]]:
    """The units that fit into so many bytes, those first that were used last; and the others."""
    chosen, left_out, size = [], [], 0
    for unit in units:
        if size + unit.size <= max_size:
            chosen.append(unit)
            size += unit.size
        else:
            left_out.append(unit)
    return chosen, left_out
