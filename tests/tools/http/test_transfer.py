"""One transfer over HTTP, from servers that answer in every way that servers do."""

from __future__ import annotations

import gzip
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from altai_build.errors import InputError, UnreachableError
from altai_build.tools.http import least_rate
from altai_build.tools.http import transfer as transfer_module
from altai_build.tools.http.attempts import WrongContentError
from altai_build.tools.http.transfer import (
    BusyServerError,
    FailingServerError,
    FileLimits,
    FileNotOnServer,
    FileTooLarge,
    RefusedError,
    is_html,
    remove_encoding,
    transfer,
)
from tests.kit.server import Request, scripted_server

CONTENT = bytes(range(256)) * 40
LIMITS = FileLimits(most=len(CONTENT), exactly=len(CONTENT))
HALF = len(CONTENT) // 2


def fetch(tmp_path: Path, answer: Callable[[Request], None], limits: FileLimits = LIMITS) -> bytes:
    """What a transfer makes of the first half of the file, which is there already."""
    path = tmp_path / "file"
    path.write_bytes(CONTENT[:HALF])
    with scripted_server(answer) as url:
        transfer(f"{url}/file", path, limits, resume=True)
    return path.read_bytes()


def whole(request: Request) -> None:
    request.answer(200, CONTENT, content_length=str(len(CONTENT)))


def rest(request: Request) -> None:
    end = len(CONTENT)
    request.answer(206, CONTENT[request.start :], content_range=f"bytes {request.start}-{end - 1}/{end}")


@pytest.mark.parametrize("answer", [whole, rest])
def test_a_part_is_completed_by_the_rest_or_replaced_by_the_whole(
    tmp_path: Path, answer: Callable[[Request], None]
) -> None:
    assert fetch(tmp_path, answer) == CONTENT


@pytest.mark.parametrize("status", [400, 403, 405, 416, 500, 501])
def test_a_server_that_refuses_parts_is_asked_for_the_whole(tmp_path: Path, status: int) -> None:
    asked = []

    def answer(request: Request) -> None:
        asked.append(request.headers.get("range"))
        if request.start:
            request.answer(status, b"no parts")
        else:
            whole(request)

    assert fetch(tmp_path, answer) == CONTENT
    assert asked == [f"bytes={HALF}-", None]


@pytest.mark.parametrize(
    "content_range",
    [
        "bytes 0-{last}/{size}",
        "bytes 0-{last}/*",
        "BYTES 7-{last}/{size}",
        "bytes 7-{last}/{size}",
        "nonsense",
        "",
    ],
)
def test_a_part_that_starts_elsewhere_is_never_appended(tmp_path: Path, content_range: str) -> None:
    """Some servers say 206 and send the whole."""

    def answer(request: Request) -> None:
        if request.start:
            named = content_range.format(last=len(CONTENT) - 1, size=len(CONTENT))
            request.answer(206, CONTENT, content_range=named)
        else:
            whole(request)

    assert fetch(tmp_path, answer) == CONTENT


def test_a_server_that_has_no_such_file_is_asked_once(tmp_path: Path) -> None:
    asked = []

    def answer(request: Request) -> None:
        asked.append(request.path)
        request.answer(404)

    with pytest.raises(FileNotOnServer, match=r"cannot download http://127\.0\.0\.1:\d+/file"):
        fetch(tmp_path, answer)
    assert asked == ["/file"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, RefusedError),
        (204, RefusedError),
        (304, RefusedError),
        (410, FileNotOnServer),
        (408, BusyServerError),
        (429, BusyServerError),
        (503, BusyServerError),
        (502, BusyServerError),
        (505, FailingServerError),
    ],
)
def test_each_status_is_one_kind_of_failure(tmp_path: Path, status: int, kind: type[InputError]) -> None:
    with pytest.raises(kind) as caught:
        fetch(tmp_path, lambda request: request.answer(status, content_length="0"))
    assert type(caught.value) is kind
    assert caught.value.why == f"the server answered {status} Whatever"


def test_a_size_that_cannot_be_right_is_refused_before_the_bytes(tmp_path: Path) -> None:
    def answer(request: Request) -> None:
        request.answer(200, content_length=str(len(CONTENT) + 1))
        # Who waits for the bytes waits here.
        threading.Event().wait(60)

    with pytest.raises(WrongContentError) as caught:
        fetch(tmp_path, answer)
    assert caught.value.why == f"it has {len(CONTENT) + 1} bytes instead of {len(CONTENT)}"
    with pytest.raises(FileTooLarge):
        fetch(tmp_path, answer, FileLimits(most=100))


def test_a_file_that_would_fill_the_disk_is_refused_before_the_bytes(tmp_path: Path) -> None:
    def answer(request: Request) -> None:
        request.answer(200, content_length=str(1 << 50))
        threading.Event().wait(60)

    with pytest.raises(InputError, match="cannot write http") as caught:
        fetch(tmp_path, answer, FileLimits(most=1 << 62))
    assert re.fullmatch(r"[\d.]+ \w+ are free, and it has [\d.]+ \w+", caught.value.why)


def test_a_file_of_unknown_size_does_not_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, looks = os.statvfs, []

    def shrinking(path: Path) -> SimpleNamespace:
        """A disk on which others write meanwhile."""
        looks.append(path)
        disk = real(path)
        return SimpleNamespace(
            f_frsize=disk.f_frsize, f_blocks=disk.f_blocks, f_bavail=disk.f_bavail if len(looks) < 3 else 0
        )

    monkeypatch.setattr(transfer_module, "_SPACE_INTERVAL", 10_000)
    monkeypatch.setattr(os, "statvfs", shrinking)
    with pytest.raises(InputError, match="cannot write http") as caught:
        fetch(tmp_path, lambda request: request.answer(200, CONTENT * 10), FileLimits(most=1 << 30))
    assert caught.value.why == "0 B are free" and len(looks) == 3


def test_more_bytes_than_announced_or_allowed_are_refused(tmp_path: Path) -> None:
    def answer(request: Request) -> None:
        request.answer(200, CONTENT + b"x")

    with pytest.raises(WrongContentError, match="cannot download"):
        fetch(tmp_path, answer)
    with pytest.raises(FileTooLarge):
        fetch(tmp_path, answer, FileLimits(most=len(CONTENT)))


def test_a_connection_that_ends_early_leaves_what_has_arrived(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def answer(request: Request) -> None:
        request.answer(200, CONTENT[:-9], content_length=str(len(CONTENT)))

    with pytest.raises(UnreachableError), scripted_server(answer) as url:
        transfer(f"{url}/file", path, LIMITS, resume=True)
    # A piece that is not whole is lost.
    assert CONTENT.startswith(path.read_bytes())


def test_the_bytes_are_those_that_the_server_sends(tmp_path: Path) -> None:
    """Apache says `Content-Encoding: x-gzip` of .gz files, and means the very bytes."""
    packed = gzip.compress(CONTENT)
    path = tmp_path / "primary.xml.gz"

    def answer(request: Request) -> None:
        request.answer(200, packed, content_encoding="x-gzip", content_length=str(len(packed)))

    with scripted_server(answer) as url:
        assert transfer(url, path, FileLimits(most=1 << 20), resume=False) == "x-gzip"
    assert path.read_bytes() == packed
    assert remove_encoding(path, "x-gzip", FileLimits(most=len(CONTENT)))
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("data", "encoding", "most"),
    [
        (gzip.compress(CONTENT, mtime=0), "gzip", len(CONTENT) - 1),
        (gzip.compress(CONTENT, mtime=0)[:-1], "gzip", 1 << 20),
        (b"no gzip", "gzip", 1 << 20),
        (b"", "gzip", 1 << 20),
        (CONTENT, "identity", 1 << 20),
        (CONTENT, "br", 1 << 20),
    ],
)
def test_what_is_not_encoded_or_holds_too_much_is_left_as_it_is(
    tmp_path: Path, data: bytes, encoding: str, most: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert not remove_encoding(path, encoding, FileLimits(most=most))
    assert path.read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_proxies_are_told_not_to_answer_from_their_caches(tmp_path: Path) -> None:
    seen = []

    def answer(request: Request) -> None:
        seen.append((request.headers.get("cache-control"), request.headers.get("pragma")))
        whole(request)

    with scripted_server(answer) as url:
        for fresh in (True, False):
            transfer(url, tmp_path / "file", LIMITS, resume=False, fresh=fresh)
    assert seen == [("no-cache", "no-cache"), (None, None)]


@pytest.mark.parametrize(
    "target",
    [
        "http://[",
        "http://a..b/",
        "http://x:99999/",
        "http://" + "a" * 300,
        "ftp://h/x",
        "http:///x",
        "//[",
        "http://\u2100/",
    ],
)
def test_a_redirection_to_no_usable_address_is_an_error(tmp_path: Path, target: str) -> None:
    def answer(request: Request) -> None:
        request.answer(302, location=target)

    with pytest.raises(InputError):
        fetch(tmp_path, answer)


def test_a_redirection_without_end_is_an_error(tmp_path: Path) -> None:
    asked = []

    def answer(request: Request) -> None:
        asked.append(request.path)
        request.answer(302, location=f"/{len(asked)}")

    with pytest.raises(UnreachableError):
        fetch(tmp_path, answer)
    assert len(asked) == 7


def test_a_redirection_is_followed(tmp_path: Path) -> None:
    def answer(request: Request) -> None:
        if request.path == "/file":
            request.answer(302, location="/there")
        else:
            rest(request)

    assert fetch(tmp_path, answer) == CONTENT


@pytest.mark.parametrize(
    "stall",
    [
        lambda request: None,
        lambda request: request.write(b"HTTP/1.1 200 OK\r\n"),
        lambda request: request.answer(200, b"x", content_length="10240"),
        lambda request: request.answer(200, b"x"),
    ],
    ids=["no answer", "headers", "body", "body without a length"],
)
def test_a_server_that_sends_a_byte_now_and_then_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stall: Callable[[Request], None]
) -> None:
    monkeypatch.setattr(least_rate, "WINDOW", 0.3)
    monkeypatch.setattr(least_rate, "LEAST_RATE", 100_000)

    def answer(request: Request) -> None:
        stall(request)
        while True:
            request.write(b"x")
            time.sleep(0.02)

    with pytest.raises(UnreachableError) as caught:
        fetch(tmp_path, answer)
    assert caught.value.why == "the server sent less than 100000 bytes a second for 0.3 seconds"


def test_a_password_in_a_url_is_not_shown(tmp_path: Path) -> None:
    with scripted_server(lambda request: request.answer(403)) as url, pytest.raises(RefusedError) as caught:
        secret = url.replace("://", "://user:p@ss@")
        transfer(f"{secret}/file", tmp_path / "file", LIMITS, resume=False)
    assert caught.value.what == f"cannot download {url}/file"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xef\xbb\xbf\n <!DOCTYPE HTML><title>Log in</title>", True),
        (b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>", True),
        (b"<?xml version='1.0'?><repomd/>", False),
        (b"-----BEGIN PGP SIGNATURE-----", False),
        (b"", False),
    ],
)
def test_pages_for_people_are_recognised(tmp_path: Path, data: bytes, expected: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert is_html(path) is expected
