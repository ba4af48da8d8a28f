"""JSON with the SHA-256 of its own text: a damaged record or cache is noticed, and is the same as none.

The workspace outlives failing disks, full disks and power cuts, and one changed digit is still JSON. The digest comes
first, so that the document stays one JSON object: `{"digest": "…", …}`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from altai_build.regular_files import read_regular_file

_START, _END = b'{"digest": "', b'", '
_DIGEST = slice(len(_START), len(_START) + 2 * hashlib.sha256().digest_size)
_BODY = slice(_DIGEST.stop + len(_END), None)


def dump_sealed(document: Mapping[str, Any]) -> bytes:
    """A document, with at least one field and none named `digest`, as one line without its end."""
    body = json.dumps(document).encode()[1:]
    return b"".join((_START, _compute_digest(body), _END, body))


def load_sealed(data: bytes) -> dict[str, Any] | None:
    """What `dump_sealed` was given; None when the text is not exactly what it returned.

    Whoever can write the text can write its digest: what the fields are worth says the caller.
    """
    frame, digest, body = data[: _DIGEST.start] + data[_DIGEST.stop : _BODY.start], data[_DIGEST], data[_BODY]
    if frame != _START + _END or digest != _compute_digest(body):
        return None
    try:
        document: dict[str, Any] = json.loads(data)
    except (ValueError, RecursionError):
        return None
    document.pop("digest", None)
    return document


def read_sealed(path: Path) -> dict[str, Any] | None:
    """The document in a file; None when there is no such file, or it cannot be read or is damaged."""
    try:
        return load_sealed(read_regular_file(path))
    except OSError:
        return None


def _compute_digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
