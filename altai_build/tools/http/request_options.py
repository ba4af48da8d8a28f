"""How a server is reached, in the words of the library requests."""

from __future__ import annotations

import os
from typing import Any

from altai_build.errors import InputError
from altai_build.model.connection import NO_PROXY, ConnectionSettings
from altai_build.tools.url import without_password


def make_request_options(connection: ConnectionSettings, timeout: tuple[float, float]) -> dict[str, Any]:
    """Proxy, password, time and certificates as a session takes them with a request.

    With the request, because those of the environment count more than those of the session. Raises InputError for
    certificates that are missing. `timeout` is the usual one: seconds to connect, and between two pieces.
    """
    for file in (connection.sslcacert, connection.sslclientcert, connection.sslclientkey):
        if file and not os.path.exists(file):
            raise InputError(f"there is no certificate {file}", todo="correct its path in dnf.conf")
    seconds = connection.timeout
    options: dict[str, Any] = {"timeout": timeout if seconds is None else (seconds, seconds)}
    if connection.proxy is not None:
        proxy = "" if connection.proxy == NO_PROXY else connection.proxy
        if proxy and not proxy.lower().startswith(("http://", "https://")):
            raise InputError(
                f"the proxy {without_password(proxy)} is not supported", todo="use a proxy with http or https"
            )
        options["proxies"] = {"http": proxy, "https": proxy}
    if connection.username:
        options["auth"] = (connection.username.encode(), connection.password.encode())
    if connection.sslcacert:
        options["verify"] = connection.sslcacert
    if connection.sslclientcert:
        options["cert"] = (connection.sslclientcert, connection.sslclientkey or connection.sslclientcert)
    return options
