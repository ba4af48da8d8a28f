"""Downloads from http, https and file URLs: resumed, retried, and verified before they get their final name."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from altai_build.errors import InputError, UnreachableError
from altai_build.model.checksum import Checksum
from altai_build.model.connection import USUAL_CONNECTION, ConnectionSettings
from altai_build.model.nevra import MAX_NAME_LENGTH
from altai_build.regular_files import open_regular_file, read_regular_file
from altai_build.tools.checksums import compute_checksum, has_checksum
from altai_build.tools.files import CannotWriteError, link_or_copy, make_directory
from altai_build.tools.http.attempts import MAX_ATTEMPTS, NoServerWorked, Servers, WrongContentError
from altai_build.tools.http.transfer import (
    FileLimits,
    FileNotOnServer,
    FileTooLarge,
    is_html,
    remove_encoding,
    transfer,
)
from altai_build.tools.url import join_url, path_from_file_url, without_password

# Bytes.
_DEFAULT_LIMIT = 8 << 30
_CHUNK_SIZE = 1 << 16
# The most characters that the name of a partial download has beyond that of the file: two dots, a number, `.part`.
_PARTIAL_ADDITION = 20
# As many as librepo makes for a mirror list.
_TEXT_ATTEMPTS = 3
# Files that are compressed themselves: for them `Content-Encoding` is a server's mistake.
_COMPRESSED_SUFFIXES = (".gz", ".tgz", ".z")
# The places to which threads of this process download now, each with its lock.
_places: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
_places_lock = threading.Lock()
_CHECK_NETWORK = "check the network and the URL, then rerun the command; finished downloads are kept"


def fetch_file(
    url: str,
    destination: Path,
    *,
    size: int | None = None,
    checksum: Checksum | None = None,
    limit: int = _DEFAULT_LIMIT,
    attempts: int = MAX_ATTEMPTS,
    connection: ConnectionSettings = USUAL_CONNECTION,
) -> Path:
    """Download a file; it gets its final name when its size (bytes) and checksum are right.

    An existing file with the right checksum is kept. A partial download is resumed (HTTP ranges) where a checksum tells
    whether the parts fit, and transient failures are retried with growing pauses, `attempts` in all. Raises
    UnreachableError when they persist, InputError for what the server sends, also for more than `limit` bytes.
    """

    def fetch(url: str) -> Path:
        return _fetch(url, destination, size, checksum, limit, connection)

    return _fetch_unless_there(Servers([url]), fetch, destination, checksum, attempts)


def fetch_from_servers(
    servers: Servers,
    location: str,
    destination: Path,
    *,
    size: int | None,
    checksum: Checksum,
    limit: int = _DEFAULT_LIMIT,
) -> Path:
    """Like `fetch_file`, from the first of several servers that has the right file below its URL.

    What one server has sent is kept when it fails, and the next one sends the rest.
    """

    def fetch(url: str) -> Path:
        return _fetch(join_url(url, location), destination, size, checksum, limit, servers.connection)

    return _fetch_unless_there(servers, fetch, destination, checksum, MAX_ATTEMPTS)


def read_url(url: str, *, limit: int = 1 << 20, connection: ConnectionSettings = USUAL_CONNECTION) -> str:
    """A small text (a mirror list, a key).

    Raises UnreachableError when no server answers, InputError for what it answers, also for more than `limit` bytes.
    """
    with tempfile.TemporaryDirectory(prefix="altai-download.") as scratch:
        path = fetch_file(
            url, Path(scratch, "text"), limit=limit, attempts=_TEXT_ATTEMPTS, connection=connection
        )
        return read_regular_file(path, limit=limit).decode("utf-8-sig", "replace")


def _fetch_unless_there(
    servers: Servers,
    fetch: Callable[[str], Path],
    destination: Path,
    checksum: Checksum | None,
    attempts: int,
) -> Path:
    with _only_thread_for(destination):
        if checksum is not None and destination.is_file() and has_checksum(destination, checksum):
            return destination
        try:
            return servers.try_each(fetch, attempts=attempts)
        except NoServerWorked as failure:
            raise _make_download_error(list(failure.errors.values()), destination, attempts) from failure


@contextmanager
def _only_thread_for(destination: Path) -> Iterator[None]:
    """Wait until no other thread downloads to this place: builds side by side need the same packages."""
    with _places_lock:
        place = _places.setdefault(os.fspath(destination), threading.Lock())
    with place:
        yield


def _make_download_error(errors: list[InputError], destination: Path, attempts: int) -> InputError:
    """One error for all servers; only where none of them answered is it an UnreachableError."""
    if len(errors) == 1:
        error = errors[0]
        if isinstance(error, (UnreachableError, WrongContentError)):
            error.why += f" ({attempts} attempts)" if attempts > 1 else ""
            error.todo = error.todo or _CHECK_NETWORK
        return error
    kind = (
        UnreachableError
        if errors and all(isinstance(error, UnreachableError) for error in errors)
        else InputError
    )
    lines = [f"{error.what}: {error.why}" if error.why else error.what for error in errors]
    return kind(
        f"cannot download {destination.name}",
        why="\n".join(lines) or "its repository has no URL",
        todo=_CHECK_NETWORK,
    )


def _fetch(
    url: str,
    destination: Path,
    size: int | None,
    checksum: Checksum | None,
    limit: int,
    connection: ConnectionSettings,
) -> Path:
    """One attempt at one server; what has arrived is kept for the next attempt when it can be checked then."""
    make_directory(destination.parent)
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if url[:5].lower() == "file:":
        return _copy_file_url(url, destination, checksum, limit)
    if scheme not in ("http", "https"):
        raise InputError(
            f"cannot download {without_password(url)}",
            why=f"this program does not support {scheme or 'incomplete'} URLs",
            todo="use a URL with http, https or file",
        )
    partial = _partial_path(destination)
    if checksum is not None and not partial.exists():
        _adopt_abandoned(destination, partial)
    limits = FileLimits(most=min(limit, size) if size else limit, exactly=size)
    is_kept = False
    try:
        encoding = transfer(
            url,
            partial,
            limits,
            resume=checksum is not None,
            fresh=checksum is None,
            connection=connection,
        )
        _check_content(url, partial, encoding, limits, checksum)
        os.replace(partial, destination)
    except (WrongContentError, FileTooLarge):
        raise
    except BaseException:
        is_kept = checksum is not None
        raise
    finally:
        if not is_kept:
            partial.unlink(missing_ok=True)
    return destination


def _check_content(
    url: str, path: Path, encoding: str, limits: FileLimits, checksum: Checksum | None
) -> None:
    """Raise WrongContentError for a file that is not the expected one, with the encoding of the server or without."""
    complaint = _describe_mismatch(path, limits.exactly, checksum)
    is_unchecked = limits.exactly is None and checksum is None
    is_plain = is_unchecked and not urlsplit(url).path.lower().endswith(_COMPRESSED_SUFFIXES)
    if (complaint or is_plain) and remove_encoding(path, encoding, limits):
        complaint = _describe_mismatch(path, limits.exactly, checksum)
    if complaint and is_html(path):
        complaint = "the server sent an HTML page in its place"
    if complaint:
        raise WrongContentError(f"cannot download {without_password(url)}", why=complaint)


def _partial_path(destination: Path) -> Path:
    """Where a download is written first; each process has its own, so that two runs never write into one file.

    Threads of one process take turns (`_only_thread_for`).
    """
    return destination.with_name(f"{_partial_prefix(destination)}{os.getpid()}.part")


def _partial_prefix(destination: Path) -> str:
    """What the names of all partial downloads of a file start with; no name is longer than a file system allows."""
    name = destination.name
    if len(os.fsencode(name)) > MAX_NAME_LENGTH - _PARTIAL_ADDITION:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f".{name}."


def _adopt_abandoned(destination: Path, partial: Path) -> None:
    """Continue the partial download of a process that has ended."""
    start, end = _partial_prefix(destination), ".part"
    for entry in list(os.scandir(destination.parent)):
        pid = entry.name[len(start) : -len(end)]
        if entry.name.startswith(start) and entry.name.endswith(end) and pid.isdigit():
            # PermissionError: the process runs as another user. FileNotFoundError: another run was faster.
            with suppress(PermissionError, FileNotFoundError):
                try:
                    os.kill(int(pid), 0)
                except ProcessLookupError:
                    os.replace(entry.path, partial)


def _copy_file_url(url: str, destination: Path, checksum: Checksum | None, limit: int) -> Path:
    if urlsplit(url).netloc not in ("", "localhost"):
        raise InputError(
            f"cannot read {url}", why="a file URL names no other machine", todo="write file:///PATH"
        )
    source = path_from_file_url(url)
    partial = _partial_path(destination)
    partial.unlink(missing_ok=True)
    try:
        with open_regular_file(source) as stream:
            if os.fstat(stream.fileno()).st_size > limit:
                raise FileTooLarge(f"{url} is larger than expected", why=f"it has more than {limit} bytes")
            # Some tools rewrite the metadata of a repository in place. Packages are never rewritten and may be linked.
            try:
                if checksum is None:
                    with open(partial, "wb") as target:
                        shutil.copyfileobj(stream, target)
                else:
                    link_or_copy(source, partial)
            except OSError as error:
                # Not the source: it could be opened.
                partial.unlink(missing_ok=True)
                raise CannotWriteError(destination.parent, error) from error
    except CannotWriteError:
        raise
    except OSError as error:
        kind = FileNotOnServer if isinstance(error, FileNotFoundError) else InputError
        why = error.strerror or str(error)
        raise kind(f"cannot read {url}", why=why, todo="check the URL") from error
    if complaint := _describe_mismatch(partial, None, checksum):
        partial.unlink()
        raise InputError(f"{url} is not the expected file", why=complaint)
    try:
        os.replace(partial, destination)
    finally:
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
