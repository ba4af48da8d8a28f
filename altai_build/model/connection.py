"""How servers are reached: the settings that dnf has under the same names."""

from __future__ import annotations

from dataclasses import dataclass, field

# As in dnf: a proxy that means none, also where the environment names one.
NO_PROXY = "_none_"


@dataclass(frozen=True)
class ConnectionSettings:
    """The settings for the servers of one repository; None stands for the usual value."""

    # The URL of a proxy, or NO_PROXY. None: that of the environment.
    proxy: str | None = None
    # Bytes a second: a server that sends less is left. 0: as slow as it likes.
    minrate: int | None = None
    # Seconds to connect, between two pieces of an answer, and below `minrate`.
    timeout: int | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    # Files: certificates of authorities, in place of the usual ones, and the client's own certificate and key.
    sslcacert: str = ""
    sslclientcert: str = ""
    sslclientkey: str = ""


USUAL_CONNECTION = ConnectionSettings()
