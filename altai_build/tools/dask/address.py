"""Addresses of a cluster: read, and refused where others could listen or pretend to be one of its programs."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from contextlib import ExitStack
from urllib.parse import urlsplit

from altai_build.errors import InputError, UnreachableError, UsageError, describe_cause
from altai_build.model.cluster import ClusterSettings, TlsFiles

_SCHEDULER = re.compile(r"(?:(tcp|tls)://)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_PLACE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_PROBE = 5.0  # seconds
INSECURE_OPTION = "--insecure-scheduler"


def check_scheduler(settings: ClusterSettings) -> tuple[str, str]:
    """The address of the scheduler as Dask takes it, and its host.

    Raises UsageError where none is named, InputError where it is unusable, where TLS has no certificates, and where a
    scheduler of another machine has no TLS and the user did not ask for that.
    """
    if not settings.scheduler:
        raise UsageError(
            "--executor dask needs a scheduler",
            todo="name one with --scheduler ADDRESS, or as dask.scheduler in repos.yaml",
        )
    match = _SCHEDULER.fullmatch(settings.scheduler)
    if match is None or not 0 < int(match[3]) < 65536:
        raise InputError(
            f"{settings.scheduler!r} is not the address of a Dask scheduler",
            todo="write it as `dask scheduler` prints it: tls://HOST:PORT",
        )
    scheme, host, port = match[1] or ("tls" if settings.tls else "tcp"), match[2], int(match[3])
    if scheme == "tls" and settings.tls is None:
        raise InputError(
            f"the scheduler {settings.scheduler} needs certificates",
            why="tls:// was written, but no certificate is named",
            todo="set dask.security (ca, cert, key) in repos.yaml; a worker takes --tls-ca, --tls-cert and --tls-key",
        )
    if scheme == "tcp" and not settings.allows_insecure and not is_loopback(host):
        raise InputError(
            f"the scheduler {settings.scheduler} is on another machine and has no TLS",
            why="anyone who reaches it can run programs on every worker and replace the packages that are built",
            todo="start scheduler and workers with certificates and write tls://HOST:PORT (docs/workers.md), or, in a "
            f"network that only trusted people reach, repeat this with {INSECURE_OPTION}",
        )
    return f"{scheme}://{host}:{port}", host.strip("[]")


def is_loopback(host: str) -> bool:
    """True where a host can only be this machine: an address of the loopback interface, or `localhost`."""
    bare = host.strip("[]")
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return bare == "localhost"


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of HOST or HOST:PORT; port 0 where none is given. Raises InputError.

    An address that means all of this machine means nothing to a worker.
    """
    match = _PLACE.fullmatch(text)
    if match is None or int(match[2] or 0) > 65535 or _is_unspecified(match[1]):
        raise InputError(
            f"{text!r} is neither HOST nor HOST:PORT at which workers reach this machine",
            todo="write the name or an address of this machine",
        )
    return match[1].strip("[]"), int(match[2] or 0)


def _is_unspecified(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return False


def find_own_address(towards: str) -> str:
    """The address of this machine on the way to a host. Raises UnreachableError where no way leads there."""
    causes = []
    try:
        for family, kind, protocol, _, place in socket.getaddrinfo(towards, 9, type=socket.SOCK_DGRAM):
            try:
                with socket.socket(family, kind, protocol) as probe:
                    # Nothing is sent: the kernel chooses the way.
                    probe.connect(place)
                    return str(probe.getsockname()[0])
            except OSError as error:
                # A name may have an address of a kind that this machine has no way for.
                causes.append(f"{place[0]}: {describe_cause(error)}")
    except (OSError, UnicodeError) as error:
        causes.append(describe_cause(error) if isinstance(error, OSError) else str(error))
    raise UnreachableError(
        f"the scheduler's host {towards} cannot be reached",
        why="\n".join(causes),
        todo="check the address, the network and the name service of this machine",
    )


def find_obstacle(address: str, tls: TlsFiles | None) -> str:
    """Why Dask cannot speak with a scheduler, as far as a connection of our own shows; "" where that one works."""
    place = urlsplit(address)
    try:
        with ExitStack() as stack:
            connection = stack.enter_context(
                socket.create_connection((place.hostname or "", place.port or 0), timeout=_PROBE)
            )
            if place.scheme == "tls" and tls is not None:
                context = make_tls_context(tls, for_server=False)
                connection = stack.enter_context(context.wrap_socket(connection))
            # A scheduler speaks first.
            if connection.recv(1):
                return ""
        return "what listens there hangs up: it may be no scheduler, or one with TLS"
    except socket.timeout:
        return f"nothing was heard from there in {_PROBE:g} seconds"
    except ssl.SSLError as error:
        return (
            f"TLS fails ({error.reason or error}): its certificate or this one is not of the same authority or is not "
            "valid today, or there is no TLS"
        )
    except OSError as error:
        return describe_cause(error)


def make_tls_context(tls: TlsFiles, *, for_server: bool) -> ssl.SSLContext:
    """As Dask does: both sides show a certificate of the cluster's own authority; names of hosts do not count.

    Raises InputError for a file that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if for_server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=str(tls.ca))
        # An empty passphrase, lest OpenSSL asks on the terminal.
        context.load_cert_chain(str(tls.cert), str(tls.key), password=b"")
    except (OSError, ValueError) as error:
        raise InputError(
            "the certificates of the cluster cannot be used",
            why=f"{tls.ca}, {tls.cert}, {tls.key}: {describe_cause(error)}",
            todo="check dask.security in repos.yaml, or --tls-ca, --tls-cert and --tls-key: PEM files that belong "
            "together, the key without a passphrase",
        ) from error
    return context
