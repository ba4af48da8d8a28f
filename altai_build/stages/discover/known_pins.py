"""What earlier runs read in pinned commits: a commit never changes, so what it holds is not read again.

What is damaged, or is not of the form that is written here, counts as not known, and is read from git again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Union

from altai_build.model.spec import SourceTag, SpecInfo, UnknownSpec
from altai_build.tools.git.repository_state import State
from altai_build.tools.remembered import Remembered, digest_code
from altai_build.tools.spec.reader import list_reader_versions

# Of the keys; part of them.
_FORMAT = 1
# The folders, from that of this package, whose code finds specs and has rpm read them.
_CODE = (".", "../../tools/git", "../../tools/rpm")
# What a spec says, as far as it is known without rpm.
ReadSpec = Union[SpecInfo, UnknownSpec]
# The fields of a SpecInfo in the order of the file.
_TEXTS = ("name", "version", "release", "prefix", "excluded")
_OPTIONAL_TEXTS = ("epoch", "hidden_dist")
_TAGS = ("sources", "patches", "icons")
_NAMES = ("packages", "provides", "build_requires", "requires", "unlisted")
_PARSE_ERRORS = (ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True)
class KnownPin:
    """What was found in a pinned commit: its specs, each with what it says, or the `reason` why there is none.

    The commit was in the repository `common` in that `state`; None where only git can tell whether it still is.
    """

    common: Path
    state: State | None
    files: int  # in its tree
    specs: tuple[tuple[str, ReadSpec], ...]
    reason: str = ""


class KnownPins:
    """Pins, and specs that rpm has read, each by a key of all that it depends on; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._rows = Remembered(path)

    def find_pin(self, key: str) -> KnownPin | None:
        """What is known of a pinned commit."""
        row = self._rows.find(f"pin {key}")
        with suppress(*_PARSE_ERRORS):
            return None if row is None else _parse_pin(row)
        return None

    def add_pin(self, key: str, pin: KnownPin) -> None:
        """Remember what was found in a pinned commit."""
        specs = [[path, _dump_spec(spec)] for path, spec in pin.specs]
        self._rows.add(f"pin {key}", [str(pin.common), pin.state, pin.files, pin.reason, specs])

    def renew_state(self, key: str, pin: KnownPin, common: Path, state: State | None) -> None:
        """Remember where git has found a known commit again."""
        if (pin.common, pin.state) != (common, state):
            self.add_pin(key, replace(pin, common=common, state=state))

    def find_spec(self, key: str) -> SpecInfo | None:
        """What rpm said of a spec."""
        row = self._rows.find(f"spec {key}")
        with suppress(*_PARSE_ERRORS):
            spec = None if row is None else _parse_spec(row)
            return spec if isinstance(spec, SpecInfo) else None
        return None

    def add_spec(self, key: str, info: SpecInfo) -> None:
        """Remember what rpm said of a spec."""
        self._rows.add(f"spec {key}", _dump_spec(info))

    def save(self) -> None:
        """Write what is new. Raises CannotWriteError."""
        self._rows.save()


def digest_context(arch: str, macros: Mapping[str, str], *more: str) -> str:
    """A digest of what is not in a commit, and tells what a spec in it says: macros, the code that reads it, `more`."""
    code = digest_code(Path(__file__), _CODE)
    parts = [_FORMAT, list_reader_versions(arch), code, arch, sorted(macros.items()), more]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _parse_pin(row: Any) -> KnownPin:
    common, state, files, reason, specs = row
    if not isinstance(common, str) or not isinstance(state, (list, type(None))) or not isinstance(files, int):
        raise TypeError
    return KnownPin(
        common=Path(common),
        state=state,
        files=files,
        reason=_text(reason),
        specs=tuple((_text(path), _parse_spec(spec)) for path, spec in specs),
    )


def _parse_spec(row: Any) -> ReadSpec:
    if isinstance(row, str):
        return UnknownSpec(reason=row)
    texts, optional, tags, names = row
    return SpecInfo(
        **dict(_pair(_TEXTS, map(_text, texts))),
        **dict(_pair(_OPTIONAL_TEXTS, (None if one is None else _text(one) for one in optional))),
        **dict(_pair(_TAGS, map(_parse_tags, tags))),
        **dict(_pair(_NAMES, map(_parse_names, names))),
    )


def _pair(fields: tuple[str, ...], values: Iterable[Any]) -> list[tuple[str, Any]]:
    pairs = list(zip(fields, values))
    if len(pairs) != len(fields):
        raise ValueError
    return pairs


def _parse_tags(rows: Any) -> tuple[SourceTag, ...]:
    tags = tuple(SourceTag(number=number, value=_text(value)) for number, value in rows)
    if not all(isinstance(tag.number, int) for tag in tags):
        raise TypeError
    return tags


def _parse_names(rows: Any) -> tuple[str, ...]:
    if not isinstance(rows, list):
        raise TypeError
    return tuple(map(_text, rows))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _dump_spec(spec: ReadSpec) -> object:
    if isinstance(spec, UnknownSpec):
        return spec.reason
    return [
        [getattr(spec, field) for field in _TEXTS],
        [getattr(spec, field) for field in _OPTIONAL_TEXTS],
        [[[tag.number, tag.value] for tag in getattr(spec, field)] for field in _TAGS],
        [list(getattr(spec, field)) for field in _NAMES],
    ]
