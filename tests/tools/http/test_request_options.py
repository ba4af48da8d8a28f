"""Proxies, passwords, times and certificates of one repository, as its servers see them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.connection import NO_PROXY, ConnectionSettings
from altai_build.tools.http.download import fetch_file
from altai_build.tools.http.request_options import make_request_options
from tests.kit.server import Request, scripted_server

USUAL_TIMES = (15.0, 30.0)


def test_a_proxy_is_asked_for_whole_urls_with_both_passwords(tmp_path: Path) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> None:
        asked.append(request)
        request.answer(200, b"content")

    with scripted_server(answer) as url:
        proxy = url.replace("http://", "http://me:so%20secret@")
        connection = ConnectionSettings(proxy=proxy, username="you", password="päss")
        fetch_file("http://mirror.invalid/x", tmp_path / "x", attempts=1, connection=connection)
    (request,) = asked
    assert request.path == "http://mirror.invalid/x"
    sent = [request.headers[name].split(" ")[1] for name in ("proxy-authorization", "authorization")]
    assert [base64.b64decode(text).decode() for text in sent] == ["me:so secret", "you:päss"]


def test_no_proxy_also_means_none_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with scripted_server(lambda request: request.answer(200, b"content")) as url:
        connection = ConnectionSettings(proxy=NO_PROXY)
        assert fetch_file(f"{url}/x", tmp_path / "x", attempts=1, connection=connection).is_file()
        with pytest.raises(InputError, match="cannot download"):
            fetch_file(f"{url}/y", tmp_path / "y", attempts=1)


def test_what_is_not_set_is_as_usual(tmp_path: Path) -> None:
    assert make_request_options(ConnectionSettings(), USUAL_TIMES) == {"timeout": USUAL_TIMES}
    certificate = tmp_path / "certificate"
    certificate.touch()
    file = str(certificate)
    connection = ConnectionSettings(timeout=5, sslcacert=file, sslclientcert=file)
    assert make_request_options(connection, USUAL_TIMES) == {
        "timeout": (5, 5),
        "verify": file,
        "cert": (file, file),
    }


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        (ConnectionSettings(sslcacert="/gone"), "there is no certificate /gone"),
        (ConnectionSettings(proxy="socks5://me:secret@a:1"), "the proxy socks5://a:1 is not supported"),
    ],
)
def test_what_cannot_be_used_is_an_error(connection: ConnectionSettings, message: str) -> None:
    with pytest.raises(InputError) as caught:
        make_request_options(connection, USUAL_TIMES)
    assert caught.value.what == message
