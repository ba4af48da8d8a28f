"""Source archives from a package index: the index that pip is configured with, and only the expected bytes."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.http import least_rate, pypi, session
from tests.kit.server import Request, scripted_server, serving

CONTENT = b"the bytes of a source archive"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ARCHIVE = "thing-1.0.tar.gz"


@dataclass(frozen=True)
class Index:
    """A package index: a folder that a server on the loopback address serves."""

    folder: Path

    def publish(self, content: bytes, fragment: str = "") -> None:
        page = self.folder / "simple" / "thing" / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f'<a href="/{ARCHIVE}{fragment}">{ARCHIVE}</a>')
        (self.folder / ARCHIVE).write_bytes(content)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    folder = tmp_path / "index"
    folder.mkdir()
    with serving(folder) as url:
        monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple")
        pypi._pip_setting.cache_clear()
        yield Index(folder)
    pypi._pip_setting.cache_clear()


def refusal(destination: Path, version: str = "1.0") -> InputError:
    with pytest.raises(InputError) as caught:
        pypi.fetch_sdist("thing", version, SHA256, destination)
    assert not destination.exists() and caught.value.todo
    return caught.value


@pytest.mark.parametrize("fragment", ["", f"#sha256={SHA256}"])
def test_an_archive_is_downloaded_once(index: Index, tmp_path: Path, fragment: str) -> None:
    index.publish(CONTENT, fragment)
    destination = tmp_path / "cache" / ARCHIVE
    assert pypi.fetch_sdist("thing", "1.0", SHA256, destination).read_bytes() == CONTENT
    (index.folder / ARCHIVE).unlink()
    assert pypi.fetch_sdist("thing", "1.0", SHA256, destination) == destination


def test_other_bytes_than_expected_are_refused(index: Index, tmp_path: Path) -> None:
    index.publish(b"something else")
    error = refusal(tmp_path / ARCHIVE)
    assert error.what == "the source archive of thing 1.0 has the wrong content"
    assert error.why == f"its SHA-256 is {hashlib.sha256(b'something else').hexdigest()} instead of {SHA256}"


def test_an_index_without_the_archive_is_named_without_its_url(index: Index, tmp_path: Path) -> None:
    index.publish(CONTENT, f"#sha256={'0' * 64}")
    for version in ("1.0", "2.0"):
        error = refusal(tmp_path / ARCHIVE, version)
        assert (
            error.what == f"the package index has no source archive of thing {version} with SHA-256 {SHA256}"
        )
        assert "http" not in str(error)


@pytest.mark.parametrize("stalled", ["/simple/thing/", f"/{ARCHIVE}"])
def test_an_index_that_sends_a_byte_now_and_then_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stalled: str
) -> None:
    monkeypatch.setattr(least_rate, "WINDOW", 0.3)
    monkeypatch.setattr(least_rate, "LEAST_RATE", 100_000)
    gone = threading.Event()

    def answer(request: Request) -> None:
        if request.path != stalled:
            page = f'<a href="/{ARCHIVE}">{ARCHIVE}</a>'.encode()
            request.answer(200, page, content_type="text/html", content_length=str(len(page)))
            return
        request.answer(200, content_type="text/html")
        while not gone.wait(0.02):
            request.write(b"x")

    with scripted_server(answer) as url:
        monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple")
        pypi._pip_setting.cache_clear()
        error = refusal(tmp_path / ARCHIVE)
        gone.set()
    pypi._pip_setting.cache_clear()
    assert "the server sent less than 100000 bytes a second for 0.3 seconds (3 attempts)" in error.why
    assert "http" not in str(error)


@pytest.mark.parametrize("where", ["page", "archive"])
def test_an_index_that_sends_too_much_is_left(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    index.publish(CONTENT + bytes(5000), f"#{'x' * 5000}" if where == "page" else "")
    if where == "page":
        monkeypatch.setattr(session, "_MAX_IN_MEMORY", 4096)
    else:
        monkeypatch.setattr(pypi, "_MAX_SIZE", 4096)
    error = refusal(tmp_path / ARCHIVE)
    assert (error.what, error.why) == (
        "the answer of a server is larger than expected",
        "it has more than 4 kB",
    )


def test_an_unknown_project_is_an_error(index: Index, tmp_path: Path) -> None:
    assert "has no source archive of thing" in refusal(tmp_path / ARCHIVE).what


def test_an_index_that_does_not_answer_never_shows_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://somebody:secret@127.0.0.1:9/simple")
    pypi._pip_setting.cache_clear()
    error = refusal(tmp_path / ARCHIVE)
    pypi._pip_setting.cache_clear()
    assert error.what == "cannot download the source archive of thing 1.0"
    assert error.why == ("ConnectionError from the package index that pip is configured with (3 attempts)")
    assert "secret" not in str(error)
