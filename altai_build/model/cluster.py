"""How a run and its workers find and trust one another: the scheduler's address and the certificates of TLS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TlsFiles:
    """The certificates by which the programs of one cluster know one another; all of PEM format."""

    ca: Path  # of the authority that signed every certificate of the cluster
    cert: Path  # this machine's own
    key: Path  # of that certificate, without a passphrase


@dataclass(frozen=True)
class ClusterSettings:
    """Where builds go with `--executor dask`."""

    scheduler: str = ""  # as Dask writes it: tls://HOST:PORT; "" where none is named
    tls: TlsFiles | None = None
    listen: str = (
        ""  # HOST or HOST:PORT at which workers reach this machine; "": the address that leads there
    )
    allows_insecure: bool = False  # a scheduler on another machine without TLS
