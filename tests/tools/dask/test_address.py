"""Addresses: what a scheduler may be, and what is refused without TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path

import pytest

from altai_build.errors import InputError, UnreachableError, UsageError
from altai_build.model.cluster import ClusterSettings, TlsFiles
from altai_build.tools.dask.address import (
    check_scheduler,
    find_obstacle,
    find_own_address,
    is_loopback,
    make_tls_context,
    parse_listen,
)
from tests.kit.certificates import make_cluster_certificates

TLS = TlsFiles(ca=Path("ca"), cert=Path("cert"), key=Path("key"))


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (ClusterSettings("127.0.0.1:8786"), "tcp://127.0.0.1:8786"),
        (ClusterSettings("tcp://localhost:8786"), "tcp://localhost:8786"),
        (ClusterSettings("tcp://[::1]:8786"), "tcp://[::1]:8786"),
        (ClusterSettings("build:8786", tls=TLS), "tls://build:8786"),
        (ClusterSettings("tls://build:8786", tls=TLS), "tls://build:8786"),
        (ClusterSettings("tcp://build:8786", allows_insecure=True), "tcp://build:8786"),
    ],
)
def test_addresses_that_are_accepted(settings: ClusterSettings, address: str) -> None:
    assert check_scheduler(settings)[0] == address


@pytest.mark.parametrize(
    ("settings", "kind", "what"),
    [
        (ClusterSettings(), UsageError, "--executor dask needs a scheduler"),
        (ClusterSettings("http://build:80"), InputError, "is not the address of a Dask scheduler"),
        (ClusterSettings("tcp://build:0"), InputError, "is not the address of a Dask scheduler"),
        (ClusterSettings("tcp://build:8786\n"), InputError, "is not the address of a Dask scheduler"),
        (ClusterSettings("tls://build:8786"), InputError, "needs certificates"),
        # With certificates too: tcp:// would not use them.
        (ClusterSettings("tcp://build:8786", tls=TLS), InputError, "is on another machine and has no TLS"),
        (ClusterSettings("tcp://10.0.0.1:8786"), InputError, "is on another machine and has no TLS"),
        # A name that only looks like this machine.
        (
            ClusterSettings("tcp://localhost.example.org:8786"),
            InputError,
            "is on another machine and has no TLS",
        ),
        (
            ClusterSettings("tcp://127.0.0.1.example.org:8786"),
            InputError,
            "is on another machine and has no TLS",
        ),
    ],
)
def test_addresses_that_are_refused(settings: ClusterSettings, kind: type[Exception], what: str) -> None:
    with pytest.raises(kind, match=what):
        check_scheduler(settings)


def test_the_refusal_names_the_option() -> None:
    with pytest.raises(InputError) as caught:
        check_scheduler(ClusterSettings("tcp://build:8786"))
    assert "--insecure-scheduler" in caught.value.todo and "tls://HOST:PORT" in caught.value.todo


def test_loopback() -> None:
    assert [is_loopback(host) for host in ("127.8.0.1", "::1", "localhost", "0.0.0.0", "host")] == [
        *(True, True, True),
        *(False, False),
    ]


def test_places_to_listen_at() -> None:
    assert parse_listen("head") == ("head", 0)
    assert parse_listen("[fe80::1]:9000") == ("fe80::1", 9000)
    for text in ("head:port", "head:99999", "a b", "", "0.0.0.0", "[::]:8787"):
        with pytest.raises(InputError, match="is neither HOST nor HOST:PORT"):
            parse_listen(text)


def test_the_own_address_is_that_on_the_way() -> None:
    assert find_own_address("127.0.0.1") == "127.0.0.1"
    with pytest.raises(UnreachableError, match=r"no\.invalid cannot be reached"):
        find_own_address("no.invalid")


def test_a_name_may_have_an_address_that_no_way_leads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    unreachable = (socket.AF_INET, socket.SOCK_DGRAM, 0, "", ("255.255.255.255", 9))
    here = (socket.AF_INET, socket.SOCK_DGRAM, 0, "", ("127.0.0.1", 9))
    found = [unreachable, here]
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, type: found)
    assert find_own_address("both") == "127.0.0.1"
    found.pop()
    with pytest.raises(UnreachableError) as caught:
        find_own_address("one")
    assert caught.value.why.startswith("255.255.255.255: ")


def answer_once(reply: bytes | None, context: ssl.SSLContext | None = None) -> str:
    """The place of a server that greets its first client with this, or says nothing until that one hangs up."""
    server = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        with server, server.accept()[0] as connection, contextlib.suppress(OSError):
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            if reply is None:
                connection.recv(1)
            elif reply:
                connection.sendall(reply)
            connection.close()

    threading.Thread(target=work, daemon=True).start()
    return f"127.0.0.1:{server.getsockname()[1]}"


def test_why_a_scheduler_cannot_be_spoken_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, other = (make_cluster_certificates(tmp_path / name) for name in ("one", "other"))
    context = make_tls_context(tls, for_server=True)
    assert find_obstacle("tcp://127.0.0.1:9", None) == "Connection refused"
    assert find_obstacle(f"tcp://{answer_once(b'greeting')}", None) == ""
    assert find_obstacle(f"tls://{answer_once(b'greeting', context)}", tls) == ""
    assert find_obstacle(f"tcp://{answer_once(b'')}", None).startswith("what listens there hangs up")
    for place in (answer_once(b"greeting", context), answer_once(b"greeting")):
        assert find_obstacle(f"tls://{place}", other).startswith("TLS fails (")
    monkeypatch.setattr("altai_build.tools.dask.address._PROBE", 0.1)
    assert find_obstacle(f"tcp://{answer_once(None)}", None) == "nothing was heard from there in 0.1 seconds"


def test_certificates_must_belong_together(tmp_path: Path) -> None:
    tls, other = (make_cluster_certificates(tmp_path / name) for name in ("one", "other"))
    for for_server in (True, False):
        assert not make_tls_context(tls, for_server=for_server).check_hostname
    for wrong in (TLS, TlsFiles(ca=tls.ca, cert=tls.cert, key=other.key)):
        with pytest.raises(InputError, match="the certificates of the cluster cannot be used"):
            make_tls_context(wrong, for_server=True)
