"""Channels: what machines follow, and the signed history of the releases that each has shown.

A channel is a folder, `channels/NAME` beside the releases, with metalinks for the release that it shows and for each of
its repositories, the .repo file for clients, the public keys, and the history.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any

from altai_build.model.nevra import is_safe_name
from altai_build.model.untrusted_json import parse_json

CHANNELS_FOLDER = "channels"
HISTORY_NAME = "history.json"
METALINK_NAME = "metalink.xml"
# Bytes; 10,000 changes of a channel take a third of it.
MAX_HISTORY_SIZE = 16 << 20
_SCHEMA_VERSION = 1
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Promotion:
    """One change of a channel: who, when (UTC), from which release to which, and why."""

    number: int  # the first is 1
    who: str
    when: str
    previous: str | None  # None: the channel was new
    version: str
    why: str
    is_back: bool  # to an earlier release
    checksums: str  # the SHA-256 of the release's SHA256SUMS, which cover all of its files


@dataclass(frozen=True)
class ChannelHistory:
    """All changes of a channel, the first one first, and the SHA-256 of each file that the last one wrote."""

    project: str
    channel: str
    promotions: tuple[Promotion, ...]
    files: Mapping[str, str]

    @property
    def last(self) -> Promotion:
        """What the channel shows."""
        return self.promotions[-1]


def is_channel_name(text: str) -> bool:
    """True for a name that can be a channel's: it stands in URLs, names of files, and sections of .repo files."""
    return _NAME.fullmatch(text) is not None


def make_channel_repo_name(project: str, channel: str) -> str:
    """The name of the .repo file of a channel: `altai-stable.repo`."""
    return f"{project}-{channel}.repo"


def make_metalink_path(repository: str) -> str:
    """Where the metalink of a repository is in the folder of a channel; "" stands for the whole release."""
    return f"{repository}/{METALINK_NAME}".lstrip("/")


def format_moment(moment: datetime) -> str:
    """A time as the history has it: `2013-02-28T12:00:00Z`."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def history_to_json(history: ChannelHistory) -> str:
    """The text of history.json."""
    document = {
        "schema_version": _SCHEMA_VERSION,
        "project": history.project,
        "channel": history.channel,
        "promotions": [promotion_to_json(promotion) for promotion in history.promotions],
        "files": dict(sorted(history.files.items())),
    }
    return json.dumps(document, indent=1) + "\n"


def promotion_to_json(promotion: Promotion) -> dict[str, Any]:
    """One change as history.json and `--json` have it."""
    return {
        "number": promotion.number,
        "who": promotion.who,
        "when": promotion.when,
        "from": promotion.previous,
        "to": promotion.version,
        "why": promotion.why,
        "back": promotion.is_back,
        "checksums": promotion.checksums,
    }


def history_from_json(text: str) -> ChannelHistory:
    """Read a history.json that anybody may have written. Raises ValueError with the first thing that is wrong."""
    document = _read_object(parse_json(text), "the document")
    version = _read(document, "schema_version", int)
    if version != _SCHEMA_VERSION:
        raise ValueError(f"schema_version is {version}; this program reads {_SCHEMA_VERSION}")
    promotions = tuple(
        _read_promotion(_read_object(item, f"promotions[{number - 1}]"), number)
        for number, item in enumerate(_read(document, "promotions", list), start=1)
    )
    if not promotions:
        raise ValueError("promotions is empty")
    for earlier, later in zip(promotions, promotions[1:]):
        if later.previous != earlier.version:
            raise ValueError(
                f"promotion {later.number} is from {later.previous}, but {earlier.number} is to {earlier.version}"
            )
    files = _read_object(document.get("files"), "files")
    for path in files:
        if not all(is_safe_name(part) for part in path.split("/")) or not _SHA256.fullmatch(
            _read(files, path, str)
        ):
            raise ValueError(f"files has {path!r}, which is no path with its SHA-256")
        if any(str(folder) in files for folder in PurePosixPath(path).parents):
            raise ValueError(f"files has {path!r}, in a folder that is a file")
    return ChannelHistory(
        project=_read(document, "project", str),
        channel=_read(document, "channel", str),
        promotions=promotions,
        files=files,
    )


def _read_promotion(document: Mapping[str, Any], number: int) -> Promotion:
    if _read(document, "number", int) != number:
        raise ValueError(f"promotions[{number - 1}] has the number {document['number']}")
    previous, version = document.get("from"), _read(document, "to", str)
    checksums = _read(document, "checksums", str)
    if previous is not None:
        previous = _read(document, "from", str)
    if (previous is None) != (number == 1):
        raise ValueError(f"promotion {number} is from {previous}")
    if not is_safe_name(version) or not _SHA256.fullmatch(checksums):
        raise ValueError(f"promotion {number} names no release with the SHA-256 of its checksums")
    return Promotion(
        number=number,
        who=_read(document, "who", str),
        when=_read(document, "when", str),
        previous=previous,
        version=version,
        why=_read(document, "why", str),
        is_back=_read(document, "back", bool),
        checksums=checksums,
    )


def _read_object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no object")
    return value


def _read(document: Mapping[str, Any], key: str, kind: type) -> Any:
    value = document.get(key)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{key} is missing, or no {kind.__name__}")
    return value
