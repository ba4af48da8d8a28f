"""One transfer over HTTP: the answer is judged, the rate watched, the bytes stored; `attempts` decides on another."""

from __future__ import annotations

import errno
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from altai_build import __version__
from altai_build.errors import InputError, UnreachableError, advise_on_place
from altai_build.model.connection import USUAL_CONNECTION, ConnectionSettings
from altai_build.model.quantity import format_size
from altai_build.regular_files import open_regular_file
from altai_build.tools import process
from altai_build.tools.http.attempts import WrongContentError
from altai_build.tools.http.request_options import make_request_options
from altai_build.tools.http.session import open_session
from altai_build.tools.url import without_password

if TYPE_CHECKING:
    import requests

    from altai_build.tools.http.least_rate import LeastRate

# Seconds to connect to one address of a server, and between two pieces of an answer.
TIMEOUT = (15.0, 30.0)
# Bytes: the most that is lost when a connection breaks. A slow server is given this many at a time, too.
_CHUNK_SIZE = 8 << 10
# Bytes that stay free on a disk, or a twentieth of a small one; and how often they are looked at.
_MIN_FREE = 64 << 20
_SPACE_INTERVAL = 16 << 20
# 203: a proxy has changed something. Checksums tell whether it matters.
_WHOLE_STATUSES = (200, 203)
_PART_STATUS = 206
_NOT_FOUND_STATUSES = (404, 410)
# The same request may succeed later: timeout, too early, too many requests, and what proxies say of other servers.
_BUSY_STATUSES = (408, 425, 429, 502, 503, 504)
# Answers to a request for the rest of a file that say nothing of the file itself.
_RANGE_REFUSALS = (400, 403, 405, 406, 412, 416, 500, 501)
_CONTENT_RANGE = re.compile(r"\s*bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\s*", re.ASCII)
# zlib: recognise gzip and zlib by their first bytes.
_ANY_HEADER = 32 + zlib.MAX_WBITS
_ENCODINGS = ("gzip", "x-gzip", "deflate")


class RefusedError(InputError):
    """The server answered that it does not give the file: it may not, or there is none."""


class FileNotOnServer(RefusedError):
    """The server says that it has no such file."""


class BusyServerError(UnreachableError):
    """The server answered that it cannot give the file now."""


class FailingServerError(UnreachableError):
    """The server answered that it failed. Some do that, always, for files that they do not have."""


class FileTooLarge(InputError):
    """A server sent more bytes than allowed."""


@dataclass(frozen=True)
class FileLimits:
    """What is known of a file before it is downloaded, in bytes."""

    # The most that it may have.
    most: int
    # What it must have; None: unknown.
    exactly: int | None = None


@dataclass(frozen=True)
class _Part:
    """Which bytes of a file an answer brings."""

    start: int
    # Of the whole file; None: the server does not tell.
    total: int | None


def transfer(
    url: str,
    path: Path,
    limits: FileLimits,
    *,
    resume: bool,
    fresh: bool = False,
    connection: ConnectionSettings = USUAL_CONNECTION,
) -> str:
    """Make `path` the file at a URL, as the server sends it; returns the encoding that the server says it has.

    With `resume` what is in `path` counts as the beginning of the file. With `fresh` proxies are told not to answer
    from their caches. What has arrived stays in `path` when the transfer fails. Raises UnreachableError when another
    attempt may succeed, else RefusedError, FileTooLarge or WrongContentError.
    """
    # Brings sockets: what only knows the errors of this module needs none.
    from altai_build.tools.http.least_rate import LeastRate

    have = path.stat().st_size if resume and path.is_file() else 0
    options = make_request_options(connection, TIMEOUT)
    watch = LeastRate(connection.minrate, connection.timeout)
    with watch as rate, open_session(rate) as session:
        # Some servers do not serve parts, or serve wrong ones: then the whole file is asked for.
        for start in (have, 0) if have else (0,):
            with (
                _translate_failures(url, rate, options["timeout"]),
                _request(session, url, start, options, fresh=fresh) as response,
            ):
                part = _find_part(response, start)
                if part is None:
                    continue
                _check_status(url, response)
                encoding = (response.headers.get("Content-Encoding") or "identity").strip().lower()
                _check_announced_size(url, part, limits, encoding)
                _store(url, response, path, part, limits, rate)
                return encoding
    raise WrongContentError(
        f"cannot download {without_password(url)}", why="the server sent another part than was asked for"
    )


def is_html(path: Path) -> bool:
    """True for a page for people, which many servers and proxies send in place of a file that they do not have."""
    with open_regular_file(path) as stream:
        start = stream.read(1 << 10).lower()
    return b"<!doctype html" in start or b"<html" in start


def remove_encoding(path: Path, encoding: str, limits: FileLimits) -> bool:
    """Replace a file by what it was before the server compressed it; False when that is not possible.

    Servers are asked not to compress, and some do. Others say of a compressed file that it is an encoded one.
    """
    if encoding not in _ENCODINGS:
        return False
    plain = path.with_name(f"{path.name}.plain")
    unpacker = zlib.decompressobj(_ANY_HEADER)
    size = 0
    try:
        with open_regular_file(path) as source, open(plain, "wb") as target:
            while data := source.read(_CHUNK_SIZE):
                while data:
                    piece = unpacker.decompress(data, 1 << 20)
                    size += target.write(piece)
                    data = unpacker.unconsumed_tail
                    if size > limits.most:
                        return False
        if not unpacker.eof:
            return False
        os.replace(plain, path)
    except zlib.error:
        return False
    finally:
        plain.unlink(missing_ok=True)
    return True


def _request(
    session: requests.Session, url: str, start: int, options: Mapping[str, Any], *, fresh: bool
) -> requests.Response:
    headers = {"Accept-Encoding": "identity", "User-Agent": f"altai-build/{__version__}"}
    if start:
        headers["Range"] = f"bytes={start}-"
    if fresh:
        headers.update({"Cache-Control": "no-cache", "Pragma": "no-cache"})
    return session.get(url, headers=headers, stream=True, **options)


@contextmanager
def _translate_failures(url: str, rate: LeastRate, timeout: tuple[float, float]) -> Iterator[None]:
    """What the libraries raise, as errors of ours."""
    import requests

    try:
        yield
        if rate.reason:
            # Where no length is announced, a connection that was broken off looks like the end of the file.
            raise OSError(rate.reason)
    except (requests.RequestException, ValueError) as error:
        process.end_stopped_thread()
        if isinstance(error, ValueError):
            # Of this URL, or of one that the server redirects to. No attempt can succeed.
            raise InputError(
                f"{without_password(url)} is not a URL that can be downloaded",
                why=str(error),
                todo="correct the URL",
            ) from error
        raise UnreachableError(
            f"cannot download {without_password(url)}",
            why=rate.reason or _describe_failure(url, error, timeout),
        ) from error
    except OSError as error:
        process.end_stopped_thread()
        if rate.reason:
            raise UnreachableError(f"cannot download {without_password(url)}", why=rate.reason) from error
        raise


def _describe_failure(url: str, error: Exception, timeout: tuple[float, float]) -> str:
    """Why no server answered, without the names of Python's classes."""
    import socket
    import ssl

    import requests

    host = urlsplit(url).netloc.rpartition("@")[2]
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"{host} does not answer: no connection within {timeout[0]:g} s"
    causes = list(_list_causes(error))
    if any(isinstance(cause, (socket.timeout, requests.exceptions.ReadTimeout)) for cause in causes):
        return f"{host} sent nothing for {timeout[1]:g} s"
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


def _find_part(response: requests.Response, asked: int) -> _Part | None:
    """Which bytes come, of a request for those from `asked` on; None when the whole file should be asked for."""
    length = response.headers.get("Content-Length", "")
    size = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None
    if response.status_code != _PART_STATUS:
        return None if asked and response.status_code in _RANGE_REFUSALS else _Part(start=0, total=size)
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    start, total = (int(match[1]), match[3]) if match else (-1, "*")
    # A server that was asked for the rest may send all.
    if start not in (asked, 0):
        return None
    if total != "*":
        return _Part(start=start, total=int(total))
    return _Part(start=start, total=None if size is None else start + size)


def _check_status(url: str, response: requests.Response) -> None:
    status = response.status_code
    if status in (*_WHOLE_STATUSES, _PART_STATUS):
        return
    what = f"cannot download {without_password(url)}"
    answer = f"the server answered {status} {response.reason or ''}".rstrip()
    if status in _BUSY_STATUSES:
        raise BusyServerError(what, why=answer)
    if status >= 500:
        raise FailingServerError(what, why=answer)
    kind = FileNotOnServer if status in _NOT_FOUND_STATUSES else RefusedError
    raise kind(what, why=answer, todo="check the URL, and whether the mirror still has the file")


def _check_announced_size(url: str, part: _Part, limits: FileLimits, encoding: str) -> None:
    """Sizes that cannot be right are refused before a byte is read; that of an encoded file says nothing."""
    if part.total is None:
        return
    if part.total > limits.most and limits.exactly is None:
        raise _make_too_large_error(url, limits)
    if encoding == "identity" and limits.exactly not in (None, part.total):
        raise WrongContentError(
            f"cannot download {without_password(url)}",
            why=f"it has {part.total} bytes instead of {limits.exactly}",
        )


def _store(
    url: str, response: requests.Response, path: Path, part: _Part, limits: FileLimits, rate: LeastRate
) -> None:
    """Write the bytes of an answer to the end of what is there. Raises FileTooLarge, and what the libraries raise."""
    _check_space(url, path.parent, 0 if part.total is None else part.total - part.start)
    try:
        with open(path, "ab" if part.start else "wb") as stream:
            next_look = stream.tell() + _SPACE_INTERVAL
            # As they come: `Content-Encoding: gzip` may mean the very bytes of a .gz file.
            response.raw.headers.discard("Content-Encoding")
            for piece in response.iter_content(_CHUNK_SIZE):
                stream.write(piece)
                if stream.tell() > limits.most:
                    raise _make_too_large_error(url, limits)
                if stream.tell() > next_look:
                    _check_space(url, path.parent, 0)
                    next_look += _SPACE_INTERVAL
            rate.end()
            stored = stream.tell()
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise _make_space_error(
                url, path.parent, error.strerror or str(error), advise_on_place(error)
            ) from error
        raise
    if part.total is not None and stored != part.total and not rate.reason:
        raise UnreachableError(
            f"cannot download {without_password(url)}",
            why=f"the connection ended after {stored} of {part.total} bytes",
        )


def _check_space(url: str, folder: Path, needed: int) -> None:
    """Raise InputError when so many bytes would fill the disk, with which other programs would fail, too."""
    disk = os.statvfs(folder)
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    # Some file systems do not tell their size.
    if total and free < needed + min(_MIN_FREE, total // 20):
        why = f"{format_size(free)} are free" + (f", and it has {format_size(needed)}" if needed else "")
        raise _make_space_error(url, folder, why)


def _make_space_error(url: str, folder: Path, why: str, advice: str = "free disk space there") -> InputError:
    return InputError(
        f"cannot write {without_password(url)} to {folder}",
        why=why,
        todo=f"{advice}, or choose another --workspace",
    )


def _make_too_large_error(url: str, limits: FileLimits) -> InputError:
    if limits.exactly is not None:
        return WrongContentError(
            f"cannot download {without_password(url)}", why=f"it has more than {limits.exactly} bytes"
        )
    return FileTooLarge(
        f"{without_password(url)} is larger than expected",
        why=f"the server sent more than {limits.most} bytes",
    )
