"""Files from http, https and file URLs: resumed, retried, and never under their final name before they are verified."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from altai_build.errors import InputError
from altai_build.model.checksum import HEX_DIGITS, SHA256, Checksum
from altai_build.tools.files import link_or_copy, make_directory, sha256_file

MAX_ATTEMPTS = 4
RETRY_DELAY = 0.5  # seconds before the second attempt, doubled for each that follows
TIMEOUT = (15.0, 60.0)  # seconds to connect, and between two pieces of an answer
_CHUNK_SIZE = 1 << 16  # what at most is lost when a connection breaks
_PERMANENT_STATUSES = (400, 401, 403, 404, 405, 410)
_NOT_FOUND_STATUSES = (404, 410)


def fetch_file(
    url: str,
    destination: Path,
    *,
    size: int | None = None,
    checksum: Checksum | None = None,
    limit: int = 8 << 30,
) -> Path:
    """Bring a file here under its final name, once its size (bytes) and checksum are right.

    A file of that name with the right checksum is kept as it is. Half a file is gone on with (HTTP ranges); passing
    faults are tried again with growing pauses. More than `limit` bytes are refused. Raises InputError.
    """
    if destination.is_file() and checksum is not None and has_checksum(destination, checksum):
        return destination
    make_directory(destination.parent)
    if url.startswith("file:"):
        return _copy_file_url(url, destination, checksum)
    # One partial per process: a second run that wants the same file must not write into the first one's.
    partial = destination.with_name(f".{destination.name}.{os.getpid()}.part")
    if checksum is not None:
        _resume_abandoned(destination, partial)
    complaint = ""
    for attempt in range(MAX_ATTEMPTS):
        if attempt:
            time.sleep(min(8.0, RETRY_DELAY * 2**attempt) * (0.5 + random.random() / 2))  # noqa: S311 - no secret
        try:
            _get(url, partial, min(limit, size) if size else limit)
        except _TransientError as fault:
            complaint = str(fault)
            continue
        complaint = _describe_mismatch(partial, size, checksum)
        if not complaint:
            os.replace(partial, destination)
            return destination
        partial.unlink(missing_ok=True)
    if checksum is None:
        partial.unlink(missing_ok=True)
    raise InputError(
        f"{url} could not be fetched",
        why=f"{complaint} (tried {MAX_ATTEMPTS} times)",
        todo="check the network and the URL; what was fetched before is kept",
    )


def _resume_abandoned(destination: Path, partial: Path) -> None:
    """Go on with the half of a file that a run left behind which is no more."""
    start, end = f".{destination.name}.", ".part"
    for entry in list(os.scandir(destination.parent)):
        pid = entry.name[len(start) : -len(end)]
        if entry.name.startswith(start) and entry.name.endswith(end) and pid.isdigit():
            with suppress(
                PermissionError, FileNotFoundError
            ):  # alive under another user; adopted by another run
                try:
                    os.kill(int(pid), 0)
                except ProcessLookupError:
                    os.replace(entry.path, partial)


class FileNotOnServer(InputError):
    """The server says that it has no such file."""


class _TransientError(Exception):
    """A fault that another attempt may not meet."""


def _get(url: str, partial: Path, limit: int) -> None:
    import requests  # here: its 30 ms are felt by every verb, and most fetch nothing

    have = partial.stat().st_size if partial.is_file() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    headers["Accept-Encoding"] = "identity"
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if answer.status_code == 416:
                partial.unlink(missing_ok=True)
                raise _TransientError("the server has another file now")
            if answer.status_code in _PERMANENT_STATUSES:
                kind = FileNotOnServer if answer.status_code in _NOT_FOUND_STATUSES else InputError
                raise kind(
                    f"{url} could not be fetched",
                    why=f"the server answered {answer.status_code} {answer.reason}",
                    todo="check the URL, or whether the mirror still has the file",
                )
            if answer.status_code not in (200, 206):
                raise _TransientError(f"the server answered {answer.status_code} {answer.reason}")
            with open(partial, "ab" if answer.status_code == 206 else "wb") as stream:
                for piece in answer.iter_content(_CHUNK_SIZE):
                    stream.write(piece)
                    if stream.tell() > limit:
                        raise InputError(
                            f"{url} is larger than it should be", why=f"more than {limit} bytes came"
                        )
                stream.flush()
                os.fsync(stream.fileno())
    except requests.RequestException as error:
        raise _TransientError(str(error)) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise InputError(
                f"cannot keep {url}", why=str(error), todo="make room, or name another --workspace"
            ) from error
        raise


def _copy_file_url(url: str, destination: Path, checksum: Checksum | None) -> Path:
    source = path_from_file_url(url)
    partial = destination.with_name(f".{destination.name}.{os.getpid()}.part")
    partial.unlink(missing_ok=True)
    try:
        # The metadata of a repository is replaced in place by some tools; packages never are, and may be linked.
        if checksum is None:
            shutil.copyfile(source, partial)
        else:
            link_or_copy(source, partial)
    except OSError as error:
        kind = FileNotOnServer if isinstance(error, FileNotFoundError) else InputError
        raise kind(f"{url} could not be read", why=str(error), todo="check the URL") from error
    if checksum is not None and not has_checksum(partial, checksum):
        partial.unlink()
        raise InputError(
            f"{url} is not the file that was expected", why=f"its {checksum.algorithm} is another"
        )
    os.replace(partial, destination)
    partial.unlink(missing_ok=True)  # rename(2) does nothing when both names are one inode already
    return destination


def _describe_mismatch(path: Path, size: int | None, checksum: Checksum | None) -> str:
    have = path.stat().st_size
    if size is not None and have != size:
        return f"{have} bytes came instead of {size}"
    if checksum is not None and (found := compute_checksum(path, checksum.algorithm)) != checksum:
        return f"its {checksum.algorithm} is {found.value} instead of {checksum.value}"
    return ""


def has_checksum(path: Path, checksum: Checksum) -> bool:
    """True when a file's bytes have the checksum. Raises InputError for an unknown algorithm."""
    return compute_checksum(path, checksum.algorithm) == checksum


def compute_checksum(path: Path, algorithm: str) -> Checksum:
    """The checksum of a file's bytes. Raises InputError for an unknown algorithm."""
    if algorithm == SHA256:
        return Checksum(algorithm=SHA256, value=sha256_file(path))
    if algorithm not in HEX_DIGITS:
        raise InputError(f"unknown checksum algorithm {algorithm!r}")
    found = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as stream:
        for piece in iter(lambda: stream.read(_CHUNK_SIZE), b""):
            found.update(piece)
    return Checksum(algorithm=algorithm, value=found.hexdigest())


def path_from_file_url(url: str) -> Path:
    """The path that a file URL names."""
    return Path(unquote(urlsplit(url).path))


def join_url(base: str, location: str) -> str:
    """A location below a base URL. Raises InputError for one that would leave it."""
    if location.startswith(("/", "-")) or ".." in location.split("/") or "://" in location:
        raise InputError(f"{base} names the file {location!r}, which is outside the repository")
    return f"{base.rstrip('/')}/{location}"


def get_text(url: str, *, limit: int = 1 << 20) -> str:
    """A small text from a URL (a mirror list, a key). Raises InputError."""
    if url.startswith("file:"):
        try:
            return path_from_file_url(url).read_text(encoding="utf-8", errors="replace")[:limit]
        except OSError as error:
            raise InputError(f"{url} could not be read", why=str(error)) from error
    import requests

    text = bytearray()
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT) as answer:
            answer.raise_for_status()
            for piece in answer.iter_content(_CHUNK_SIZE):
                text += piece
                if len(text) > limit:
                    raise InputError(
                        f"{url} is larger than it should be", why=f"more than {limit} bytes came"
                    )
    except requests.RequestException as error:
        raise InputError(f"{url} could not be fetched", why=str(error)) from error
    return text.decode("utf-8", "replace")
