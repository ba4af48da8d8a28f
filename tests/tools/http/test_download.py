"""Downloads get their final name when they are right; the flaws of mirrors are tested with stages/fetch.py."""

from __future__ import annotations

import errno
import hashlib
import http.server
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from altai_build.errors import InputError, UnreachableError
from altai_build.model.checksum import Checksum
from altai_build.tools.files import CannotWriteError, link_or_copy
from altai_build.tools.http import attempts, download
from altai_build.tools.http.download import (
    fetch_file,
    read_url,
)
from altai_build.tools.http.transfer import FileNotOnServer
from tests.kit.repositories import ServerFaults, faulty_server

CONTENT = b"the bytes of a file"
SHA256 = Checksum("sha256", hashlib.sha256(CONTENT).hexdigest())
WRONG = Checksum("sha256", "0" * 64)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "served" / "file"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def faults() -> ServerFaults:
    return ServerFaults()


@pytest.fixture
def url(source: Path, faults: ServerFaults, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(attempts, "RETRY_DELAY", 0.01)
    with faulty_server(source.parent, faults) as base:
        yield f"{base}/file"


def test_a_file_is_downloaded_and_not_again(url: str, faults: ServerFaults, tmp_path: Path) -> None:
    destination = tmp_path / "new" / "folder" / "name"
    for _ in range(2):
        assert fetch_file(url, destination, size=len(CONTENT), checksum=SHA256) == destination
        assert destination.read_bytes() == CONTENT
    assert len(faults.asked) == 1
    assert [path.name for path in destination.parent.iterdir()] == ["name"]


def test_wrong_bytes_never_get_the_final_name(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        fetch_file(url, tmp_path / "name", checksum=WRONG)
    assert caught.value.what == f"cannot download {url}"
    assert caught.value.why == f"its sha256 is {SHA256.value} instead of {WRONG.value} (4 attempts)"
    assert [path.name for path in tmp_path.iterdir()] == ["served"]


def test_a_missing_file_is_told_from_a_failing_server(url: str, faults: ServerFaults, tmp_path: Path) -> None:
    faults.missing.add("file")
    with pytest.raises(FileNotOnServer, match="404"):
        fetch_file(url, tmp_path / "name")
    assert len(faults.asked) == 1
    faults.missing.clear()
    faults.broken["file"] = 99
    with pytest.raises(InputError, match="503") as caught:
        fetch_file(url, tmp_path / "name")
    assert not isinstance(caught.value, FileNotOnServer)
    assert len(faults.asked) == 1 + attempts.MAX_ATTEMPTS


def test_no_answer_is_told_from_a_wrong_answer(url: str, faults: ServerFaults, tmp_path: Path) -> None:
    faults.broken["file"] = 99
    for where in (url, "http://127.0.0.1:9/file"):
        with pytest.raises(UnreachableError) as caught:
            fetch_file(where, tmp_path / "got", attempts=1)
        assert "attempts" not in caught.value.why
    with pytest.raises(UnreachableError):
        read_url("http://127.0.0.1:9/file")
    faults.broken.clear()
    with pytest.raises(InputError) as wrong:
        fetch_file(url, tmp_path / "got", checksum=WRONG)
    assert not isinstance(wrong.value, UnreachableError)


@pytest.mark.parametrize("read", [read_url, lambda url: fetch_file(url, Path("unused"), attempts=1)])
def test_why_there_was_no_answer_is_told_in_plain_words(
    read: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(attempts, "RETRY_DELAY", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"127.0.0.1:{listener.getsockname()[1]}"
    for url, why in (
        (f"http://user:secret@{closed}/file", f"{closed}: Connection refused"),
        (f"https://{closed}/file", f"{closed}: Connection refused"),
        ("http://no-such-host.invalid/file", "the name no-such-host.invalid cannot be resolved: "),
    ):
        with pytest.raises(UnreachableError) as caught:
            read(url)
        assert caught.value.why.startswith(why) and "HTTPConnection" not in caught.value.why
        assert caught.value.todo.startswith("check the network and the URL")


@pytest.mark.parametrize("read", [read_url, lambda url: fetch_file(url, Path("unused"))])
def test_what_is_no_url_is_not_taken_for_a_silent_server(
    read: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("http://127.0.0.1:99999/file", "http:///file", "http://[::1/file"):
        with pytest.raises(InputError) as caught:
            read(url)
        assert not isinstance(caught.value, UnreachableError)
        assert caught.value.what == f"{url} is not a URL that can be downloaded"


def test_more_bytes_than_allowed_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        fetch_file(url, tmp_path / "name", limit=5)
    assert caught.value.what == f"{url} is larger than expected"
    assert caught.value.why == "the server sent more than 5 bytes"


def test_file_urls_are_copied_and_linked_only_when_verified(source: Path, tmp_path: Path) -> None:
    copy = fetch_file(source.as_uri(), tmp_path / "copy")
    assert copy.read_bytes() == CONTENT and not copy.samefile(source)
    linked = fetch_file(source.as_uri(), tmp_path / "linked", checksum=SHA256)
    assert linked.samefile(source)
    with pytest.raises(InputError) as caught:
        fetch_file(source.as_uri(), tmp_path / "wrong", checksum=WRONG)
    assert caught.value.what == f"{source.as_uri()} is not the expected file"
    with pytest.raises(FileNotOnServer):
        fetch_file(f"{source.as_uri()}.gone", tmp_path / "gone")
    with pytest.raises(InputError, match="cannot read file://host"):
        fetch_file(f"file://host{source}", tmp_path / "other")
    fetch_file(f"FILE://localhost{source}", tmp_path / "local").unlink()
    assert source.read_bytes() == CONTENT
    assert {path.name for path in tmp_path.iterdir()} == {"served", "copy", "linked"}


class _Endless(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"# and so on\n" * 10_000)
        except OSError:
            pass  # the client has closed the connection

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def endless() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Endless) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_text_without_end_is_refused(endless: str) -> None:
    with pytest.raises(InputError) as caught:
        read_url(endless, limit=1 << 20)
    assert caught.value.what == f"{endless} is larger than expected"


def test_a_text_is_read_from_files_and_servers(source: Path, url: str) -> None:
    assert read_url(source.as_uri()) == read_url(url) == CONTENT.decode()
    with pytest.raises(InputError, match="cannot read") as caught:
        read_url(f"{source.as_uri()}.gone")
    assert caught.value.why == "No such file or directory"
    with pytest.raises(InputError, match="cannot download") as caught:
        read_url(f"{url}.gone")
    assert caught.value.why.startswith("the server answered 404 ")


def test_the_partial_file_of_a_dead_process_is_continued(
    url: str, faults: ServerFaults, tmp_path: Path
) -> None:
    dead = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(dead, 0)
    (tmp_path / f".name.{dead}.part").write_bytes(CONTENT[:7])
    # A process that runs: its file is not touched.
    alive = tmp_path / f".name.{os.getppid()}.part"
    alive.write_bytes(b"of another")
    fetch_file(url, tmp_path / "name", checksum=SHA256)
    assert [span for _, span in faults.asked] == ["bytes=7-"]
    assert alive.read_bytes() == b"of another"


def test_two_threads_that_need_the_same_file_take_turns(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both write to the same partial file: the second one comes while the first one has it half done."""
    destination = tmp_path / "name"

    def fetch() -> None:
        fetch_file(source.as_uri(), destination, checksum=SHA256)

    second = threading.Thread(target=fetch)

    def link_slowly(*paths: Path) -> None:
        link_or_copy(*paths)
        monkeypatch.setattr(download, "link_or_copy", link_or_copy)
        second.start()
        # Where it does not wait for its turn, it is done by then.
        second.join(0.2)

    monkeypatch.setattr(download, "link_or_copy", link_slowly)
    fetch()
    second.join()
    assert destination.read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["name"]


def test_a_full_disk_is_not_taken_for_a_source_that_cannot_be_read(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_source: Path, destination: Path) -> None:
        destination.write_bytes(CONTENT[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(download, "link_or_copy", fail)
    folder = tmp_path / "folder"
    with pytest.raises(CannotWriteError, match=f"cannot write to {folder}") as caught:
        fetch_file(source.as_uri(), folder / "name", checksum=SHA256)
    assert caught.value.todo.startswith("free disk space there")
    assert list(folder.iterdir()) == []


def test_a_file_whose_name_is_as_long_as_a_name_can_be_is_downloaded(
    url: str, faults: ServerFaults, tmp_path: Path
) -> None:
    for name in ("n" * 255, "\u00e9" * 127):
        faults.dying["file"] = 1
        assert fetch_file(url, tmp_path / name, checksum=SHA256).read_bytes() == CONTENT
    assert len(list(tmp_path.iterdir())) == 3
