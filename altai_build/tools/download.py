"""Downloads from http, https and file URLs: resumed, retried, and verified before they get their final name."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from altai_build.errors import InputError, UnreachableError
from altai_build.model.checksum import HEX_DIGITS, SHA256, Checksum
from altai_build.tools.files import link_or_copy, make_directory, sha256_file
from altai_build.tools.url import path_from_file_url

if TYPE_CHECKING:
    import requests

MAX_ATTEMPTS = 4
# Seconds before the second attempt, doubled for each attempt that follows.
RETRY_DELAY = 0.5
# Seconds to connect, and between two pieces of an answer.
TIMEOUT = (15.0, 60.0)
# Bytes: the most that is lost when a connection breaks.
_CHUNK_SIZE = 1 << 16
_PERMANENT_STATUSES = (400, 401, 403, 404, 405, 410)
_NOT_FOUND_STATUSES = (404, 410)
_RANGE_NOT_SATISFIABLE = 416
_CHECK_NETWORK = "check the network and the URL, then rerun the command; finished downloads are kept"
_CHECK_FILE = "check the URL, and whether the mirror still has the file"


class FileNotOnServer(InputError):
    """The server says that it has no such file."""


class FileTooLarge(InputError):
    """A server sent more bytes than allowed."""


class _TransientError(Exception):
    """A failure that another attempt may not meet."""


def fetch_file(
    url: str,
    destination: Path,
    *,
    size: int | None = None,
    checksum: Checksum | None = None,
    limit: int = 8 << 30,
    attempts: int = MAX_ATTEMPTS,
) -> Path:
    """Download a file; it gets its final name when its size (bytes) and checksum are right.

    An existing file with the right checksum is kept. A partial download is resumed (HTTP ranges), and transient
    failures are retried with growing pauses, `attempts` in all. Raises UnreachableError when they persist, InputError
    for what the server sends, also for more than `limit` bytes.
    """
    if checksum is not None and destination.is_file() and has_checksum(destination, checksum):
        return destination
    make_directory(destination.parent)
    if url.startswith("file:"):
        return _copy_file_url(url, destination, checksum)
    partial = _partial_path(destination)
    if checksum is not None:
        _adopt_abandoned(destination, partial)
    complaint, is_transient = "", False
    for attempt in range(attempts):
        if attempt:
            time.sleep(min(8.0, RETRY_DELAY * 2**attempt) * (0.5 + random.random() / 2))  # noqa: S311 - no secret
        try:
            _download(url, partial, min(limit, size) if size else limit)
        except _TransientError as error:
            complaint, is_transient = str(error), True
            continue
        complaint, is_transient = _describe_mismatch(partial, size, checksum), False
        if not complaint:
            os.replace(partial, destination)
            return destination
        partial.unlink(missing_ok=True)
    if checksum is None:
        partial.unlink(missing_ok=True)
    raise (UnreachableError if is_transient else InputError)(
        f"cannot download {url}",
        why=f"{complaint} ({attempts} attempts)" if attempts > 1 else complaint,
        todo=_CHECK_NETWORK,
    )


def read_url(url: str, *, limit: int = 1 << 20) -> str:
    """A small text (a mirror list, a key).

    Raises UnreachableError when no server answers, InputError for what it answers, also for more than `limit` bytes.
    """
    if url.startswith("file:"):
        try:
            return path_from_file_url(url).read_text(encoding="utf-8", errors="replace")[:limit]
        except OSError as error:
            raise InputError(
                f"cannot read {url}", why=error.strerror or str(error), todo="check the URL"
            ) from error
    # Imported here: its 30 ms would delay every command, and most download nothing.
    import requests

    text = bytearray()
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT) as response:
            response.raise_for_status()
            for piece in response.iter_content(_CHUNK_SIZE):
                text += piece
                if len(text) > limit:
                    raise _too_large_error(url, limit)
    except requests.HTTPError as error:
        why = f"the server answered {response.status_code} {response.reason}"
        raise InputError(f"cannot download {url}", why=why, todo=_CHECK_FILE) from error
    except requests.RequestException as error:
        _refuse_invalid_url(url, error)
        why = _describe_failure(url, error)
        raise UnreachableError(f"cannot download {url}", why=why, todo=_CHECK_NETWORK) from error
    return text.decode("utf-8", "replace")


def has_checksum(path: Path, checksum: Checksum) -> bool:
    """True when a file's bytes have the checksum. Raises InputError for an unknown algorithm."""
    return compute_checksum(path, checksum.algorithm) == checksum


def compute_checksum(path: Path, algorithm: str) -> Checksum:
    """The checksum of a file's bytes. Raises InputError for an unknown algorithm."""
    if algorithm == SHA256:
        return Checksum(algorithm=SHA256, value=sha256_file(path))
    if algorithm not in HEX_DIGITS:
        raise InputError(f"unknown checksum algorithm {algorithm!r}", why=f"known: {', '.join(HEX_DIGITS)}")
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as stream:
        for piece in iter(lambda: stream.read(_CHUNK_SIZE), b""):
            digest.update(piece)
    return Checksum(algorithm=algorithm, value=digest.hexdigest())


def _partial_path(destination: Path) -> Path:
    """Where a download is written first; each process has its own, so that two runs never write into one file."""
    return destination.with_name(f".{destination.name}.{os.getpid()}.part")


def _adopt_abandoned(destination: Path, partial: Path) -> None:
    """Continue the partial download of a process that has ended."""
    start, end = f".{destination.name}.", ".part"
    for entry in list(os.scandir(destination.parent)):
        pid = entry.name[len(start) : -len(end)]
        if entry.name.startswith(start) and entry.name.endswith(end) and pid.isdigit():
            # PermissionError: the process runs as another user. FileNotFoundError: another run was faster.
            with suppress(PermissionError, FileNotFoundError):
                try:
                    os.kill(int(pid), 0)
                except ProcessLookupError:
                    os.replace(entry.path, partial)


def _download(url: str, partial: Path, limit: int) -> None:
    """One attempt, appended to what is there. Raises _TransientError for failures that may pass, else InputError."""
    # Imported here: its 30 ms would delay every command, and most download nothing.
    import requests

    have = partial.stat().st_size if partial.is_file() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    headers["Accept-Encoding"] = "identity"
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == _RANGE_NOT_SATISFIABLE:
                partial.unlink(missing_ok=True)
                raise _TransientError("the server has another file now")
            _check_status(url, response.status_code, response.reason)
            with open(partial, "ab" if response.status_code == 206 else "wb") as stream:
                for piece in response.iter_content(_CHUNK_SIZE):
                    stream.write(piece)
                    if stream.tell() > limit:
                        raise _too_large_error(url, limit)
                stream.flush()
                os.fsync(stream.fileno())
    except requests.RequestException as error:
        _refuse_invalid_url(url, error)
        raise _TransientError(_describe_failure(url, error)) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise InputError(
                f"cannot write {url} to {partial.parent}",
                why=error.strerror or str(error),
                todo="free disk space, or choose another --workspace",
            ) from error
        raise


def _check_status(url: str, status: int, reason: str) -> None:
    if status in (200, 206):
        return
    answer = f"the server answered {status} {reason}"
    if status not in _PERMANENT_STATUSES:
        raise _TransientError(answer)
    kind = FileNotOnServer if status in _NOT_FOUND_STATUSES else InputError
    raise kind(
        f"cannot download {url}",
        why=answer,
        todo=_CHECK_FILE,
    )


def _refuse_invalid_url(url: str, error: requests.RequestException) -> None:
    """Raise InputError for an error that says that a URL is none: no attempt can succeed."""
    if isinstance(error, ValueError):
        raise InputError(f"{url} is not a URL that can be downloaded", why=str(error), todo="correct the URL")


def _describe_failure(url: str, error: requests.RequestException) -> str:
    """Why no server answered, without the names of Python's classes."""
    import socket
    import ssl

    import requests

    host = urlsplit(url).netloc.rpartition("@")[2]
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"{host} does not answer: no connection within {TIMEOUT[0]:g} s"
    causes = list(_list_causes(error))
    if any(isinstance(cause, (socket.timeout, requests.exceptions.ReadTimeout)) for cause in causes):
        return f"{host} sent nothing for {TIMEOUT[1]:g} s"
    proxy = isinstance(error, requests.exceptions.ProxyError)
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            name = "the name of the proxy" if proxy else f"the name {urlsplit(url).hostname}"
            return f"{name} cannot be resolved: {cause.strerror}"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {host} is not trusted: {cause.verify_message}"
    last = causes[-1]
    reason = (last.strerror if isinstance(last, OSError) else "") or str(last)
    return f"the proxy for {host}: {reason}" if proxy else f"{host}: {reason}"


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    """An error of requests and what caused it, the first cause last; urllib3 keeps causes in `reason` or `args`."""
    cause: object = error
    while isinstance(cause, BaseException):
        yield cause
        inner = [getattr(cause, "reason", None), *cause.args, cause.__cause__, cause.__context__]
        cause = next((one for one in inner if isinstance(one, BaseException)), None)


def _copy_file_url(url: str, destination: Path, checksum: Checksum | None) -> Path:
    source = path_from_file_url(url)
    partial = _partial_path(destination)
    partial.unlink(missing_ok=True)
    try:
        # Some tools rewrite the metadata of a repository in place. Packages are never rewritten and may be linked.
        if checksum is None:
            shutil.copyfile(source, partial)
        else:
            link_or_copy(source, partial)
    except OSError as error:
        kind = FileNotOnServer if isinstance(error, FileNotFoundError) else InputError
        why = error.strerror or str(error)
        raise kind(f"cannot read {url}", why=why, todo="check the URL") from error
    if complaint := _describe_mismatch(partial, None, checksum):
        partial.unlink()
        raise InputError(f"{url} is not the expected file", why=complaint)
    os.replace(partial, destination)
    # rename(2) does nothing when both names are the same inode already.
    partial.unlink(missing_ok=True)
    return destination


def _describe_mismatch(path: Path, size: int | None, checksum: Checksum | None) -> str:
    """How a file differs from what was expected; "" when it does not."""
    have = path.stat().st_size
    if size is not None and have != size:
        return f"it has {have} bytes instead of {size}"
    if checksum is not None and (found := compute_checksum(path, checksum.algorithm)) != checksum:
        return f"its {checksum.algorithm} is {found.value} instead of {checksum.value}"
    return ""


def _too_large_error(url: str, limit: int) -> FileTooLarge:
    return FileTooLarge(f"{url} is larger than expected", why=f"the server sent more than {limit} bytes")
